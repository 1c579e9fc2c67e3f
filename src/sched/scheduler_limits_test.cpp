// Scripts for time limits, for aborts of tasks that run, and for tasks that are asked back; each rule both ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sched/testing/script.hpp"

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // the scripts
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// ---- time limits -----------------------------------------------------------------------------------------------

TEST(TimeLimit, InterruptsThenKillsAndTheTaskFails) {
  Script s({.engine_grace = 0s}, 1);
  EXPECT_EQ(s.feed(submit(a, limited(2s, 1s))), Actions{to(a, e0)});
  EXPECT_EQ(s.core.next_deadline(), t0 + 2s);
  EXPECT_EQ(s.feed(Tick{}, t0 + 1999ms), Actions{});
  EXPECT_EQ(s.feed(Tick{}, t0 + 2s), Actions{interrupt(a, e0)});
  EXPECT_EQ(s.core.next_deadline(), t0 + 3s);
  EXPECT_EQ(s.feed(Tick{}, t0 + 3s), Actions{kill(a, e0)});
  EXPECT_EQ(s.feed(EngineLeft{e0}, t0 + 3100ms), Actions{failed(a, FailureKind::time_limit, e0)});
  EXPECT_THAT(s.text, HasSubstr("time limit of 2 s"));
  EXPECT_EQ(s.core.next_deadline(), std::nullopt);
}

TEST(TimeLimit, ATaskThatEndsInTimeIsLeftAlone) {
  Script s({}, 1);
  s.feed(submit(a, limited(2s, 1s)));
  EXPECT_EQ(s.feed(Finished{a, e0}, t0 + 1s), Actions{forward(a, e0)});
  EXPECT_EQ(s.core.next_deadline(), std::nullopt);
  EXPECT_EQ(s.feed(Tick{}, t0 + 1h), Actions{});
}

TEST(TimeLimit, TheErrorOfAnInterruptedTaskBecomesATimeout) {
  Script s({}, 1);
  s.feed(submit(a, limited(2s, 1s)));
  s.feed(Tick{}, t0 + 2s);
  EXPECT_EQ(s.feed(Finished{a, e0, Outcome::error}, t0 + 2100ms),
            (Actions{hide(a, e0, HideReason::time_limit), failed(a, FailureKind::time_limit)}));
  EXPECT_THAT(s.text, HasSubstr("interrupted"));
}

TEST(TimeLimit, AResultThatComesAllTheSameCounts) {
  Script s({}, 1);
  s.feed(submit(a, limited(2s, 1s)));
  s.feed(Tick{}, t0 + 2s);
  EXPECT_EQ(s.feed(Finished{a, e0}, t0 + 2100ms), Actions{forward(a, e0)});
}

TEST(TimeLimit, RetriesApplyAndTheLimitStartsAnew) {
  Script s({}, 2);
  EXPECT_EQ(s.feed(submit(a, limited(2s, 1s, 1))), Actions{to(a, e1)});
  s.feed(Tick{}, t0 + 2s);
  EXPECT_EQ(s.feed(Finished{a, e1, Outcome::error}, t0 + 2500ms), (Actions{hide(a, e1, HideReason::retry), to(a, e0)}));
  EXPECT_EQ(s.core.next_deadline(), t0 + 4500ms);
  s.feed(Tick{}, t0 + 4500ms);
  EXPECT_EQ(s.feed(Finished{a, e0, Outcome::error}, t0 + 5s),
            (Actions{hide(a, e0, HideReason::time_limit), failed(a, FailureKind::time_limit)}));
}

TEST(TimeLimit, WithoutGraceItKillsAtOnceAndAgainUntilTheEngineIsGone) {
  Script s({}, 1);
  s.feed(submit(a, limited(2s, 0s)));
  EXPECT_EQ(s.feed(Tick{}, t0 + 2s), Actions{kill(a, e0)});
  EXPECT_EQ(s.feed(Tick{}, t0 + 3s), Actions{kill(a, e0)});
}

