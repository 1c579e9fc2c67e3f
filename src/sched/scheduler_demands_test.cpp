// Scripts for who is first and for what tasks ask of engines: priorities, properties, resources; each rule both ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sched/testing/script.hpp"

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // the scripts
using ::testing::HasSubstr;

const MsgId x("x"), y("y");

// ---- priorities ------------------------------------------------------------------------------------------------

TEST(Priority, S3_83_HigherFirstAndInOrderOfSubmissionWithinOne) {
  Script s({.hwm = 1}, 1);
  s.feed(submit(x));
  s.feed(submit(a));
  s.feed(submit(b, priority(1)), t0 + 1s);
  s.feed(submit(c, priority(-1)), t0 + 2s);
  s.feed(submit(d, priority(1)), t0 + 3s);
  s.feed(submit(y), t0 + 4s);
  EXPECT_EQ(s.ok(x, e0).back(), to(b, e0));
  EXPECT_EQ(s.ok(b, e0).back(), to(d, e0));
  EXPECT_EQ(s.ok(d, e0).back(), to(a, e0));
  EXPECT_EQ(s.ok(a, e0).back(), to(y, e0));
  EXPECT_EQ(s.ok(y, e0).back(), to(c, e0));
}

TEST(Priority, HasNoEffectOnTasksThatNeedNotWait) {
  Script s({}, 2);
  EXPECT_EQ(s.feed(submit(a, priority(-5))), Actions{to(a, e1)});
  EXPECT_EQ(s.feed(submit(b, priority(5))), Actions{to(b, e0)});
}

TEST(Priority, WaitingMakesUpForItSoThatNothingStarves) {
  Script s({.hwm = 1, .aging = 1h}, 1);
  s.feed(submit(x));
  s.feed(submit(a));
  s.feed(submit(b, priority(2)), t0 + 119min);
  EXPECT_EQ(s.ok(x, e0).back(), to(b, e0));
  s.feed(submit(c, priority(2)), t0 + 121min);
  EXPECT_EQ(s.ok(b, e0).back(), to(a, e0));
  EXPECT_EQ(s.ok(a, e0).back(), to(c, e0));
}

TEST(Priority, ARetryKeepsItsTurn) {
  Script s({.hwm = 1}, 2);
  Requirements wanted = priority(1);
  wanted.retries = 1;
  s.feed(submit(a, wanted));  // e1
  s.feed(submit(x));          // e0
  s.feed(submit(b));
  EXPECT_EQ(s.ends(a, e1, Outcome::error), (Actions{hide(a, e1, HideReason::retry), to(b, e1)}));
  s.feed(submit(c));
  EXPECT_EQ(s.ok(x, e0), (Actions{forward(x, e0), to(a, e0)}));
}

TEST(Priority, HoldsAmongTasksOfDifferentDemands) {
  Script s({.hwm = 1});
  s.feed(EngineJoined{e0, {}, having("gpu", Value{1.0})});
  s.feed(submit(x));
  s.feed(submit(a));
  Requirements wanted = needs("gpu", 1);
  wanted.priority = 1;
  s.feed(submit(b, wanted));
  Requirements targeted = on({e0});
  targeted.priority = 2;
  s.feed(submit(c, targeted));
  EXPECT_EQ(s.ok(x, e0).back(), to(c, e0));
  EXPECT_EQ(s.ok(c, e0).back(), to(b, e0));
  EXPECT_EQ(s.ok(b, e0).back(), to(a, e0));
}

// ---- properties ------------------------------------------------------------------------------------------------

TEST(Properties, S3_92_ATaskRunsOnlyWhereItsConditionsHold) {
  Script s;
  s.feed(EngineJoined{e0, {}, having("cores", Value{4.0})});
  s.feed(EngineJoined{e1, {}, having("cores", Value{16.0})});
  s.feed(EngineJoined{e2});  // declares nothing
  EXPECT_EQ(s.feed(submit(a, where("cores", Operator::at_least, Value{8.0}))), Actions{to(a, e1)});
  EXPECT_EQ(s.feed(submit(b, where("cores", Operator::at_least, Value{8.0}))), Actions{});
  EXPECT_EQ(s.feed(submit(c)), Actions{to(c, e2)});
  EXPECT_EQ(s.ok(c, e2), Actions{forward(c, e2)});
  EXPECT_EQ(s.ok(a, e1), (Actions{forward(a, e1), to(b, e1)}));
}

