// One script per rule, both ways: events in, actions out.
#include "sched/scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sched/testing/script.hpp"

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // the scripts
using ::testing::HasSubstr;

// ---- placement -------------------------------------------------------------------------------------------------

TEST(Scheduler, SecondTaskWaitsWhileTheEngineIsAtItsHighWaterMark) {
  Script s({.hwm = 1}, 1);
  EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(submit(b)), Actions{});
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(b, e0)}));
}

TEST(Scheduler, HwmTwoLetsTwoThrough) {
  Script s({.hwm = 2}, 1);
  EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(submit(b)), Actions{to(b, e0)});
  EXPECT_EQ(s.feed(submit(c)), Actions{});
}

TEST(Scheduler, HwmZeroHasNoBound) {
  Script s({.hwm = 0}, 1);
  for (int n = 0; n < 100; ++n) EXPECT_EQ(s.feed(submit(MsgId(std::to_string(n)))).size(), 1u);
}

TEST(Scheduler, ANewEngineTakesTheWaitingTasksInOrderOfArrival) {
  Script s({.hwm = 0});
  for (const MsgId& id : {a, b, c}) EXPECT_EQ(s.feed(submit(id)), Actions{});
  EXPECT_EQ(s.feed(EngineJoined{e0}), (Actions{to(a, e0), to(b, e0), to(c, e0)}));
}

TEST(Scheduler, NoTaskRunsTwiceWhenAnEngineJoinsAfterADependencyWasMet) {  // the original does, with hwm 0
  Script s({.hwm = 0}, 1);
  s.feed(submit(a));
  EXPECT_EQ(s.feed(submit(b, after({a}))), Actions{});
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(b, e0)}));
  EXPECT_EQ(s.feed(EngineJoined{e1}), Actions{});
}

TEST(Scheduler, TheLastEngineToJoinIsUsedFirstThenTheLeastRecentlyUsed) {
  Script s({}, 3);
  EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e2)});
  EXPECT_EQ(s.feed(submit(b)), Actions{to(b, e1)});
  s.ok(a, e2);  // an answer does not change the order
  EXPECT_EQ(s.feed(submit(c)), Actions{to(c, e0)});
  EXPECT_EQ(s.feed(submit(d)), Actions{to(d, e2)});
}

TEST(Scheduler, LeastLoadPrefersTheIdleEngineAndLruTheLeastRecentOne) {
  for (const bool least : {true, false}) {
    Script s({.hwm = 0, .scheme = least ? Scheme::leastload : Scheme::lru}, 2);
    s.feed(submit(a));  // e1
    s.feed(submit(b));  // e0
    s.ok(b, e0);
    EXPECT_EQ(s.feed(submit(c)), Actions{to(c, least ? e0 : e1)});
  }
}

TEST(Scheduler, TargetsRestrictATask) {
  Script s({}, 3);
  EXPECT_EQ(s.feed(submit(a, on({e0}))), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(submit(b, on({e0}))), Actions{});
  EXPECT_EQ(s.feed(submit(c)), Actions{to(c, e2)});
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(b, e0)}));
}

TEST(Scheduler, ATaskWithoutALiveTargetIsImpossible) {
  Script s({}, 2);
  EXPECT_EQ(s.feed(submit(a, on({e2}))), Actions{failed(a, FailureKind::impossible_dependency)});
  EXPECT_THAT(s.text, HasSubstr("'a'"));
  s.feed(submit(b, on({e0})));
  s.feed(submit(c, on({e0})));
  EXPECT_EQ(s.feed(EngineLeft{e0}), Actions{failed(c, FailureKind::impossible_dependency)});
}

// ---- dependencies ----------------------------------------------------------------------------------------------

TEST(Scheduler, AfterWaitsForAllAndStartsInOrderOfArrival) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.feed(submit(b));  // e0
  EXPECT_EQ(s.feed(submit(c, after({a, b, a}))), Actions{});
  EXPECT_EQ(s.feed(submit(d)), Actions{});
  EXPECT_EQ(s.ok(a, e1), (Actions{forward(a, e1), to(d, e1)}));
  EXPECT_EQ(s.ok(b, e0), (Actions{forward(b, e0), to(c, e0)}));
}

