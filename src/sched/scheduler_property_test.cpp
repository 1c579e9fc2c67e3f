// Random sequences of events: the scheduler does what the simple model does, and its invariants hold after each.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <set>
#include <tuple>

#include "sched/testing/driver.hpp"

namespace camshaft::sched {
namespace {

#ifdef NDEBUG
constexpr unsigned kEvents = 200'000;  // tools/test.sh runs a million
#else
constexpr unsigned kEvents = 25'000;  // sanitizers are slow, and debug builds check everything twice
#endif
constexpr unsigned kEpisode = 500;

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// CAMSHAFT_SEED=<first seed> CAMSHAFT_EVENTS=<how many> run others.
TEST(SchedulerProperty, AgreesWithTheModelOnRandomEvents) {
  const unsigned first_seed = from_environment("CAMSHAFT_SEED", 1);
  const unsigned episodes = from_environment("CAMSHAFT_EVENTS", kEvents) / kEpisode;
  std::cout << "scheduler against model: " << episodes * kEpisode << " events, seeds " << first_seed << " to "
            << first_seed + episodes - 1 << std::endl;
  for (unsigned seed = first_seed; seed < first_seed + episodes; ++seed) {
    Rng rng(seed);
    const auto below = [&rng](std::size_t n) { return static_cast<unsigned>(uniform_below(n, rng)); };
    testing::Driver driver(testing::options_of(seed), seed, below);
    for (unsigned event = 0; event < kEpisode; ++event) {
      const std::string difference = driver.step();
      ASSERT_EQ(difference, "") << "CAMSHAFT_SEED=" << seed << " CAMSHAFT_EVENTS=" << kEpisode << ", event " << event;
    }
    ASSERT_EQ(driver.finish_up(), "") << "CAMSHAFT_SEED=" << seed << " CAMSHAFT_EVENTS=" << kEpisode << ", at the end";
  }
}

TEST(SchedulerProperty, ItsOptionsCoverEverySchemeWithEveryBoundAndGrace) {
  std::set<std::tuple<Scheme, std::uint32_t, Duration>> covered;
  for (unsigned number = 0; number < 48; ++number) {
    const Options options = testing::options_of(number);
    covered.insert({options.scheme, options.hwm, options.engine_grace});
  }
  EXPECT_EQ(covered.size(), kSchemes.size() * 4 * 2);
  EXPECT_EQ(covered.count({Scheme::pure, 0, Duration{}}), 1u);
}

}  // namespace
}  // namespace camshaft::sched