TEST(TimeLimit, RunsFromTheTurnOfTheTaskNotFromItsDispatch) {
  Script s({.hwm = 2}, 1);
  s.feed(submit(b));
  EXPECT_EQ(s.feed(submit(a, limited(2s, 1s))), Actions{to(a, e0)});
  EXPECT_EQ(s.core.next_deadline(), std::nullopt);
  s.feed(Finished{b, e0}, t0 + 10s);
  EXPECT_EQ(s.core.next_deadline(), t0 + 12s);
}

TEST(TimeLimit, NothingMoreIsSentBehindATaskThatIsStopped) {
  Script s({.hwm = 3});
  s.feed(ours(e0));
  s.feed(submit(a, limited(2s, 1s)));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(Tick{}, t0 + 2s), (Actions{recall(b, e0), interrupt(a, e0)}));
  EXPECT_EQ(s.feed(submit(c), t0 + 2s), Actions{});
  EXPECT_EQ(s.feed(Finished{b, e0, Outcome::recalled}, t0 + 2s), Actions{hide(b, e0, HideReason::recalled)});
  EXPECT_EQ(s.feed(Finished{a, e0, Outcome::error}, t0 + 2s),
            (Actions{hide(a, e0, HideReason::time_limit), failed(a, FailureKind::time_limit), to(b, e0), to(c, e0)}));
}

TEST(TimeLimit, AKillIsNoPoisonButACrashIs) {
  for (const bool killed : {true, false}) {
    Script s({.engine_grace = 0s, .poison_deaths = 2}, 2);
    s.feed(submit(a, limited(2s, 0s, 9)));  // e1
    if (killed) s.feed(Tick{}, t0 + 2s);
    EXPECT_EQ(s.feed(EngineLeft{e1}, t0 + 2s), Actions{to(a, e0)});
    if (killed) s.feed(Tick{}, t0 + 4s);
    const Actions end = s.feed(EngineLeft{e0}, t0 + 4s);
    EXPECT_EQ(end, killed ? Actions{} : Actions{failed(a, FailureKind::poison, e0)});
  }
}

// ---- death with several tasks ----------------------------------------------------------------------------------

TEST(Death, OnlyTheTaskThatRanIsToBlame) {
  Script s({.hwm = 0, .engine_grace = 0s, .poison_deaths = 1}, 1);
  s.feed(submit(a, retries(1)));
  s.feed(submit(b, retries(1)));
  s.feed(submit(c));
  EXPECT_EQ(s.feed(EngineLeft{e0}),
            (Actions{failed(a, FailureKind::poison, e0), failed(c, FailureKind::engine_died, e0)}));
  EXPECT_THAT(s.text, HasSubstr("may have started"));
  EXPECT_EQ(s.feed(EngineJoined{e1}), Actions{to(b, e1)});
}

// ---- aborts ----------------------------------------------------------------------------------------------------

TEST(Abort, S3_88_RunningTasksRunOnUnlessToldOtherwise) {
  for (const How how : {How::queued, How::interrupt, How::kill}) {
    Script s({}, 1);
    s.feed(submit(a, retries(3)));
    const Actions orders = s.feed(Abort{{a}, how});
    EXPECT_EQ(orders, how == How::queued      ? Actions{}
                      : how == How::interrupt ? Actions{interrupt(a, e0)}
                                              : Actions{kill(a, e0)});
    EXPECT_EQ(s.ends(a, e0, Outcome::error), Actions{forward(a, e0)});  // its retries are gone
    EXPECT_EQ(s.feed(Abort{{a}, how}), Actions{});                      // too late is no error
  }
}

TEST(Abort, AKilledEngineEndsTheTaskAsAborted) {
  Script s({.engine_grace = 0s}, 1);
  s.feed(submit(a));
  s.feed(Abort{{a}, How::kill});
  EXPECT_EQ(s.feed(EngineLeft{e0}), Actions{failed(a, FailureKind::aborted, e0)});
  EXPECT_THAT(s.text, HasSubstr("was killed"));
}

TEST(Abort, PrefetchedTasksAreAskedBack) {
  Script s({.hwm = 2});
  s.feed(ours(e0));
  s.feed(submit(a));
  s.feed(submit(b, retries(1)));
  EXPECT_EQ(s.feed(Abort{{b}}), Actions{recall(b, e0)});
  EXPECT_EQ(s.feed(Abort{{b}}), Actions{});  // once is enough
  EXPECT_EQ(s.ends(b, e0, Outcome::recalled),
            (Actions{hide(b, e0, HideReason::recalled), failed(b, FailureKind::aborted)}));
  EXPECT_THAT(s.text, HasSubstr("before it started"));
}