TEST(Scheduler, AnyStartsAtTheFirstAndSurvivesLaterFailures) {
  Script s({}, 3);
  s.feed(submit(a));  // e2
  s.feed(submit(b));  // e1
  s.feed(submit(c, Requirements{.after = {{a, b}, false}}));
  EXPECT_EQ(s.ends(a, e2, Outcome::error), Actions{forward(a, e2)});
  EXPECT_EQ(s.ok(b, e1), (Actions{forward(b, e1), to(c, e0)}));
}

TEST(Scheduler, DependenciesThatHaveFinishedCountAtOnce) {
  Script s({}, 1);
  s.feed(submit(a));
  s.ok(a, e0);
  EXPECT_EQ(s.feed(submit(b, after({a}))), Actions{to(b, e0)});
}

struct FlagCase {
  bool success, failure;
  Outcome outcome;
  bool runs;
};
class Flags : public ::testing::TestWithParam<FlagCase> {};
TEST_P(Flags, DecideWhatAFinishedTaskCountsAs) {
  for (const bool all : {true, false}) {
    for (const bool early : {true, false}) {
      Script s({}, 1);
      const auto [success, failure, outcome, runs] = GetParam();
      const Submit dependent = submit(b, Requirements{.after = {{a}, all, success, failure}});
      s.feed(submit(a));
      Actions actions;
      if (early) {
        EXPECT_EQ(s.feed(dependent), Actions{});
      }
      actions = s.ends(a, e0, outcome);
      EXPECT_EQ(actions.front(), forward(a, e0));
      if (!early) actions = s.feed(dependent);
      EXPECT_EQ(actions.back(), runs ? to(b, e0) : failed(b, FailureKind::impossible_dependency));
      if (!runs) {
        EXPECT_THAT(s.text, HasSubstr("'a' did not"));
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, Flags,
    ::testing::Values(FlagCase{true, false, Outcome::ok, true}, FlagCase{true, false, Outcome::error, false},
                      FlagCase{true, false, Outcome::aborted, false}, FlagCase{false, true, Outcome::ok, false},
                      FlagCase{false, true, Outcome::error, true}, FlagCase{false, true, Outcome::aborted, true},
                      FlagCase{true, true, Outcome::ok, true}, FlagCase{true, true, Outcome::error, true}));

TEST(Scheduler, InvalidDependencies) {
  Script s({}, 1);
  EXPECT_EQ(s.feed(submit(a, after({MsgId("never seen")}))), Actions{failed(a, FailureKind::invalid_dependency)});
  EXPECT_THAT(s.text, HasSubstr("'never seen'"));
  EXPECT_EQ(s.feed(submit(b, follow({b}))), Actions{failed(b, FailureKind::invalid_dependency)});
  EXPECT_THAT(s.text, HasSubstr("itself"));
  EXPECT_EQ(s.feed(submit(c, Requirements{.after = {{a}, true, false, false}})),
            Actions{failed(c, FailureKind::invalid_dependency)});
  EXPECT_EQ(s.feed(submit(d, Requirements{.after = {{a}, true, false, true}})), Actions{to(d, e0)});  // a has failed
}

TEST(Scheduler, AFailureRunsDownTheGraph) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(submit(b, after({a})));
  s.feed(submit(c, after({b})));
  s.feed(submit(d, Requirements{.after = {{c}, true, false, true}}));
  EXPECT_EQ(s.ends(a, e0, Outcome::error), (Actions{forward(a, e0), failed(b, FailureKind::impossible_dependency),
                                                    failed(c, FailureKind::impossible_dependency), to(d, e0)}));
}

TEST(Scheduler, FollowRunsWhereTheOtherRan) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.ok(a, e1);
  EXPECT_EQ(s.feed(submit(b, follow({a}))), Actions{to(b, e1)});
  EXPECT_EQ(s.feed(submit(c, follow({a}))), Actions{});  // e0 is idle
  EXPECT_EQ(s.ok(b, e1), (Actions{forward(b, e1), to(c, e1)}));
}

TEST(Scheduler, FollowAllOnTwoEnginesIsImpossibleAndFollowAnyIsNot) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.feed(submit(b));  // e0
  s.feed(submit(c, follow({a, b})));
  s.ok(a, e1);
  EXPECT_EQ(s.ok(b, e0), (Actions{forward(b, e0), failed(c, FailureKind::impossible_dependency)}));
  EXPECT_THAT(s.text, HasSubstr("more than one engine"));
  EXPECT_EQ(s.feed(submit(d, Requirements{.follow = {{a, b}, false}})), Actions{to(d, e1)});
}