TEST(Properties, S3_92_NeverSatisfiedIsNeverAssignedAndSaysSo) {
  Script s({}, 3);
  EXPECT_EQ(s.feed(submit(a, where("cores", Operator::at_least, Value{8.0}))), Actions{});
  EXPECT_EQ(s.feed(Tick{}, t0 + 100h), Actions{});
  EXPECT_EQ(s.core.why(a), "waiting for an engine that has cores >= 8: none of 3 engines does");
}

TEST(Properties, S3_89_AChangeIsNoticedAtOnce) {
  Script s({}, 1);
  s.feed(submit(a, where("ready", Operator::equal, Value{true})));
  EXPECT_EQ(s.feed(EngineChanged{e0, having("ready", Value{false})}), Actions{});
  EXPECT_EQ(s.feed(EngineChanged{e0, having("ready", Value{true})}), Actions{to(a, e0)});
  s.feed(EngineChanged{e0, {}});  // what runs there stays
  EXPECT_EQ(s.feed(submit(b, where("ready", Operator::equal, Value{true}))), Actions{});
  EXPECT_EQ(s.ok(a, e0), Actions{forward(a, e0)});
  EXPECT_EQ(s.feed(EngineChanged{e1, having("ready", Value{true})}), Actions{});  // nobody knows it
}

TEST(Properties, AnEngineThatRegistersAgainMayHaveOthers) {
  Script s({}, 1);
  s.feed(submit(a, where("rack", Operator::has, Value{true})));
  EXPECT_EQ(s.feed(EngineJoined{e0, {}, having("rack", Value{3.0})}), Actions{to(a, e0)});
}

TEST(Properties, TargetsAndConditionsBothHold) {
  Script s;
  s.feed(EngineJoined{e0, {}, having("gpu", Value{1.0})});
  s.feed(EngineJoined{e1});
  Requirements wanted = where("gpu", Operator::has, Value{true});
  wanted.targets = {e1};
  EXPECT_EQ(s.feed(submit(a, wanted)), Actions{});  // e1 may get a gpu
  EXPECT_EQ(s.feed(EngineChanged{e1, having("gpu", Value{1.0})}), Actions{to(a, e1)});
  wanted.targets = {e2};
  EXPECT_EQ(s.feed(submit(b, wanted)), Actions{failed(b, FailureKind::impossible_dependency)});
}

// ---- resources -------------------------------------------------------------------------------------------------

TEST(Resources, AreCountedForEachEngine) {
  Script s({.hwm = 0});
  s.feed(EngineJoined{e0, {}, having("gpu", Value{2.0})});
  EXPECT_EQ(s.feed(submit(a, needs("gpu", 1))), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(submit(b, needs("gpu", 1))), Actions{to(b, e0)});
  EXPECT_EQ(s.feed(submit(c, needs("gpu", 1))), Actions{});
  EXPECT_EQ(s.feed(submit(d)), Actions{to(d, e0)});  // blocks nobody
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(c, e0)}));
}

TEST(Resources, MoreThanAnyEngineHasWaitsAndSaysSo) {
  Script s;
  s.feed(EngineJoined{e0, {}, having("gpu", Value{2.0})});
  EXPECT_EQ(s.feed(submit(a, needs("gpu", 4))), Actions{});
  EXPECT_EQ(s.core.why(a), "waiting for an engine that has 4 gpu: none of 1 engine does");
  EXPECT_THAT(s.core.story(a), HasSubstr("needs 4 gpu"));
  EXPECT_EQ(s.feed(EngineJoined{e1, {}, having("gpu", Value{4.0})}), Actions{to(a, e1)});
}

TEST(Resources, PartsAddUpExactly) {
  Script s({.hwm = 0});
  s.feed(EngineJoined{e0, {}, having("gpu", Value{1.0})});
  for (int n = 0; n < 10; ++n) {
    EXPECT_EQ(s.feed(submit(MsgId(std::to_string(n)), needs("gpu", 0.1))).size(), 1u) << n;
  }
  EXPECT_EQ(s.feed(submit(a, needs("gpu", 0.1))), Actions{});
}

