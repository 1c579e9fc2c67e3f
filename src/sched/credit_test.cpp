#include "sched/credit.hpp"

#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreExpectedByLabelHereOrAnywhere) {
  Durations durations;
  const auto label = label_fingerprint("fit");
  EXPECT_EQ(durations.expected(label, 1), kUnknown);
  durations.learn(label, 1, 1000);
  EXPECT_EQ(durations.expected(label, 1), 1000u);
  EXPECT_EQ(durations.expected(label, 2), 1000u);  // until it has run one
  EXPECT_EQ(durations.expected(0, 1), kUnknown);
  durations.learn(label, 2, 3000);
  EXPECT_EQ(durations.expected(label, 1), 1000u);
  EXPECT_EQ(durations.expected(label, 2), 3000u);
}

TEST(Durations, FollowAChangeInAFewTasks) {
  Durations durations;
  durations.learn(0, 1, 1);
  for (int n = 0; n < 20; ++n) durations.learn(0, 1, 1'000'000);
  EXPECT_GT(durations.expected(0, 1), 990'000u);
  for (int n = 0; n < 60; ++n) durations.learn(0, 1, 10);
  EXPECT_LT(durations.expected(0, 1), 20u);
}

TEST(Durations, ManyLabelsAndEnginesAreRemembered) {
  Durations durations;
  for (std::uint32_t engine = 1; engine <= 1000; ++engine) durations.learn(7, engine, 1000 + engine);
  int known = 0;
  for (std::uint32_t engine = 1; engine <= 1000; ++engine)
    known += durations.expected(7, engine) == 1000 + engine ? 1 : 0;
  EXPECT_GT(known, 850);  // some share a cell, and the one that came last has it
}

TEST(Durations, LabelsAreToldApart) {
  EXPECT_EQ(label_fingerprint(""), 0u);
  EXPECT_NE(label_fingerprint("a"), 0u);
  EXPECT_NE(label_fingerprint("a"), label_fingerprint("b"));
}

TEST(Durations, MicrosecondsStayWithinTheirType) {
  EXPECT_EQ(micros(0s), 1u);
  EXPECT_EQ(micros(-1s), 1u);
  EXPECT_EQ(micros(1500us), 1500u);
  EXPECT_EQ(micros(1000h), kUnknown - 1);
}

Credit measured(Micros took, Micros trip, int answers) {
  Credit credit;
  for (int n = 0; n < answers; ++n) credit.answered(took, took, true, took + trip);
  return credit;
}

TEST(Credit, AnIdleEngineAlwaysHasRoomAndAnUnknownOneHasForOne) {
  const Credit credit;
  EXPECT_TRUE(credit.room(0, 0, 0));
  EXPECT_FALSE(credit.room(1, 10, 0));
}

TEST(Credit, ShortTasksFillTheRoundTripAndLongOnesDoNotNeedTo) {
  const Credit credit = measured(100, 1000, 100);
  EXPECT_EQ(credit.round_trip(), 1000u);
  EXPECT_TRUE(credit.room(1, 100, 0));
  EXPECT_TRUE(credit.room(20, 100, 1900));
  EXPECT_FALSE(credit.room(21, 100, 2000));
  EXPECT_TRUE(credit.room(1, 99'000, 0));
  EXPECT_FALSE(credit.room(1, 100'000, 0));
  EXPECT_FALSE(credit.room(1, kUnknown, 0));
  EXPECT_FALSE(credit.room(2, 10, kUnknown));
}

TEST(Credit, StartsSmallAndShrinksAfterASurprise) {
  EXPECT_TRUE(measured(1, 1000, 1).room(1, 1, 1));
  EXPECT_FALSE(measured(1, 1000, 1).room(2, 1, 1));
  Credit credit = measured(1, 1000, 50);
  EXPECT_TRUE(credit.room(50, 1, 49));
  credit.answered(1, 1'000'000, false, 1'000'000);
  EXPECT_FALSE(credit.room(50, 1, 49));
  EXPECT_TRUE(credit.room(25 - 1, 1, 23));
}

TEST(Credit, OnlyTasksThatWereAloneTellTheRoundTrip) {
  Credit credit = measured(10, 1000, 1);
  credit.answered(10, 10, false, 500'000);
  EXPECT_EQ(credit.round_trip(), 1000u);
  credit.answered(10, 10, true, 3010);
  EXPECT_EQ(credit.round_trip(), 2000u);
  for (int n = 0; n < 100; ++n) credit.answered(10, 10, true, 1010);
  EXPECT_LT(credit.round_trip(), 1010u);
  credit.answered(10, 10, true, 60'000'000);  // it was busy with something else
  EXPECT_LT(credit.round_trip(), 60'000u);
}

}  // namespace
}  // namespace camshaft::sched