TEST(Scheduler, FollowOnADeadEngineIsImpossible) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.ok(a, e1);
  s.feed(EngineLeft{e1});
  EXPECT_EQ(s.feed(submit(b, follow({a}))), Actions{failed(b, FailureKind::impossible_dependency)});
}

TEST(Scheduler, ForgottenTasksAreUnknown) {
  Script s({.remembered = 2}, 1);
  for (const MsgId& id : {a, b, MsgId("z1"), MsgId("z2"), c}) {
    s.feed(submit(id));
    s.ok(id, e0);
  }
  EXPECT_EQ(s.feed(submit(MsgId("x"), after({a}))), Actions{failed(MsgId("x"), FailureKind::invalid_dependency)});
  EXPECT_EQ(s.feed(submit(MsgId("y"), after({c}))), Actions{to(MsgId("y"), e0)});
}

// ---- timeouts --------------------------------------------------------------------------------------------------

TEST(Scheduler, ATaskThatWaitsTooLongTimesOut) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(submit(b, timeout(2500ms)), t0 + 1s);
  EXPECT_EQ(s.core.next_deadline(), t0 + 3500ms);
  EXPECT_EQ(s.feed(Tick{}, t0 + 3499ms), Actions{});
  EXPECT_EQ(s.feed(Tick{}, t0 + 3500ms), Actions{failed(b, FailureKind::task_timeout)});
  EXPECT_THAT(s.text, HasSubstr("2.5 s"));
  EXPECT_EQ(s.core.next_deadline(), std::nullopt);
}

TEST(Scheduler, ATimeoutDoesNotTouchARunningTaskAndStartsAnewWithARetry) {
  Script s({}, 1);
  Requirements wanted = timeout(1s);
  wanted.retries = 1;
  EXPECT_EQ(s.feed(submit(a, wanted)), Actions{to(a, e0)});
  EXPECT_EQ(s.core.next_deadline(), std::nullopt);
  EXPECT_EQ(s.feed(Finished{a, e0, Outcome::error}, t0 + 5s), Actions{hide(a, e0, HideReason::retry)});
  EXPECT_EQ(s.feed(Tick{}, t0 + 6s), Actions{failed(a, FailureKind::task_timeout)});  // as the original: no engine left
}

// ---- results ---------------------------------------------------------------------------------------------------

TEST(Scheduler, AnErrorWithoutRetriesGoesToTheClient) {
  Script s({}, 2);
  s.feed(submit(a));
  EXPECT_EQ(s.ends(a, e1, Outcome::error), Actions{forward(a, e1)});
}

TEST(Scheduler, ARetryGoesToAnotherEngineAndNeverBack) {
  Script s({}, 2);
  s.feed(submit(a, retries(2)));
  EXPECT_EQ(s.ends(a, e1, Outcome::error), (Actions{hide(a, e1, HideReason::retry), to(a, e0)}));
  EXPECT_EQ(s.ends(a, e0, Outcome::error), Actions{hide(a, e0, HideReason::retry)});
  EXPECT_EQ(s.feed(EngineJoined{e2}), Actions{to(a, e2)});
  EXPECT_EQ(s.ends(a, e2, Outcome::error), Actions{forward(a, e2)});
}

TEST(Scheduler, UnmetCostsNoRetryAndIsImpossibleWhenEveryTargetRefused) {
  Script s({}, 2);
  s.feed(submit(a, on({e0, e1})));
  EXPECT_EQ(s.ends(a, e1, Outcome::unmet), (Actions{hide(a, e1, HideReason::unmet), to(a, e0)}));
  EXPECT_EQ(s.ends(a, e0, Outcome::unmet),
            (Actions{hide(a, e0, HideReason::unmet), failed(a, FailureKind::impossible_dependency)}));
}

TEST(Scheduler, ARefusedTaskWithoutTargetsWaitsForANewEngineAndBlocksNobody) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.ends(a, e0, Outcome::unmet), (Actions{hide(a, e0, HideReason::unmet), to(b, e0)}));
  EXPECT_EQ(s.ok(b, e0), Actions{forward(b, e0)});
  EXPECT_EQ(s.feed(EngineJoined{e1}), Actions{to(a, e1)});
}