TEST(Abort, APrefetchedTaskThatHasStartedEndsWithItsOwnResult) {
  Script s({.hwm = 2});
  s.feed(ours(e0));
  s.feed(submit(a));
  s.feed(submit(b));
  s.feed(Abort{{b}});
  s.ok(a, e0);
  EXPECT_EQ(s.ok(b, e0), Actions{forward(b, e0)});
}

TEST(Abort, EnginesThatCannotHandBackAreOnlyToldOfWhatTheyRun) {
  Script s({.hwm = 2}, 1);
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(Abort{{b}, How::interrupt}), Actions{});  // a would be hit
  EXPECT_EQ(s.feed(Abort{{a}, How::interrupt}), Actions{interrupt(a, e0)});
}

TEST(Abort, AKillSparesTheOthers) {
  Script s({.hwm = 3});
  s.feed(ours(e0));
  for (const MsgId& id : {a, b, c}) s.feed(submit(id));
  EXPECT_THAT(s.feed(Abort{{a}, How::kill}),
              UnorderedElementsAre(recall(a, e0), recall(b, e0), recall(c, e0), kill(a, e0)));
}

TEST(Abort, WhatIsAbortedIsNotTriedElsewhere) {
  Script s({}, 2);
  s.feed(submit(a));
  s.feed(Abort{{a}});
  EXPECT_EQ(s.ends(a, e1, Outcome::unmet), (Actions{hide(a, e1, HideReason::unmet), failed(a, FailureKind::aborted)}));
}

TEST(Drain, AsksForWhatHasNotStarted) {
  Script s({.hwm = 2});
  s.feed(ours(e0));
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(Drain{}), Actions{recall(b, e0)});
  EXPECT_EQ(s.ends(b, e0, Outcome::recalled),
            (Actions{hide(b, e0, HideReason::recalled), failed(b, FailureKind::aborted)}));
  EXPECT_EQ(s.ok(a, e0), (Actions{forward(a, e0), Closed{}}));
}

// ---- hwm auto --------------------------------------------------------------------------------------------------

/// Teaches the scheduler that tasks without a label take `took` and that messages need `trip`.
void warm_up(Script& s, const EngineId& engine, Duration took, Duration trip, int times = 8) {
  for (int n = 0; n < times; ++n) {
    const MsgId id(fmt::format("warm {} {}", engine.value, n));
    const TimePoint start = t0 + n * 1ms;
    ASSERT_EQ(s.feed(submit(id, on({engine})), start), Actions{to(id, engine)});
    s.feed(Finished{id, engine, Outcome::ok, took}, start + took + trip);
  }
}

TEST(HwmAuto, ShortTasksArePrefetchedAndLongOnesAreNot) {
  for (const Duration took : {100us, 1'000'000us}) {
    Script s;
    s.feed(ours(e0));
    warm_up(s, e0, took, 1ms);
    EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e0)});
    EXPECT_EQ(s.feed(submit(b)), took == 100us ? Actions{to(b, e0)} : Actions{});
  }
}

TEST(HwmAuto, AnIdleEngineGetsWhatOthersHaveNotStarted) {
  Script s;
  s.feed(ours(e0));
  warm_up(s, e0, 10ms, 1ms);
  for (const MsgId& id : {a, b}) EXPECT_EQ(s.feed(submit(id)), Actions{to(id, e0)});
  EXPECT_EQ(s.feed(submit(c)), Actions{});
  // A second engine gets what waits; when that is done it gets what the first has too much of.
  EXPECT_EQ(s.feed(ours(e1), t0 + 1ms), Actions{to(c, e1)});
  EXPECT_EQ(s.feed(Finished{c, e1, Outcome::ok, 1ms}, t0 + 3ms), (Actions{forward(c, e1), recall(b, e0)}));
  EXPECT_EQ(s.feed(Finished{b, e0, Outcome::recalled}, t0 + 4ms),
            (Actions{hide(b, e0, HideReason::recalled), to(b, e1)}));
}

