// The choosers as functions, and the index against them.
#include "sched/schemes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "sched/engine_index.hpp"

namespace camshaft::sched {
namespace {

constexpr int kDraws = 20'000;

/// How often each index comes out.
std::vector<double> shares(Pick pick, std::vector<Load> loads) {
  Rng rng(7);
  std::vector<double> share(loads.size());
  for (int n = 0; n < kDraws; ++n) share[pick(loads, rng)] += 1.0 / kDraws;
  return share;
}

TEST(Schemes, EveryNameLeadsToItsRowAndOthersToNone) {
  for (const SchemeRow& row : kSchemes) {
    EXPECT_EQ(scheme_named(row.name), row.scheme);
    EXPECT_EQ(pick_of(row.scheme), row.pick);
  }
  EXPECT_EQ(scheme_named("leastLoad"), std::nullopt);
  EXPECT_EQ(scheme_named("pure"), std::nullopt);  // no chooser: the service relays
}

TEST(Schemes, LeastLoadTakesTheFirstOfTheLeast) {
  Rng rng(1);
  EXPECT_EQ(pick_least_load(std::vector<Load>{2, 1, 0, 0, 1}, rng), 2u);
  EXPECT_EQ(pick_least_load(std::vector<Load>{1, 1, 1}, rng), 0u);
}

TEST(Schemes, LruTakesTheFirst) {
  Rng rng(1);
  EXPECT_EQ(pick_lru(std::vector<Load>{5, 0, 1}, rng), 0u);
}

TEST(Schemes, PlainRandomIsUniform) {
  for (double share : shares(pick_plain_random, {9, 0, 3, 1})) EXPECT_NEAR(share, 0.25, 0.02);
}

TEST(Schemes, TwoBinPrefersTheLessRecent) {
  const auto share = shares(pick_two_bin, {0, 0, 0});
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(share[i], (5.0 - 2 * i) / 9, 0.02);
}

TEST(Schemes, WeightedPrefersTheLessLoaded) {
  const auto share = shares(pick_weighted, {1, 3});  // one pick: 3/4 and 1/4; the loaded one needs both picks
  EXPECT_NEAR(share[0], 15.0 / 16, 0.02);
  EXPECT_NEAR(share[1], 1.0 / 16, 0.02);
  EXPECT_NEAR(shares(pick_weighted, {0, 1})[0], 1.0, 0.001);
}

/// The lists of the rules: engines with their loads, least recently used first.
struct Lists {
  std::deque<std::pair<Slot, Load>> engines;
  auto find(Slot slot) {
    return std::find_if(engines.begin(), engines.end(), [&](const auto& e) { return e.first == slot; });
  }
};

class IndexOfScheme : public ::testing::TestWithParam<Scheme> {};

TEST_P(IndexOfScheme, ChoosesAsTheFunctionDoes) {
  const Scheme scheme = GetParam();
  const bool exact = scheme == Scheme::leastload || scheme == Scheme::lru;
  for (const std::uint32_t hwm : {0u, 1u, 3u}) {
    EngineIndex index(scheme, hwm);
    Lists lists;
    Rng rng(hwm + 1);
    for (int step = 0; step < 5000; ++step) {
      const auto slot = static_cast<Slot>(uniform_below(20, rng));
      const auto at = lists.find(slot);
      if (at == lists.engines.end()) {
        if (step % 3 != 0) continue;
        index.add(slot, 0);
        lists.engines.push_front({slot, 0});
      } else if (step % 11 == 0) {
        index.remove(slot);
        lists.engines.erase(at);
      } else if (at->second > 0 && step % 2 == 0) {
        index.answer(slot);
        --at->second;
      } else if (index.open(slot)) {
        index.assign(slot);
        const auto moved = *at;
        lists.engines.erase(at);
        lists.engines.push_back({moved.first, moved.second + 1});
      }
      const std::vector<Slot> some = {1, 2, 3, 5, 8, 13};
      for (const int kind : {0, 1, 2}) {
        std::vector<Slot> candidates;
        std::vector<Load> loads;
        for (const auto& [engine, load] : lists.engines) {
          const bool named = std::find(some.begin(), some.end(), engine) != some.end();
          if ((hwm != 0 && load >= hwm) || (kind == 1 && !named) || (kind == 2 && named)) continue;
          candidates.push_back(engine);
          loads.push_back(load);
        }
        const auto chosen = kind == 0   ? index.pick(rng)
                            : kind == 1 ? index.pick_only(some, rng)
                                        : index.pick_except(some, rng);
        ASSERT_EQ(chosen.has_value(), !candidates.empty());
        if (!chosen) continue;
        if (exact) {
          ASSERT_EQ(*chosen, candidates[pick_of(scheme)(loads, rng)]);
        } else {
          ASSERT_NE(std::find(candidates.begin(), candidates.end(), *chosen), candidates.end());
        }
      }
    }
  }
}

TEST_P(IndexOfScheme, HasTheSharesOfTheFunction) {
  EngineIndex index(GetParam(), 0);
  const std::vector<Load> loads = {2, 1, 3, 1};  // least recently used first
  for (Slot slot = 4; slot-- > 0;) index.add(slot, loads[slot]);
  Rng rng(3);
  std::vector<double> share(4);
  for (int n = 0; n < kDraws; ++n) share[*index.pick(rng)] += 1.0 / kDraws;
  const auto wanted = shares(pick_of(GetParam()), loads);
  for (Slot slot = 0; slot < 4; ++slot) EXPECT_NEAR(share[slot], wanted[slot], 0.02) << slot;
}

INSTANTIATE_TEST_SUITE_P(All, IndexOfScheme,
                         ::testing::Values(Scheme::leastload, Scheme::lru, Scheme::plainrandom, Scheme::twobin,
                                           Scheme::weighted),
                         [](const auto& row) {
                           return std::string(kSchemes[static_cast<std::size_t>(row.param)].name);
                         });

}  // namespace
}  // namespace camshaft::sched
