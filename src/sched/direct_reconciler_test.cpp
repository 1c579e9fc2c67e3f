#include "sched/direct_reconciler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Why = DirectEnded::Why;

const EngineId e0("e0"), e1("e1");
const MsgId a("a"), b("b"), c("c");

struct DirectReconcilerTest : ::testing::Test {
  DirectReconcilerTest() { direct.set_patience(100s); }
  DirectReconciler direct;
  TimePoint start{};

  std::vector<DirectAction> watch(const EngineId& engine, std::vector<MsgId> ids, Duration at = 0s) {
    DirectReconciler::Out out;
    direct.watch(engine, ids, start + at, out);
    return out;
  }
  std::vector<DirectAction> back(const EngineId& engine, bool answers = true) {
    DirectReconciler::Out out;
    direct.engine_back(engine, answers, out);
    return out;
  }
  std::vector<DirectAction> answered(const EngineId& engine, const DirectReconciler::Told& told, Duration at) {
    DirectReconciler::Out out;
    direct.answered(engine, told, start + at, out);
    return out;
  }
  std::vector<DirectAction> tick(Duration at) {
    DirectReconciler::Out out;
    direct.tick(start + at, out);
    return out;
  }
};

TEST_F(DirectReconcilerTest, WhatTheEngineHasComesOrEndsWithIt) {
  EXPECT_THAT(watch(e0, {b, a}), IsEmpty());
  EXPECT_THAT(back(e1), IsEmpty());
  EXPECT_THAT(back(e0), ElementsAre(DirectAction(AskDirect{e0, {a, b}})));
  EXPECT_THAT(answered(e0, {.held = {a}, .done = {b}}, 1s), ElementsAre(DirectAction(DirectHeld{e0, {a, b}})));
  EXPECT_EQ(direct.next_deadline(), std::nullopt);
  EXPECT_THAT(answered(e0, {.held = {a}}, 2s), IsEmpty());
}

TEST_F(DirectReconcilerTest, WhatNobodySendsAgainEndsWhenThePatienceIsOver) {
  back(e0);
  EXPECT_THAT(watch(e0, {a, b, c}, 5s), ElementsAre(DirectAction(AskDirect{e0, {a, b, c}})));
  EXPECT_THAT(answered(e0, {.lost = {b}}, 6s), IsEmpty());
  EXPECT_EQ(direct.next_deadline(), start + 105s);
  EXPECT_THAT(tick(104s), IsEmpty());
  EXPECT_THAT(tick(105s), ElementsAre(DirectAction(AskDirect{e0, {a, b, c}})));
  EXPECT_EQ(direct.next_deadline(), std::nullopt);
  // The client of one has sent it again meanwhile.
  EXPECT_THAT(answered(e0, {.held = {c}, .lost = {b}}, 106s),
              ElementsAre(DirectAction(DirectHeld{e0, {c}}), DirectAction(DirectEnded{Why::lost, e0, {b}}),
                          DirectAction(DirectEnded{Why::never_arrived, e0, {a}})));
  EXPECT_THAT(tick(1000s), IsEmpty());
}

TEST_F(DirectReconcilerTest, AnEngineThatStaysAwayEndsWhatItMayHaveHad) {
  watch(e0, {a});
  EXPECT_THAT(tick(100s), ElementsAre(DirectAction(DirectEnded{Why::engine_missing, e0, {a}})));
  EXPECT_THAT(back(e0), IsEmpty());
}

TEST_F(DirectReconcilerTest, AnEngineThatLeavesBeforeItAnswersIsAwaitedAgain) {
  back(e0);
  watch(e0, {a});
  EXPECT_TRUE(direct.asking());
  direct.engine_gone(e0);
  EXPECT_FALSE(direct.asking());
  EXPECT_THAT(answered(e0, {}, 1s), IsEmpty());
  EXPECT_THAT(back(e0), ElementsAre(DirectAction(AskDirect{e0, {a}})));
  EXPECT_THAT(answered(e0, {}, 2s), IsEmpty());
  tick(100s);
  direct.engine_gone(e0);  // asked for the last time
  EXPECT_EQ(direct.next_deadline(), start + 100s);
  EXPECT_THAT(tick(101s), ElementsAre(DirectAction(DirectEnded{Why::engine_missing, e0, {a}})));
}

TEST_F(DirectReconcilerTest, OpenQuestionsAreAskedAgain) {
  back(e0);
  watch(e0, {a});
  watch(e1, {b});
  DirectReconciler::Out out;
  direct.ask_again(out);
  EXPECT_THAT(out, ElementsAre(DirectAction(AskDirect{e0, {a}})));
}

TEST_F(DirectReconcilerTest, AnEngineThatCannotAnswerIsBelieved) {
  watch(e0, {a, b});
  EXPECT_THAT(back(e0, false), ElementsAre(DirectAction(DirectHeld{e0, {a, b}})));
  EXPECT_THAT(tick(1000s), IsEmpty());
  EXPECT_THAT(watch(e0, {c}, 1000s), ElementsAre(DirectAction(DirectHeld{e0, {c}})));
}

}  // namespace
}  // namespace camshaft::sched
