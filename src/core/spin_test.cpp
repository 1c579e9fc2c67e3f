#include "core/spin.hpp"

#include <gtest/gtest.h>

namespace camshaft {
namespace {

TEST(Patience, AsksOftenWhileItPays) {
  Patience patience;
  for (int wait = 0; wait < 20; ++wait) {
    int asked = 0;
    EXPECT_TRUE(patience.wait([&] { return ++asked == 3; }, std::chrono::hours(1)));
  }
}

TEST(Patience, AsksOnceAfterWaitsInVainAndTriesAgainNowAndThen) {
  Patience patience;
  for (int wait = 0; wait < 4; ++wait) EXPECT_FALSE(patience.wait([] { return false; }, std::chrono::nanoseconds(1)));
  int once = 0, often = 0;
  for (int wait = 0; wait < 64; ++wait) {
    int asked = 0;
    patience.wait([&] { return ++asked == 1'000'000; }, std::chrono::microseconds(50));
    ++(asked == 1 ? once : often);
  }
  EXPECT_EQ(often, 4);
  EXPECT_EQ(once, 60);
  // Whoever is lucky once is patient again.
  for (int wait = 0; wait < 16; ++wait) patience.wait([] { return true; }, std::chrono::nanoseconds(1));
  int asked = 0;
  EXPECT_TRUE(patience.wait([&] { return ++asked == 2; }, std::chrono::hours(1)));
}

}  // namespace
}  // namespace camshaft