TEST(HwmAuto, AnAnswerThatBeatsTheRecallIsTheResult) {
  Script s;
  s.feed(ours(e0));
  warm_up(s, e0, 10ms, 1ms);
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(ours(e1), t0 + 1ms), Actions{recall(b, e0)});
  EXPECT_EQ(s.feed(Finished{a, e0}, t0 + 2ms), Actions{forward(a, e0)});
  EXPECT_EQ(s.feed(Finished{b, e0}, t0 + 3ms), Actions{forward(b, e0)});
}

TEST(HwmAuto, WhatMayNotRunElsewhereStays) {
  Script s;
  s.feed(ours(e0));
  warm_up(s, e0, 10ms, 1ms);
  s.feed(submit(a));
  EXPECT_EQ(s.feed(submit(b, on({e0}))), Actions{to(b, e0)});
  EXPECT_EQ(s.feed(ours(e1), t0 + 1ms), Actions{});
}

TEST(HwmAuto, AnEngineThatMayBeBusyWithDirectWorkIsAskedForItsOnlyTask) {
  Script s;
  s.feed(ours(e0));
  EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(ours(e1)), Actions{});
  // Nobody knows whether e0 has begun; if it has, it does not answer, and is not asked again.
  EXPECT_EQ(s.feed(Tick{}, *s.core.next_deadline()), Actions{recall(a, e0)});
  EXPECT_FALSE(s.core.next_deadline());
  EXPECT_EQ(s.feed(Finished{a, e0, Outcome::recalled}, t0 + 6ms),
            (Actions{hide(a, e0, HideReason::recalled), to(a, e1)}));
  // The next one has twice the time, and so on: the task does not run around among engines that are all busy.
  Actions actions;
  TimePoint now = t0 + 6ms;
  while (actions.empty() && now < t0 + 1s) actions = s.feed(Tick{}, now = *s.core.next_deadline());
  EXPECT_EQ(actions, Actions{recall(a, e1)});
  EXPECT_GE(now, t0 + 6ms + 10ms);
  EXPECT_LE(now, t0 + 6ms + 30ms);
  EXPECT_EQ(s.feed(Finished{a, e1}, now), Actions{forward(a, e1)});
  EXPECT_EQ(s.feed(Tick{}, now + 1s), Actions{});
  EXPECT_FALSE(s.core.next_deadline());
}

TEST(HwmAuto, WhoeverMayNotHaveTheOnlyTaskLooksForItLessAndLessOften) {
  Script s;
  s.feed(ours(e0));
  s.feed(submit(a, on({e0})));
  s.feed(ours(e1));
  TimePoint now = t0;
  int looks = 0;
  for (; now < t0 + 60s; ++looks) {
    now = *s.core.next_deadline();
    EXPECT_EQ(s.feed(Tick{}, now), Actions{});
  }
  EXPECT_LT(looks, 60);
  // A task that may be moved is looked for at once.
  EXPECT_EQ(s.feed(submit(b), now), Actions{to(b, e1)});
  EXPECT_EQ(s.feed(ours(e2), now), Actions{});
  EXPECT_EQ(*s.core.next_deadline(), now + 5ms);
  EXPECT_EQ(s.feed(Tick{}, now + 5ms), Actions{recall(b, e1)});
}

TEST(HwmAuto, ATaskBehindASurpriseIsNoticedAtTheNextLook) {
  Script s;
  s.feed(ours(e0));
  warm_up(s, e0, 100us, 1ms);
  s.feed(submit(a));
  s.feed(submit(b));
  EXPECT_EQ(s.feed(ours(e1)), Actions{});  // b will have been done before an order could arrive
  ASSERT_TRUE(s.core.next_deadline());
  EXPECT_EQ(s.feed(Tick{}, *s.core.next_deadline()), Actions{recall(b, e0)});
}

TEST(HwmAuto, OtherEnginesHoldOneTask) {
  Script s({}, 1);
  warm_up(s, e0, 100us, 1ms);
  EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(submit(b)), Actions{});
}

}  // namespace
}  // namespace camshaft::sched
