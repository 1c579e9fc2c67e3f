#include "cluster/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace camshaft::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0{};
const EngineRef e0{"s", 0}, e1{"s", 1};

struct Script : ::testing::Test {
  Actions feed(const Event& event, Duration at = 0s) { return s.handle(event, t0 + at); }
  void bring_up() {
    feed(event::StartController{});
    feed(event::StartEngines{"s", 2});
    feed(event::ControllerFiles{});
    feed(event::HubAnswered{{"a", "b"}});
  }
  Supervisor s{{.controller_timeout = 60s, .engine_timeout = 30s, .grace = 5s}};
};

TEST_F(Script, BringsUpTheControllerThenAllEnginesAtOnce) {
  EXPECT_THAT(feed(event::StartController{}), ElementsAre(action::SpawnController{}));
  EXPECT_THAT(feed(event::StartEngines{"s", 2}), IsEmpty());
  EXPECT_TRUE(s.watches_files());
  EXPECT_THAT(feed(event::ControllerFiles{}),
              ElementsAre(action::ControllerReady{}, action::SpawnEngine{e0}, action::SpawnEngine{e1}));
  EXPECT_TRUE(s.watches_hub());
  EXPECT_THAT(feed(event::HubAnswered{{}}), ElementsAre(action::Progress{"s", 0, 2}));
  EXPECT_THAT(feed(event::HubAnswered{{"a"}}), ElementsAre(action::Progress{"s", 1, 2}));
  EXPECT_THAT(feed(event::HubAnswered{{"a"}}), IsEmpty());
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b"}}),
              ElementsAre(action::Progress{"s", 2, 2}, action::EnginesReady{"s", 2}));
  EXPECT_FALSE(s.watches_hub());
  EXPECT_EQ(s.deadline(), std::nullopt);
}

TEST_F(Script, OneProcessMayStandForSeveralEngines) {
  feed(event::StartController{});
  feed(event::StartEngines{"s", 3, 1});
  EXPECT_THAT(feed(event::ControllerFiles{}), ElementsAre(action::ControllerReady{}, action::SpawnEngine{e0}));
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b"}}), ElementsAre(action::Progress{"s", 2, 3}));
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b", "c"}}),
              ElementsAre(action::Progress{"s", 3, 3}, action::EnginesReady{"s", 3}));
  EXPECT_THAT(feed(event::EngineGone{e0, {1, 0}}), ElementsAre(action::EngineStopped{e0, {1, 0}, true, false, 0}));
}

TEST_F(Script, StopsEnginesThenTheController) {
  bring_up();
  EXPECT_THAT(feed(event::StopAll{}),
              ElementsAre(action::SignalEngine{e0, SIGTERM}, action::SignalEngine{e1, SIGTERM}));
  EXPECT_THAT(feed(event::StopAll{}), IsEmpty());
  EXPECT_THAT(feed(event::EngineGone{e1, {0, 0}}), ElementsAre(action::EngineStopped{e1, {0, 0}, true, true, 1}));
  EXPECT_THAT(feed(event::EngineGone{e0, {143, SIGTERM}}),
              ElementsAre(action::EngineStopped{e0, {143, SIGTERM}, true, true, 0}, action::SignalController{SIGTERM}));
  EXPECT_TRUE(s.running());
  EXPECT_THAT(feed(event::ControllerGone{{0, 0}}),
              ElementsAre(action::ControllerStopped{Exit{0, 0}, true, true}, action::AllStopped{}));
  EXPECT_FALSE(s.running());
  EXPECT_THAT(feed(event::StopAll{}), IsEmpty());
}

TEST_F(Script, StartsEnginesThatDieAgain) {
  s = Supervisor({.restarts = {.most = 2, .second = 1s}});
  bring_up();
  EXPECT_THAT(feed(event::EngineGone{e0, {0, 0}}),  // asked to by a client
              ElementsAre(action::EngineStopped{e0, {0, 0}, true, false, 1, 0}));
  EXPECT_THAT(feed(event::EngineGone{e1, {137, SIGKILL}}),  // nobody is left, and still the set goes on
              ElementsAre(action::EngineStopped{e1, {137, SIGKILL}, true, false, 0, 1}));
  EXPECT_EQ(s.deadline(), t0);
  EXPECT_THAT(feed(event::Tick{}), ElementsAre(action::SpawnEngine{e1}, action::EngineRestarted{e1}));
  EXPECT_THAT(feed(event::EngineGone{e1, {1, 0}}), ElementsAre(action::EngineStopped{e1, {1, 0}, true, false, 0, 2}));
  EXPECT_EQ(s.deadline(), t0 + 1s);
  EXPECT_THAT(feed(event::Tick{}, 1s), ElementsAre(action::SpawnEngine{e1}, action::EngineRestarted{e1}));
  EXPECT_THAT(feed(event::EngineGone{e1, {1, 0}}, 1s),
              ElementsAre(action::EngineStopped{e1, {1, 0}, true, false, 0, 0}));
  EXPECT_EQ(s.deadline(), std::nullopt);
}

