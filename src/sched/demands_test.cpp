#include "sched/demands.hpp"

#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

Properties gpus(double count) { return {{"gpu", Value{count}}}; }

TEST(Demands, EqualOnesAreOneAndGoWithTheirLastTask) {
  Demands demands;
  EXPECT_EQ(demands.take({}, {}), nullptr);
  Demand* one = demands.take({}, {{"gpu", 1}});
  EXPECT_EQ(demands.take({}, {{"gpu", 1}}), one);
  Demand* other = demands.take({{"gpu", Operator::at_least, Value{1.0}}}, {});
  EXPECT_NE(other, one);
  EXPECT_EQ(demands.size(), 2u);
  demands.drop(one);
  EXPECT_EQ(demands.size(), 2u);
  demands.drop(one);
  demands.drop(other);
  demands.drop(nullptr);
  EXPECT_EQ(demands.size(), 0u);
}

TEST(Demands, EnginesAreJudgedWhenTheyComeAndWhenTheyChange) {
  Demands demands;
  demands.engine_is(0, gpus(1));
  Demand* one = demands.take({}, {{"gpu", 1}});
  demands.engine_is(1, gpus(0));
  EXPECT_TRUE(Demands::fits(*one, 0));
  EXPECT_FALSE(Demands::fits(*one, 1));
  EXPECT_FALSE(Demands::fits(*one, 7));
  demands.engine_is(1, gpus(3));
  EXPECT_TRUE(Demands::fits(*one, 1));
  demands.engine_gone(1);
  EXPECT_FALSE(Demands::fits(*one, 1));
}

TEST(Demands, WhatIsTakenIsNotThereUntilItIsGivenBack) {
  Demands demands;
  demands.engine_is(0, gpus(1));
  Demand* half = demands.take({}, {{"gpu", 0.5}});
  Demand* whole = demands.take({}, {{"gpu", 1}});
  demands.occupy(*half, 0);
  EXPECT_TRUE(demands.fits_now(*half, 0));
  EXPECT_FALSE(demands.fits_now(*whole, 0));
  demands.occupy(*half, 0);
  EXPECT_FALSE(demands.fits_now(*half, 0));
  EXPECT_EQ(demands.taken(0, "gpu"), 1.0);
  demands.vacate(*half, 0);
  demands.vacate(*half, 0);
  EXPECT_TRUE(demands.fits_now(*whole, 0));
  EXPECT_EQ(demands.takes(0), 0u);
}

TEST(Demands, AnEngineWithLessThanIsTakenGivesNoMore) {
  Demands demands;
  demands.engine_is(0, gpus(2));
  Demand* one = demands.take({}, {{"gpu", 1}});
  demands.occupy(*one, 0);
  demands.engine_is(0, gpus(1));
  EXPECT_TRUE(Demands::fits(*one, 0));
  EXPECT_FALSE(demands.fits_now(*one, 0));
}

TEST(Demands, AreToldInWords) {
  Demands demands;
  EXPECT_EQ(
      to_text(*demands.take({{"gpu", Operator::has, Value{true}}, {"rack", Operator::equal, Value{std::string("a")}}},
                            {{"memory", 0.5}})),
      R"(property gpu and rack == "a" and 0.5 memory)");
  EXPECT_EQ(to_text(*demands.take({{"gpu", Operator::has, Value{false}}}, {})), "no property gpu");
}

}  // namespace
}  // namespace camshaft::sched
