#include "service/traffic_batch.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace camshaft::service {
namespace {

struct TrafficBatchTest : ::testing::Test {
  SystemClock clock;
  net::Loop own{clock}, hub{clock};
  std::size_t delivered = 0;
  TrafficBatch batch{own, hub, [this](std::vector<Traffic> seen) { delivered += seen.size(); }};
  void add(int n) {
    for (int i = 0; i < n; ++i) batch.add(TaskMoved{MsgId("m"), EngineId("e")});
  }
};

TEST_F(TrafficBatchTest, WhatWasSeenIsHandedOverOnFlush) {
  add(3);
  batch.flush();
  EXPECT_EQ(delivered, 0u) << "on the hub's thread, and not before it has time";
  hub.run_once(Duration::zero());
  EXPECT_EQ(delivered, 3u);
}

TEST_F(TrafficBatchTest, AHubThatIsBehindIsWaitedFor) {
  std::atomic<int> added = 0;
  std::thread other([&] {
    for (; added < 100'000; ++added) add(1);
    batch.flush();
  });
  while (delivered < 100'000) {
    hub.run_once(std::chrono::milliseconds(1));
    EXPECT_LE(static_cast<std::size_t>(added.load()), delivered + 20'000);
  }
  other.join();
}

TEST_F(TrafficBatchTest, NobodyWaitsForAHubThatHasStopped) {
  std::thread other([&] { add(50'000); });
  batch.close();
  other.join();
  hub.run_once(Duration::zero());
  EXPECT_GT(delivered, 49'000u);
}

}  // namespace
}  // namespace camshaft::service