TEST_F(Script, AStopComesBeforeARestart) {
  s = Supervisor({.restarts = {.most = 2}});
  bring_up();
  feed(event::EngineGone{e0, {1, 0}});
  EXPECT_THAT(feed(event::StopAll{}), ElementsAre(action::SignalEngine{e1, SIGTERM}));
  EXPECT_THAT(feed(event::Tick{}), IsEmpty());
  EXPECT_THAT(feed(event::EngineGone{e1, {1, 0}}),
              ElementsAre(action::EngineStopped{e1, {1, 0}, true, true, 0, 0}, action::SignalController{SIGTERM}));
}

TEST_F(Script, KillsWhatDoesNotStopWithinTheGrace) {
  bring_up();
  feed(event::StopAll{}, 10s);
  feed(event::EngineGone{e1, {}}, 10s);
  EXPECT_EQ(s.deadline(), t0 + 15s);
  EXPECT_THAT(feed(event::Tick{}, 14s), IsEmpty());
  EXPECT_THAT(feed(event::Tick{}, 15s), ElementsAre(action::SignalEngine{e0, SIGKILL}));
  feed(event::EngineGone{e0, {137, SIGKILL}}, 15s);
  EXPECT_THAT(feed(event::Tick{}, 20s), ElementsAre(action::SignalController{SIGKILL}));
  feed(event::ControllerGone{{137, SIGKILL}}, 20s);
  EXPECT_FALSE(s.running());
}

TEST_F(Script, AnEngineThatEndsBeforeItIsReadyFailsItsSet) {
  feed(event::StartController{});
  feed(event::StartEngines{"s", 2});
  feed(event::ControllerFiles{});
  EXPECT_THAT(feed(event::EngineGone{e1, {3, 0}}),
              ElementsAre(action::EngineStopped{e1, {3, 0}, false, false, 1}, action::EnginesFailed{"s", 0, 2, e1},
                          action::SignalEngine{e0, SIGTERM}));
  EXPECT_FALSE(s.watches_hub());
  EXPECT_THAT(feed(event::EngineGone{e0, {0, 0}}), ElementsAre(action::EngineStopped{e0, {0, 0}, false, true, 0}));
}

TEST_F(Script, EnginesThatNeverRegisterRunOutOfTime) {
  feed(event::StartController{});
  feed(event::StartEngines{"s", 1});
  feed(event::ControllerFiles{}, 2s);
  EXPECT_EQ(s.deadline(), t0 + 32s);
  EXPECT_THAT(feed(event::Tick{}, 32s),
              ElementsAre(action::EnginesFailed{"s", 0, 1, std::nullopt}, action::SignalEngine{e0, SIGTERM}));
}

TEST_F(Script, AControllerWithoutFilesRunsOutOfTime) {
  feed(event::StartController{});
  EXPECT_THAT(feed(event::Tick{}, 60s),
              ElementsAre(action::ControllerStopped{std::nullopt, false, false}, action::SignalController{SIGTERM}));
  EXPECT_THAT(feed(event::ControllerGone{{}}, 61s),
              ElementsAre(action::ControllerStopped{Exit{}, true, true}, action::AllStopped{}));
}

TEST_F(Script, TheEndOfTheControllerIsTheEndOfTheEngines) {
  bring_up();
  EXPECT_THAT(feed(event::ControllerGone{{1, 0}}),
              ElementsAre(action::ControllerStopped{Exit{1, 0}, true, false}, action::SignalEngine{e0, SIGTERM},
                          action::SignalEngine{e1, SIGTERM}));
  feed(event::EngineGone{e0, {}});
  EXPECT_THAT(feed(event::EngineGone{e1, {}}),
              ElementsAre(action::EngineStopped{e1, {}, true, true, 0}, action::AllStopped{}));
}

TEST_F(Script, ALostEngineIsReportedAndTheRestGoesOn) {
  bring_up();
  EXPECT_THAT(feed(event::EngineGone{e0, {137, SIGKILL}}),
              ElementsAre(action::EngineStopped{e0, {137, SIGKILL}, true, false, 1}));
  EXPECT_TRUE(s.running());
  EXPECT_FALSE(s.stopping());
}

TEST_F(Script, ALaterSetCountsNewcomersOnly) {
  bring_up();
  EXPECT_THAT(feed(event::StartEngines{"t", 1}), IsEmpty());  // who is there already is asked first
  EXPECT_TRUE(s.watches_hub());
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b", "x"}}), ElementsAre(action::SpawnEngine{{"t", 0}}));
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b", "x"}}), ElementsAre(action::Progress{"t", 0, 1}));
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b", "x", "c"}}),
              ElementsAre(action::Progress{"t", 1, 1}, action::EnginesReady{"t", 1}));
}

