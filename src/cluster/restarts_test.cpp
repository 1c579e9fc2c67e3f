#include "cluster/restarts.hpp"

#include <gtest/gtest.h>

namespace camshaft::cluster {
namespace {

using namespace std::chrono_literals;

const EngineRef kOne{"s", 0}, kOther{"s", 1};
const TimePoint kStart{1h};

TEST(Restarts, NobodyAskedForThem) {
  Restarts restarts({});
  EXPECT_FALSE(restarts.died(kOne, kStart));
  EXPECT_FALSE(restarts.next());
}

TEST(Restarts, PausesGrowUntilItIsGivenUp) {
  Restarts restarts({.most = 4, .first = 0s, .second = 1s, .longest = 3s, .good = 60s});
  TimePoint now = kStart;
  std::vector<Duration> pauses;
  for (int i = 1; i <= 4; ++i) {
    restarts.started(kOne, now);
    const auto again = restarts.died(kOne, now);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->attempt, i);
    pauses.push_back(again->at - now);
    EXPECT_EQ(restarts.next(), again->at);
    now = again->at;
    EXPECT_EQ(restarts.due(now), std::vector<EngineRef>{kOne});
    EXPECT_EQ(restarts.due(now), std::vector<EngineRef>{});
  }
  EXPECT_EQ(pauses, (std::vector<Duration>{0s, 1s, 2s, 3s}));
  EXPECT_FALSE(restarts.died(kOne, now));
  EXPECT_TRUE(restarts.died(kOther, now));  // each engine has its own row
}

TEST(Restarts, ALongLifeBeginsANewRow) {
  Restarts restarts({.most = 1});
  restarts.started(kOne, kStart);
  EXPECT_TRUE(restarts.died(kOne, kStart));
  restarts.started(kOne, kStart);
  EXPECT_FALSE(restarts.died(kOne, kStart + 59s));
  EXPECT_EQ(restarts.died(kOne, kStart + 60s)->attempt, 1);
}

TEST(Restarts, WhoWasStartedMeanwhileIsNotStartedTwice) {
  Restarts restarts({.most = 1});
  restarts.died(kOne, kStart);
  restarts.started(kOne, kStart);
  EXPECT_TRUE(restarts.due(kStart + 1h).empty());
}

TEST(Restarts, ASetThatIsStoppedIsLeftAlone) {
  Restarts restarts({.most = 1});
  restarts.died(kOne, kStart);
  EXPECT_TRUE(restarts.waits("s"));
  EXPECT_FALSE(restarts.waits("t"));
  restarts.forget("s");
  EXPECT_FALSE(restarts.waits("s"));
  EXPECT_TRUE(restarts.due(kStart + 1h).empty());
}

}  // namespace
}  // namespace camshaft::cluster
