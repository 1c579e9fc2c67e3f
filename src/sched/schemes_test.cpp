// The choosers as functions, and the index against them.
#include "sched/schemes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "sched/engine_index.hpp"
#include "sched/requirements.hpp"

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

TEST(Schemes, S1_31_EveryNameLeadsToItsRowAndOthersToNone) {
  for (const SchemeRow& row : kSchemes) {
    EXPECT_EQ(scheme_named(row.name), row.scheme);
    EXPECT_EQ(pick_of(row.scheme), row.pick);
  }
  EXPECT_EQ(scheme_named("leastLoad"), std::nullopt);
  EXPECT_EQ(scheme_named("custom"), std::nullopt);  // is asked for by the place of its function
}

TEST(Schemes, S1_35_LeastLoadTakesTheFirstOfTheLeast) {
  Rng rng(1);
  EXPECT_EQ(pick_least_load(std::vector<Load>{2, 1, 0, 0, 1}, rng), 2u);
  EXPECT_EQ(pick_least_load(std::vector<Load>{1, 1, 1}, rng), 0u);
}

TEST(Schemes, S1_32_LruTakesTheFirst) {
  Rng rng(1);
  EXPECT_EQ(pick_lru(std::vector<Load>{5, 0, 1}, rng), 0u);
}

TEST(Schemes, S1_33_PlainRandomIsUniform) {
  for (double share : shares(pick_plain_random, {9, 0, 3, 1})) EXPECT_NEAR(share, 0.25, 0.02);
}

TEST(Schemes, S1_34_TwoBinPrefersTheLessRecent) {
  const auto share = shares(pick_two_bin, {0, 0, 0});
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(share[i], (5.0 - 2 * i) / 9, 0.02);
}

TEST(Schemes, S1_36_WeightedPrefersTheLessLoaded) {
  const auto share = shares(pick_weighted, {1, 3});  // one pick: 3/4 and 1/4; the loaded one needs both picks
  EXPECT_NEAR(share[0], 15.0 / 16, 0.02);
  EXPECT_NEAR(share[1], 1.0 / 16, 0.02);
  EXPECT_NEAR(shares(pick_weighted, {0, 1})[0], 1.0, 0.001);
}

TEST(Schemes, S1_39_PureTakesTheFirstIdleOneThenTheFirst) {
  Rng rng(1);
  EXPECT_EQ(pick_pure(std::vector<Load>{2, 0, 0, 1}, rng), 1u);
  EXPECT_EQ(pick_pure(std::vector<Load>{2, 1, 3}, rng), 0u);
}

TEST(Schemes, S1_14_PureRefusesWhatItCannotDo) {
  EXPECT_EQ(refused_by_pure(Requirements{}), std::nullopt);
  const auto key_of = [](auto change) {
    Requirements wanted;
    change(wanted);
    const auto text = refused_by_pure(wanted).value_or("");
    const auto from = text.find("no '") + 4;
    return text.substr(from, text.find('\'', from) - from);
  };
  EXPECT_EQ(key_of([](Requirements& r) { r.after.ids = {MsgId("a")}; }), "after");
  EXPECT_EQ(key_of([](Requirements& r) { r.follow.ids = {MsgId("a")}; }), "follow");
  EXPECT_EQ(key_of([](Requirements& r) { r.targets = {EngineId("e")}; }), "targets");
  EXPECT_EQ(key_of([](Requirements& r) { r.timeout = std::chrono::seconds(1); }), "timeout");
  EXPECT_EQ(key_of([](Requirements& r) { r.retries = 1; }), "retries");
  EXPECT_EQ(key_of([](Requirements& r) { r.priority = -1; }), "priority");
  EXPECT_EQ(key_of([](Requirements& r) { r.resources.emplace_back(); }), "resources");
  EXPECT_EQ(key_of([](Requirements& r) { r.where.emplace_back(); }), "where");
  EXPECT_EQ(key_of([](Requirements& r) { r.time_limit = std::chrono::seconds(1); }), "time_limit");
}