TEST_F(Script, AnAdoptedControllerIsNeverStopped) {
  feed(event::AdoptController{});
  feed(event::StartEngines{"s", 1});
  EXPECT_THAT(feed(event::HubAnswered{{"x"}}), ElementsAre(action::SpawnEngine{e0}));
  feed(event::HubAnswered{{"x", "a"}});
  EXPECT_THAT(feed(event::StopAll{}), ElementsAre(action::SignalEngine{e0, SIGTERM}));
  EXPECT_THAT(feed(event::EngineGone{e0, {}}),
              ElementsAre(action::EngineStopped{e0, {}, true, true, 0}, action::AllStopped{}));
}

TEST_F(Script, ASetCanBeStoppedAndStartedAgain) {
  bring_up();
  EXPECT_THAT(feed(event::StopEngines{"s"}),
              ElementsAre(action::SignalEngine{e0, SIGTERM}, action::SignalEngine{e1, SIGTERM}));
  feed(event::EngineGone{e0, {}});
  feed(event::EngineGone{e1, {}});
  EXPECT_THAT(feed(event::StartEngines{"s", 1}), IsEmpty());
  // The hub may still list the engines that are gone; they do not count.
  EXPECT_THAT(feed(event::HubAnswered{{"a", "b"}}), ElementsAre(action::SpawnEngine{e0}));
  EXPECT_THAT(feed(event::HubAnswered{{"b"}}), ElementsAre(action::Progress{"s", 0, 1}));
  EXPECT_THAT(feed(event::HubAnswered{{"c"}}), ElementsAre(action::Progress{"s", 1, 1}, action::EnginesReady{"s", 1}));
}

TEST_F(Script, OneEngineIsStoppedAndTheOthersGoOn) {
  bring_up();
  EXPECT_THAT(feed(event::StopEngine{e0}), ElementsAre(action::SignalEngine{e0, SIGTERM}));
  EXPECT_THAT(feed(event::StopEngine{e0}), IsEmpty());
  EXPECT_THAT(feed(event::StopEngine{{"s", 7}}), IsEmpty());
  EXPECT_EQ(s.deadline(), t0 + 5s);
  EXPECT_THAT(feed(event::Tick{}, 5s), ElementsAre(action::SignalEngine{e0, SIGKILL}));
  EXPECT_THAT(feed(event::EngineGone{e0, {137, SIGKILL}}),
              ElementsAre(action::EngineStopped{e0, {137, SIGKILL}, true, true, 1}));
  EXPECT_EQ(s.deadline(), std::nullopt);
  EXPECT_TRUE(s.running());
}

TEST_F(Script, ASetIsReadyWithoutAnEngineThatWasStoppedBefore) {
  feed(event::StartController{});
  feed(event::StartEngines{"s", 2});
  feed(event::ControllerFiles{});
  feed(event::StopEngine{e1});
  feed(event::EngineGone{e1, {}});
  EXPECT_THAT(feed(event::HubAnswered{{"a"}}), ElementsAre(action::Progress{"s", 1, 1}, action::EnginesReady{"s", 1}));
}

TEST_F(Script, OneEngineIsStartedAgain) {
  bring_up();
  EXPECT_THAT(feed(event::RestartEngine{e1}), ElementsAre(action::SignalEngine{e1, SIGTERM}));
  EXPECT_THAT(feed(event::EngineGone{e1, {}}), ElementsAre(action::EngineStopped{e1, {}, true, true, 1},
                                                           action::SpawnEngine{e1}, action::EngineRestarted{e1}));
  feed(event::EngineGone{e1, {1, 0}});
  EXPECT_THAT(feed(event::RestartEngine{e1}), ElementsAre(action::SpawnEngine{e1}, action::EngineRestarted{e1}));
}

TEST_F(Script, AnEngineAsksToBeStartedAgainByItsExitCode) {
  bring_up();
  EXPECT_THAT(feed(event::EngineGone{e0, {kRestartCode, 0}}),
              ElementsAre(action::EngineStopped{e0, {kRestartCode, 0}, true, true, 1}, action::SpawnEngine{e0},
                          action::EngineRestarted{e0}));
  feed(event::StopAll{});
  EXPECT_THAT(feed(event::EngineGone{e0, {kRestartCode, 0}}),
              ElementsAre(action::EngineStopped{e0, {kRestartCode, 0}, true, true, 1}));
}

TEST_F(Script, TheLastEngineOfASetCanBeStartedAgain) {
  bring_up();
  feed(event::StopEngine{e0});
  feed(event::EngineGone{e0, {}});
  feed(event::EngineGone{e1, {1, 0}});
  EXPECT_THAT(feed(event::RestartEngine{e0}), ElementsAre(action::SpawnEngine{e0}, action::EngineRestarted{e0}));
  EXPECT_THAT(feed(event::StopAll{}), ElementsAre(action::SignalEngine{e0, SIGTERM}));
}

TEST_F(Script, StoppingNothingIsAtOnceDone) { EXPECT_THAT(feed(event::StopAll{}), ElementsAre(action::AllStopped{})); }

TEST(ExitText, NamesCodeOrSignal) {
  EXPECT_EQ(describe({3, 0}), "exit code 3");
  EXPECT_EQ(describe({137, SIGKILL}), "killed by signal 9 (Killed)");
}

}  // namespace
}  // namespace camshaft::cluster