TEST(Resources, OfADeadEngineAreGone) {
  Script s({.hwm = 0, .engine_grace = 0s});
  s.feed(EngineJoined{e0, {}, having("gpu", Value{1.0})});
  s.feed(submit(a, needs("gpu", 1)));
  s.feed(submit(b, needs("gpu", 1)));
  s.feed(EngineLeft{e0});
  EXPECT_EQ(s.feed(EngineJoined{e1, {}, having("gpu", Value{1.0})}), Actions{to(b, e1)});
}

// ---- why -------------------------------------------------------------------------------------------------------

TEST(Why, NamesWhatATaskWaitsFor) {
  Script s({.hwm = 1});
  EXPECT_EQ(s.core.why(a), "");
  s.feed(submit(a));
  EXPECT_EQ(s.core.why(a), "waiting for an engine: there is none");
  for (int n = 0; n < 3; ++n) {
    s.feed(EngineJoined{EngineId(fmt::format("e{}", n)), EngineNumber{n}, having("gpu", Value{1.0})});
  }
  EXPECT_EQ(s.core.why(a, t0 + 12s), "running on Engine 0 (e0) since 12.0 s");
  s.feed(submit(x));
  s.feed(submit(y));
  s.feed(submit(b));
  EXPECT_EQ(s.core.why(b), "waiting for 3 busy engines");
  s.feed(submit(c, where("gpu", Operator::has, Value{true})));
  EXPECT_EQ(s.core.why(c), "waiting for 3 engines that have property gpu, queued behind 1 task");
  s.feed(submit(d, on({e1})));
  EXPECT_EQ(s.core.why(d), "waiting for Engine 1 (e1), queued behind 2 tasks");
  const MsgId z("z");
  s.feed(submit(z, after({a, d})));
  EXPECT_EQ(s.core.why(z), "waiting for 2 tasks in 'after' to succeed");
  s.ok(a, e0);
  EXPECT_EQ(s.core.why(a), "finished");
}

TEST(Why, ATaskThatEveryEngineRefusedSaysSo) {
  Script s({}, 1);
  s.feed(submit(a));
  s.ends(a, e0, Outcome::unmet);
  EXPECT_EQ(s.core.why(a), "waiting for another engine: the only one has refused or failed it");
}

TEST(Why, ATaskSentAheadSaysBehindHowMany) {
  Script s({.hwm = 3}, 1);
  for (const MsgId& id : {a, b, c}) s.feed(submit(id));
  EXPECT_EQ(s.core.why(c), "sent to Engine 0 (e0), behind 2 tasks");
}

// ---- engines that are to leave ---------------------------------------------------------------------------------

TEST(Draining, GetsNoMoreTasksAndHandsBackWhatItHasNotStarted) {
  Script s({.hwm = 0}, 0);
  s.feed(ours(e0));
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(EngineChanged{e0, having("draining", {true})}), Actions{recall(b, e0)});
  s.feed(ours(e1));
  EXPECT_EQ(s.feed(submit(c)), Actions{to(c, e1)});
  EXPECT_EQ(s.ends(b, e0, Outcome::recalled), (Actions{hide(b, e0, HideReason::recalled), to(b, e1)}));
  EXPECT_EQ(s.ok(a, e0), Actions{forward(a, e0)});
  EXPECT_EQ(s.feed(submit(d)), Actions{to(d, e1)});
}

TEST(Draining, TasksWaitUntilSomebodyTakesThem) {
  Script s({}, 0);
  s.feed(ours(e0, having("draining", {true})));
  EXPECT_EQ(s.feed(submit(a)), Actions{});
  EXPECT_EQ(s.feed(submit(b, on({e0}))), Actions{});
  EXPECT_EQ(s.feed(EngineChanged{e0, {}}), Actions{to(a, e0)});
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(b, e0)}));
}

TEST(Draining, AnIdleOneTakesNothingFromTheBusy) {
  Script s({}, 0);
  s.feed(ours(e0));
  s.feed(submit(a));
  s.feed(submit(b));
  s.feed(ours(e1, having("draining", {true})));
  EXPECT_EQ(s.feed(Tick{}, t0 + 1s), Actions{});
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), to(b, e0)}));
}

}  // namespace
}  // namespace camshaft::sched