TEST(Scheduler, RetriesKeepTheirPlaceInTheQueue) {
  Script s({}, 2);
  s.feed(submit(a, retries(1)));  // e1
  s.feed(submit(b));              // e0
  s.feed(submit(c));
  EXPECT_EQ(s.ends(a, e1, Outcome::error), (Actions{hide(a, e1, HideReason::retry), to(c, e1)}));
  s.feed(submit(d));
  EXPECT_EQ(s.ok(b, e0), (Actions{forward(b, e0), to(a, e0)}));
}

TEST(Scheduler, LateAndUnknownRepliesAreHidden) {
  Script s({}, 2);
  s.feed(submit(a));
  EXPECT_EQ(s.ok(a, e0), Actions{hide(a, e0, HideReason::late)});  // it runs on e1
  s.ok(a, e1);
  EXPECT_EQ(s.ok(a, e1), Actions{hide(a, e1, HideReason::late)});
  EXPECT_EQ(s.ok(b, e1), Actions{hide(b, e1, HideReason::late)});
}

TEST(Scheduler, ADuplicateFailsAndTheFirstCarriesOn) {
  Script s({}, 1);
  s.feed(submit(a));
  EXPECT_EQ(s.feed(submit(a)), Actions{failed(a, FailureKind::duplicate)});
  EXPECT_EQ(s.ok(a, e0), Actions{forward(a, e0)});
  EXPECT_EQ(s.feed(submit(a)), Actions{failed(a, FailureKind::duplicate)});
}

// ---- death -----------------------------------------------------------------------------------------------------

TEST(Scheduler, TasksOfADeadEngineFailAfterTheGraceTime) {
  Script s({.engine_grace = 5s}, 1);
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(EngineLeft{e0}), Actions{});
  EXPECT_EQ(s.core.next_deadline(), t0 + 5s);
  EXPECT_EQ(s.feed(Tick{}, t0 + 4s), Actions{});
  EXPECT_EQ(s.feed(Tick{}, t0 + 5s), Actions{failed(a, FailureKind::engine_died, e0)});
  EXPECT_EQ(s.text, "Engine 0 (e0) died while running task 'a'");
  EXPECT_EQ(s.ok(a, e0), Actions{hide(a, e0, HideReason::late)});
  EXPECT_EQ(s.feed(EngineJoined{e1}), Actions{to(b, e1)});
}

TEST(Scheduler, WithoutGraceTheyFailAtOnce) {
  Script s({.engine_grace = 0s}, 1);
  s.feed(submit(a));
  EXPECT_EQ(s.feed(EngineLeft{e0}), Actions{failed(a, FailureKind::engine_died, e0)});
  EXPECT_EQ(s.core.engines(), 0u);
}

TEST(Scheduler, AReplyWithinTheGraceTimeCounts) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(EngineLeft{e0});
  EXPECT_EQ(s.ok(a, e0), Actions{forward(a, e0)});
  EXPECT_EQ(s.feed(Tick{}, t0 + 1h), Actions{});
  EXPECT_EQ(s.core.engines(), 0u);
}

TEST(Scheduler, AnEngineThatIsBackWithinTheGraceTimeKeepsItsTasks) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(EngineLeft{e0});
  EXPECT_EQ(s.feed(submit(b)), Actions{});
  EXPECT_EQ(s.feed(EngineJoined{e0}), Actions{});
  EXPECT_EQ(s.feed(Tick{}, t0 + 1h), Actions{});
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(b, e0)}));
}

TEST(Scheduler, ADeathUsesUpARetryAndThreeDeathsArePoison) {
  Script s({.engine_grace = 0s}, 3);
  s.feed(submit(a, retries(99)));
  EXPECT_EQ(s.feed(EngineLeft{e2}), Actions{to(a, e1)});
  EXPECT_EQ(s.feed(EngineLeft{e1}), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(EngineLeft{e0}), Actions{failed(a, FailureKind::poison, e0)});
  EXPECT_THAT(s.text, HasSubstr("not run again"));
}

// ---- abort, drain ----------------------------------------------------------------------------------------------

TEST(Scheduler, AbortEndsQueuedTasksAndTakesRetriesFromRunningOnes) {
  Script s({}, 2);
  s.feed(submit(a, retries(3)));  // e1
  s.feed(submit(b, on({e1})));    // waits
  s.feed(submit(c, after({b})));  // blocked
  s.feed(submit(d, Requirements{.after = {{b}, true, false, true}}));
  EXPECT_EQ(s.feed(Abort{{c, a, b, MsgId("unknown")}}),
            (Actions{failed(c, FailureKind::aborted), failed(b, FailureKind::aborted), to(d, e0)}));
  EXPECT_EQ(s.ends(a, e1, Outcome::aborted), Actions{forward(a, e1)});
}

