#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const EngineId e0("e0"), e1("e1");
const MsgId a("a"), b("b"), c("c");
const ClientId client("client");

struct AdoptionTest : ::testing::Test {
  Scheduler scheduler{{.hwm = 1, .engine_grace = seconds(1)}, 1};
  TimePoint now{};

  std::vector<Action> feed(Event event) {
    auto actions = scheduler.handle(std::move(event), now);
    EXPECT_EQ(scheduler.check(), std::nullopt);
    return actions;
  }
  std::vector<Action> adopt(const MsgId& id, const EngineId& engine, std::int32_t retries = 0) {
    std::vector<Action> out;
    Submit task{id, client};
    task.requirements.retries = retries;
    scheduler.adopt(std::move(task), engine, now, out);
    EXPECT_EQ(scheduler.check(), std::nullopt);
    return out;
  }
  template <class What>
  std::vector<Action> tell(What what, const MsgId& id, const EngineId& engine) {
    std::vector<Action> out;
    for (const auto& task : scheduler.in_flight(engine))
      if (task.id == id) (scheduler.*what)(task, engine, now, out);
    EXPECT_EQ(scheduler.check(), std::nullopt);
    return out;
  }
};

TEST_F(AdoptionTest, AnAdoptedTaskRunsWithoutBeingSent) {
  feed(EngineJoined{e0});
  EXPECT_THAT(adopt(a, e0), IsEmpty());
  EXPECT_EQ(scheduler.running(), 1u);
  EXPECT_THAT(feed(Submit{b, client}), IsEmpty()) << "the engine is busy";
  EXPECT_THAT(feed(Finished{a, e0}), ElementsAre(Forward{a, e0, client}, Dispatch{b, e0}));
  EXPECT_THAT(adopt(b, e0), IsEmpty()) << "known already";
  EXPECT_EQ(scheduler.running(), 1u);
}

TEST_F(AdoptionTest, AnEngineWithMoreThanItsBoundGetsNothingUntilItHasRoom) {
  feed(EngineJoined{e0});
  adopt(a, e0);
  adopt(b, e0);
  feed(Submit{c, client});
  EXPECT_THAT(feed(Finished{a, e0}), ElementsAre(Forward{a, e0, client}));
  EXPECT_THAT(feed(Finished{b, e0}), ElementsAre(Forward{b, e0, client}, Dispatch{c, e0}));
}

TEST_F(AdoptionTest, AnAdoptedTaskOfAnEngineThatIsGoneFailsOrIsRepeated) {
  EXPECT_THAT(adopt(a, e0),
              ElementsAre(::testing::VariantWith<Fail>(::testing::Field(&Fail::kind, FailureKind::engine_died))));
  feed(EngineJoined{e1});
  EXPECT_THAT(adopt(b, e0, 1), ElementsAre(Dispatch{b, e1}));
}

TEST_F(AdoptionTest, OthersMayDependOnWhatIsAdoptedOrRemembered) {
  feed(EngineJoined{e0});
  adopt(a, e0);
  scheduler.remember(b, true);
  Submit after{c, client};
  after.requirements.after.ids = {a, b};
  EXPECT_THAT(feed(std::move(after)), IsEmpty());
  EXPECT_THAT(feed(Finished{a, e0}), ElementsAre(Forward{a, e0, client}, Dispatch{c, e0}));
  EXPECT_EQ(scheduler.is_live(c), true);
  EXPECT_EQ(scheduler.is_live(b), false);
  EXPECT_EQ(scheduler.is_live(MsgId("never")), std::nullopt);
}

TEST_F(AdoptionTest, WhatAnEngineNeverGotGoesElsewhere) {
  feed(EngineJoined{e0});
  feed(Submit{a, client});
  const auto sent = scheduler.in_flight(e0);
  ASSERT_THAT(sent, ElementsAre(Scheduler::InFlight{a, 1}));
  EXPECT_THAT(tell(&Scheduler::give_back, a, e0), ElementsAre(Dispatch{a, e0}));
  std::vector<Action> out;
  scheduler.give_back(sent.front(), e0, now, out);
  EXPECT_THAT(out, IsEmpty()) << "it has been sent again since";
}

TEST_F(AdoptionTest, ALostResultIsAnErrorUnlessThereAreRetries) {
  feed(EngineJoined{e0});
  adopt(a, e0, 1);
  EXPECT_THAT(tell(&Scheduler::lose_result, a, e0), ElementsAre(Dispatch{a, e0}));
  EXPECT_THAT(tell(&Scheduler::lose_result, a, e0),
              ElementsAre(::testing::VariantWith<Fail>(::testing::Field(&Fail::kind, FailureKind::engine_died))));
  EXPECT_EQ(scheduler.queued() + scheduler.running(), 0u);
}

TEST_F(AdoptionTest, AnEngineOnItsWayOutCanStillBeSettledWith) {
  feed(EngineJoined{e0});
  feed(Submit{a, client});
  feed(EngineLeft{e0});
  EXPECT_THAT(tell(&Scheduler::give_back, a, e0), IsEmpty());
  EXPECT_EQ(scheduler.queued(), 1u);
  EXPECT_THAT(feed(EngineJoined{e1}), ElementsAre(Dispatch{a, e1}));
}

}  // namespace
}  // namespace camshaft::sched