/// Engines 0, 1, 2 with loads 0, 0, 0; recency in this order.
EngineIndex three(Scheme scheme, std::uint32_t hwm, Chooser chooser = {}) {
  EngineIndex index(scheme, hwm, std::move(chooser));
  for (Slot slot = 3; slot-- > 0;) index.add(slot, 0);
  return index;
}

TEST(Schemes, S1_32_LruIsFairByCountAndBlindToLoad) {
  EngineIndex index = three(Scheme::lru, 0);
  Rng rng(1);
  for (Slot turn = 0; turn < 9; ++turn) {
    ASSERT_EQ(index.pick(rng), turn % 3);
    index.assign(turn % 3);
    if (turn % 3 == 1) index.answer(1);  // a quick engine gets no more for it
  }
}

TEST(Schemes, S1_35_LeastLoadBreaksTiesByLeastRecentUse) {
  EngineIndex index = three(Scheme::leastload, 0);
  Rng rng(1);
  for (Slot turn : {0u, 1u, 2u, 0u}) {
    ASSERT_EQ(index.pick(rng), turn);
    index.assign(turn);
  }
  index.answer(2);  // 0: 2 tasks, 1: 1 task, 2: none
  EXPECT_EQ(index.pick(rng), 2u);
  index.assign(2);
  EXPECT_EQ(index.pick(rng), 1u);  // as loaded as 2, and longer ago
}

TEST(Schemes, S1_39_PureGoesRoundWithoutLookingAtHowMuchEachHas) {
  EngineIndex index = three(Scheme::pure, 0);
  Rng rng(1);
  for (Slot turn = 0; turn < 7; ++turn) {
    ASSERT_EQ(index.pick(rng), turn % 3);
    index.assign(turn % 3);
  }
  index.answer(1);
  index.answer(1);  // idle now: it is first, though 1 was used later than 2 and 0 has more
  EXPECT_EQ(index.pick(rng), 1u);
}

TEST(Schemes, S1_37_AUsersSchemeSeesLoadsCountsAndEngines) {
  std::vector<Load> loads;
  std::vector<std::uint64_t> counts;
  std::vector<Slot> engines;
  std::size_t answer = 2;
  EngineIndex index = three(Scheme::custom, 2, [&](const Candidates& c, Rng&) {
    loads.assign(c.loads.begin(), c.loads.end());
    counts.assign(c.counts.begin(), c.counts.end());
    engines.assign(c.engines.begin(), c.engines.end());
    return answer;
  });
  Rng rng(1);
  EXPECT_EQ(index.pick(rng), 2u);
  EXPECT_EQ(engines, (std::vector<Slot>{0, 1, 2}));
  index.assign(0);
  index.assign(0);  // full
  index.assign(1);
  index.answer(1);
  index.assign(1);
  EXPECT_EQ(index.pick(rng), 2u) << "out of range: the least recent";
  EXPECT_EQ(engines, (std::vector<Slot>{2, 1}));
  EXPECT_EQ(loads, (std::vector<Load>{0, 1}));
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{0, 2}));
  answer = 1;
  EXPECT_EQ(index.pick_only(std::vector<Slot>{0, 1}, rng), 1u) << "out of range again, and 0 is full";
  EXPECT_EQ(index.pick_except(std::vector<Slot>{1}, rng), 2u);
  EXPECT_EQ(engines, (std::vector<Slot>{2}));
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
  const bool exact = scheme == Scheme::leastload || scheme == Scheme::lru || scheme == Scheme::pure;
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
                                           Scheme::weighted, Scheme::pure),
                         [](const auto& row) {
                           return std::string(kSchemes[static_cast<std::size_t>(row.param)].name);
                         });

}  // namespace
}  // namespace camshaft::sched
