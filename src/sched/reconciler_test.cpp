#include "sched/reconciler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const EngineId e0("e0"), e1("e1");
const MsgId a("a"), b("b"), c("c"), d("d");

struct ReconcilerTest : ::testing::Test {
  Reconciler reconciler;
  TimePoint now{};
  std::uint64_t round = 0;

  Reconciler::Out ask(std::vector<MsgId> ids) {
    Reconciler::Out out;
    round = reconciler.ask(std::move(ids), out);
    return out;
  }
  Reconciler::Out back(const EngineId& engine, bool answers = true) {
    Reconciler::Out out;
    reconciler.engine_back(engine, answers, out);
    return out;
  }
  Reconciler::Out gone(const EngineId& engine) {
    Reconciler::Out out;
    reconciler.engine_gone(engine, out);
    return out;
  }
  Reconciler::Out told(const EngineId& engine, Reconciler::Told what) {
    Reconciler::Out out;
    reconciler.answered(engine, round, what, out);
    return out;
  }
};

TEST_F(ReconcilerTest, WithoutEnginesNothingHasRun) {
  EXPECT_THAT(ask({a, b}), ElementsAre(Concluded{1, {}, {}, {a, b}, {}}));
  EXPECT_EQ(reconciler.open_rounds(), 0u);
}

TEST_F(ReconcilerTest, EveryEngineIsAskedBeforeATaskIsFree) {
  back(e0);
  back(e1);
  EXPECT_THAT(ask({a, b, c, d, a}), ElementsAre(AskEngine{e0, 1, {a, b, c, d}}, AskEngine{e1, 1, {a, b, c, d}}));
  EXPECT_THAT(told(e0, {{a}, {b}, {c}}), IsEmpty());
  EXPECT_THAT(told(e0, {{b}, {}, {}}), IsEmpty()) << "an engine answers once";
  EXPECT_THAT(told(e1, {{}, {}, {}}), ElementsAre(Concluded{1, {{a, e0}, {b, e0}}, {c}, {d}, {}}));
}

TEST_F(ReconcilerTest, ARepeatedRunElsewhereCountsMoreThanAnOldReply) {
  back(e0);
  back(e1);
  ask({a});
  told(e0, {{}, {a}, {}});
  EXPECT_THAT(told(e1, {{a}, {}, {}}), ElementsAre(Concluded{1, {{a, e1}}, {}, {}, {}}));
}

TEST_F(ReconcilerTest, AnExpectedEngineIsWaitedFor) {
  reconciler.expect({e0}, now + seconds(30));
  EXPECT_THAT(ask({a, b}), IsEmpty());
  EXPECT_EQ(reconciler.next_deadline(), now + seconds(30));
  EXPECT_THAT(back(e0), ElementsAre(AskEngine{e0, 1, {a, b}}));
  EXPECT_EQ(reconciler.next_deadline(), std::nullopt);
  EXPECT_THAT(back(e0), ElementsAre(AskEngine{e0, 1, {a, b}})) << "its first answer may have been lost";
  EXPECT_THAT(told(e0, {{a}, {}, {}}), ElementsAre(Concluded{1, {{a, e0}}, {}, {b}, {}}));
}

TEST_F(ReconcilerTest, WhoHasNotAnsweredIsAskedAgain) {
  reconciler.expect({e1}, now + seconds(30));
  back(e0);
  ask({a, b});
  Reconciler::Out out;
  reconciler.ask_again(out);
  EXPECT_THAT(out, ElementsAre(AskEngine{e0, 1, {a, b}}));
  told(e0, {});
  out.clear();
  reconciler.ask_again(out);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(ReconcilerTest, AnEngineThatStaysAwayLeavesDoubt) {
  back(e1);
  reconciler.expect({e0}, now + seconds(30));
  ask({a, b});
  EXPECT_THAT(told(e1, {{a}, {}, {}}), IsEmpty());
  Reconciler::Out out;
  reconciler.tick(now + seconds(29), out);
  EXPECT_THAT(out, IsEmpty());
  reconciler.tick(now + seconds(30), out);
  EXPECT_THAT(out, ElementsAre(Concluded{1, {{a, e1}}, {}, {}, {b}, {e0}}));
  EXPECT_THAT(ask({c}), ElementsAre(AskEngine{e1, 2, {c}}));
  EXPECT_THAT(told(e1, {}), ElementsAre(Concluded{2, {}, {}, {}, {c}, {e0}})) << "the doubt stays";
}

TEST_F(ReconcilerTest, AnEngineThatDiesTakesWhatItHeldWithIt) {
  back(e0);
  back(e1);
  ask({a, b});
  told(e0, {{a}, {}, {}});
  EXPECT_THAT(gone(e0), IsEmpty());
  EXPECT_THAT(told(e1, {{}, {}, {b}}), ElementsAre(Concluded{1, {}, {b}, {}, {a}, {e0}}));
}

TEST_F(ReconcilerTest, AnEngineThatCannotAnswerLeavesDoubtIfItWasThereBefore) {
  back(e1, false);
  EXPECT_THAT(ask({a}), ElementsAre(Concluded{1, {}, {}, {a}, {}})) << "a newcomer has seen nothing";
  reconciler.expect({e0}, now + seconds(30));
  ask({a});
  EXPECT_THAT(back(e0, false), ElementsAre(Concluded{2, {}, {}, {}, {a}, {e0}}));
}

TEST_F(ReconcilerTest, AnEngineThatCameBackAndDiedBeforeTheQuestionLeavesDoubt) {
  reconciler.expect({e0}, now + seconds(30));
  back(e0);
  back(e1);
  gone(e0);
  ask({a});
  EXPECT_THAT(told(e1, {}), ElementsAre(Concluded{1, {}, {}, {}, {a}, {e0}}));
}

TEST_F(ReconcilerTest, ANewcomerThatDiesLeavesNoDoubt) {
  back(e0);
  gone(e0);
  EXPECT_THAT(ask({a}), ElementsAre(Concluded{1, {}, {}, {a}, {}})) << "whatever it ran is known here";
}

TEST_F(ReconcilerTest, NobodyIsWaitedForOnceEverythingIsFound) {
  reconciler.expect({e1}, now + seconds(30));
  back(e0);
  ask({a});
  EXPECT_THAT(told(e0, {{a}, {}, {}}), ElementsAre(Concluded{1, {{a, e0}}, {}, {}, {}}));
}

}  // namespace
}  // namespace camshaft::sched
