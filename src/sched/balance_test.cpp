// What hwm auto is worth, on simulated clusters: as much as no bound for short tasks, as much as a bound of one for
// long ones; and the rules by which tasks are asked back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "sched/testing/script.hpp"
#include "sched/testing/simulation.hpp"

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using testing::Simulation;

using Jobs = std::vector<Simulation::Job>;

Jobs mixed(std::uint64_t seed, std::size_t count, Duration longest) {
  Rng rng(seed);
  Jobs jobs;
  for (std::size_t n = 0; n < count; ++n) {
    jobs.push_back({std::chrono::microseconds(uniform_below(static_cast<std::size_t>(longest / 1us), rng))});
  }
  return jobs;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

struct Figures {
  double unbounded, one, automatic;
  std::size_t moved;
};
Figures compare(const Jobs& jobs, unsigned engines, Duration one_way) {
  const auto run = [&](std::uint32_t hwm) {
    const auto outcome = Simulation(Options{.hwm = hwm}, engines, one_way).run(jobs);
    EXPECT_EQ(outcome.finished, jobs.size());
    return outcome;
  };
  const auto automatic = run(kAutoHwm);
  return {seconds(run(0).makespan), seconds(run(1).makespan), seconds(automatic.makespan), automatic.moved};
}

TEST(HwmAuto, MixedTasksEndWithinFivePercentOfTheBestBound) {
  for (const Duration one_way : {100us, 500us, 5000us, 25000us}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const Figures f = compare(mixed(seed, 400, 1s), 8, one_way);
      EXPECT_LE(f.automatic, 1.05 * std::min(f.unbounded, f.one))
          << "one way " << one_way / 1us << " us, seed " << seed << ": hwm 0 " << f.unbounded << " s, hwm 1 " << f.one;
    }
  }
}

#ifdef NDEBUG
const std::vector<Duration> kWays = {50us, 200us, 1000us};
constexpr std::size_t kNoOps = 60'000;
#else  // check() looks at all that wait, after every event: fewer tasks, and no way that takes many to hide
const std::vector<Duration> kWays = {50us, 200us};
constexpr std::size_t kNoOps = 15'000;
#endif

TEST(HwmAuto, NoOpsRunWithinTenPercentOfNoBound) {
  for (const Duration one_way : kWays) {
    const Figures f = compare(Jobs(kNoOps, {20us}), 4, one_way);
    EXPECT_LE(f.automatic, 1.1 * f.unbounded) << "one way " << one_way / 1us << " us; hwm 1 takes " << f.one << " s";
    EXPECT_GT(f.one, 2 * f.automatic);
  }
}

TEST(HwmAuto, AFewMillisecondsAreWorthAPrefetch) {
  const Figures f = compare(Jobs(2'000, {2ms}), 4, 500us);
  EXPECT_LE(f.automatic, 1.05 * f.unbounded);
  EXPECT_GT(f.one, 1.3 * f.automatic);
}

TEST(HwmAuto, ShortAndLongTasksOfOneLabelAreBalanced) {
  Jobs jobs = mixed(3, 2'000, 1ms);
  for (std::size_t n = 0; n < jobs.size(); n += 50) jobs[n].takes = 1s;
  const Figures f = compare(jobs, 8, 500us);
  EXPECT_LE(f.automatic, 1.05 * std::min(f.unbounded, f.one)) << "hwm 0 " << f.unbounded << " s, hwm 1 " << f.one;
}

TEST(HwmAuto, TasksBehindASurpriseGoElsewhere) {
  Jobs jobs(600, {100us});
  jobs[300].takes = 10s;  // whoever gets it has others by then
  const Figures f = compare(jobs, 2, 500us);
  EXPECT_GT(f.moved, 0u);
  EXPECT_LT(f.automatic, 10.1);
}

TEST(HwmAuto, EnginesThatCannotHandBackGetOneAtATime) {
  const Jobs jobs(500, {20us});
  const auto automatic = Simulation(Options{}, 2, 200us, false).run(jobs);
  EXPECT_EQ(automatic.makespan, Simulation(Options{.hwm = 1}, 2, 200us, false).run(jobs).makespan);
  EXPECT_EQ(automatic.recalled, 0u);
}

// What an engine handed back at once had no time to last.
TEST(HwmAuto, ATaskThatWasHandedBackTellsNoDuration) {
  testing::Script s;
  s.feed(testing::ours(testing::e0));
  s.feed(testing::submit(testing::a));
  for (int n = 1; n <= 3; ++n) {
    const Finished handed_back{testing::a, testing::e0, Outcome::recalled, 1us};
    ASSERT_EQ(s.feed(handed_back, testing::t0 + n * 1ms).back(), testing::to(testing::a, testing::e0));
  }
  EXPECT_EQ(s.feed(testing::submit(testing::b), testing::t0 + 4ms), testing::Actions{});
}

}  // namespace
}  // namespace camshaft::sched
