#include "service/engine_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace camshaft::service {
namespace {

using testing::HasSubstr;

TEST(EngineKeeper, SaysInWordsHowAnEngineEnded) {
  const EngineKeeper keeper(0);
  EXPECT_EQ(keeper.how({3, 0}), "exit code 3");
  EXPECT_THAT(keeper.how({0, SIGKILL}), HasSubstr("killed by signal 9 (Killed)"));
}

TEST(EngineKeeper, StartsAnEngineAgainAsOftenAsItMay) {
  EngineKeeper never(0);
  never.started();
  EXPECT_EQ(never.again(), std::nullopt);
  EngineKeeper twice(2);
  twice.started();
  EXPECT_EQ(twice.again(), Duration::zero());
  twice.started();
  EXPECT_GT(twice.again().value(), Duration::zero());
  EXPECT_EQ(twice.again(), std::nullopt);
}

}  // namespace
}  // namespace camshaft::service
