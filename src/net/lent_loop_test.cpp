#include "net/lent_loop.hpp"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

namespace camshaft::net {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLong = 60s;  // nothing here takes so long unless it is broken

// An owner's thread whose loop has a round each millisecond, so that a guest soon gets it.
class LentLoopTest : public testing::Test {
 protected:
  explicit LentLoopTest(Duration lease = std::chrono::hours(1))
      : lent_(loop_, lease, [this] { return lends_.load(); }) {
    loop_.every(1ms, [this] { ran_on_ = std::this_thread::get_id(); });
    owner_ = std::thread([this] {
      try {
        lent_.run();
      } catch (const std::exception& error) {
        failure_ = error.what();
      }
    });
  }
  ~LentLoopTest() override { end(); }
  void end() {
    lent_.stop();
    if (owner_.joinable()) owner_.join();
  }
  LentLoop::Deadline later() { return std::chrono::steady_clock::now() + kLong; }
  bool drive_here() {
    return lent_.drive([&] { return ran_on_ == std::this_thread::get_id(); }, later(), kLong);
  }
  std::thread::id where_a_job_runs() {
    std::promise<std::thread::id> promise;
    lent_.post([&] { promise.set_value(std::this_thread::get_id()); });
    return promise.get_future().get();
  }

  SystemClock clock_;
  Loop loop_{clock_};
  std::atomic<bool> lends_{true};
  std::atomic<std::thread::id> ran_on_{};
  LentLoop lent_;
  std::string failure_;
  std::thread owner_;
};

struct ShortLease : LentLoopTest {
  ShortLease() : LentLoopTest(1ms) {}
};

TEST_F(LentLoopTest, AGuestRunsTheLoopUntilItHasWhatItWants) { EXPECT_TRUE(drive_here()); }

TEST_F(LentLoopTest, WhoeverFindsTheLoopFreeUsesItAndPostedJobsCallTheOwner) {
  ASSERT_TRUE(drive_here());
  std::thread::id ran;
  EXPECT_TRUE(lent_.run_here([&] { ran = std::this_thread::get_id(); }));
  EXPECT_EQ(ran, std::this_thread::get_id());
  EXPECT_EQ(where_a_job_runs(), owner_.get_id());
  EXPECT_FALSE(lent_.run_here([] {}));
}

TEST_F(ShortLease, JobsOfOneThreadKeepTheirOrderWhoeverRunsThem) {
  for (int n = 0; n < 200; ++n) {
    std::vector<int> order;
    std::promise<void> both;
    ASSERT_TRUE(drive_here());
    const auto second = [&] {
      order.push_back(2);
      both.set_value();
    };
    lent_.post([&] { order.push_back(1); });
    if (!lent_.run_here(second)) lent_.post(second);
    both.get_future().wait();
    ASSERT_EQ(order, (std::vector<int>{1, 2}));
  }
}

TEST_F(LentLoopTest, AnOwnerThatDoesNotLendKeepsTheLoop) {
  lends_ = false;
  EXPECT_FALSE(lent_.drive([] { return false; }, later(), 5ms));
  EXPECT_EQ(where_a_job_runs(), owner_.get_id());
}

TEST_F(LentLoopTest, WhoReliesOnTheLoopHasTheOwnerBack) {
  ASSERT_TRUE(drive_here());
  const LentLoop::Reliance relies(lent_);
  EXPECT_FALSE(lent_.run_here([] {}));
  while (ran_on_ != owner_.get_id()) std::this_thread::yield();
}

TEST_F(ShortLease, TheOwnerResumesWhenNobodyUsesTheLoop) {
  ASSERT_TRUE(drive_here());
  while (ran_on_ != owner_.get_id()) std::this_thread::yield();
}

TEST_F(ShortLease, ALongGuestMayBeInterruptedByADeadlineAndTheOwnerResumes) {
  ASSERT_TRUE(drive_here());
  for (int n = 0; n < 3; ++n) {
    EXPECT_FALSE(lent_.drive([] { return false; }, std::chrono::steady_clock::now() + 20ms, kLong));
    while (ran_on_ != owner_.get_id()) std::this_thread::yield();
  }
}

TEST_F(LentLoopTest, AJobForAGuestThatSleepsWakesIt) {
  std::atomic<bool> driving = false, done = false;
  std::thread guest([&] {
    lent_.drive(
        [&] {
          driving = ran_on_ == std::this_thread::get_id();
          return done.load();
        },
        later(), kLong);
  });
  while (!driving) std::this_thread::yield();
  EXPECT_EQ(where_a_job_runs(), guest.get_id());
  done = true;
  lent_.nudge();
  guest.join();
}

TEST_F(LentLoopTest, StopEndsGuestAndOwner) {
  std::atomic<bool> driving = false;
  std::thread guest([&] {
    EXPECT_FALSE(lent_.drive(
        [&] {
          driving = ran_on_ == std::this_thread::get_id();
          return false;
        },
        later(), kLong));
  });
  while (!driving) std::this_thread::yield();
  end();
  guest.join();
}

TEST_F(LentLoopTest, WhatAHandlerThrowsOnAGuestLeavesTheOwnersRun) {
  ASSERT_TRUE(drive_here());
  ASSERT_TRUE(lent_.run_here([] { throw std::runtime_error("as expected"); }));
  owner_.join();
  EXPECT_EQ(failure_, "as expected");
}

// Many threads take turns; what the loop does is never done by two at a time.
TEST_F(ShortLease, GuestsOfAllKindsNeverMeet) {
  std::atomic<int> inside = 0, met = 0, rounds = 0;
  const auto job = [&] {
    if (++inside > 1) ++met;
    ++rounds;
    --inside;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 0; n < 300; ++n) {
        if (t == 0) {
          lent_.post(job);
        } else if (!lent_.run_here(job)) {
          const int before = rounds;
          lent_.post(job);
          lent_.drive([&] { return rounds > before; }, later(), 100us);
          if (t == 3) {
            const LentLoop::Reliance relies(lent_);
            while (rounds == before) std::this_thread::yield();
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (rounds < 1200) std::this_thread::yield();
  EXPECT_EQ(met, 0);
}

}  // namespace
}  // namespace camshaft::net