TEST(Scheduler, DrainAnswersTheQueueLetsRunningTasksReportAndCloses) {
  Script s({}, 1);
  s.feed(submit(a, retries(1)));
  s.feed(submit(b));
  s.feed(submit(c, after({b})));
  EXPECT_EQ(s.feed(Drain{}), (Actions{failed(b, FailureKind::aborted), failed(c, FailureKind::aborted)}));
  EXPECT_THAT(s.text, HasSubstr("stopping"));
  EXPECT_EQ(s.feed(submit(d)), Actions{failed(d, FailureKind::aborted)});
  EXPECT_EQ(s.ends(a, e0, Outcome::error), (Actions{forward(a, e0), Closed{}}));
}

TEST(Scheduler, DrainingNothingClosesAtOnce) {
  Script s({}, 1);
  EXPECT_EQ(s.feed(Drain{}), Actions{Closed{}});
  EXPECT_EQ(s.feed(Drain{}), Actions{});
}

// ---- the rest --------------------------------------------------------------------------------------------------

TEST(Scheduler, PayloadsComeBackAsTheyAre) {
  Scheduler core({}, kSeed);
  const Parcel payload(Frames{Blob::of("frame")});
  core.handle(EngineJoined{e0}, t0);
  EXPECT_EQ(core.handle(Submit{a, client, {}, payload}, t0), Actions{(Dispatch{a, e0, payload})});
  core.handle(Submit{b, client, {}, payload}, t0);
  const Actions actions = core.handle(Abort{{b}}, t0);
  EXPECT_EQ(std::get<Fail>(actions.at(0)).payload, payload);
  core.handle(Finished{a, e0}, t0);
  EXPECT_EQ(payload.use_count(), 2);  // ours and the Fail action's
}

TEST(Scheduler, StoriesSayWhereATaskIs) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(submit(b));
  s.feed(submit(c, after({b})));
  EXPECT_THAT(s.core.story(a), HasSubstr("runs on Engine 0 (e0)"));
  EXPECT_THAT(s.core.story(b), HasSubstr("waits for any engine"));
  EXPECT_THAT(s.core.story(c), HasSubstr("waits for its dependencies"));
  s.ok(a, e0);
  EXPECT_THAT(s.core.story(a), HasSubstr("has succeeded"));
  EXPECT_EQ(s.core.story(d), "");
}

#ifdef NDEBUG
constexpr int kTasks = 100'000;
#else
constexpr int kTasks = 20'000;  // debug builds check the whole queue now and then
#endif

TEST(Scheduler, ALongQueueIsDoneInOrder) {
  Scheduler core({}, kSeed);
  std::vector<Action> actions;
  for (int n = 0; n < kTasks; ++n) core.handle(submit(MsgId(std::to_string(n))), t0, actions);
  EXPECT_EQ(core.queued(), std::size_t{kTasks});
  core.handle(EngineJoined{e0}, t0, actions);
  for (int n = 0; n < kTasks; ++n) {
    ASSERT_EQ(actions.back(), to(MsgId(std::to_string(n)), e0));
    actions.clear();
    core.handle(Finished{MsgId(std::to_string(n)), e0}, t0, actions);
    ASSERT_EQ(actions.front(), forward(MsgId(std::to_string(n)), e0));
  }
  EXPECT_EQ(core.check().value_or(""), "");
  EXPECT_EQ(core.queued() + core.running(), 0u);
}

TEST(Failure, EveryKindHasAnExceptionThatClientsKnow) {
  EXPECT_EQ(exception_name(FailureKind::invalid_dependency), "InvalidDependency");
  EXPECT_EQ(exception_name(FailureKind::impossible_dependency), "ImpossibleDependency");
  EXPECT_EQ(exception_name(FailureKind::task_timeout), "TaskTimeout");
  EXPECT_EQ(exception_name(FailureKind::engine_died), "EngineError");
  EXPECT_EQ(exception_name(FailureKind::aborted), "TaskAborted");
  EXPECT_EQ(exception_name(FailureKind::duplicate), "TaskRejectError");
  EXPECT_EQ(exception_name(FailureKind::poison), "EngineError");
}

}  // namespace
}  // namespace camshaft::sched
