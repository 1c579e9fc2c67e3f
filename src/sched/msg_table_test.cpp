#include "sched/msg_table.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "sched/fifo.hpp"
#include "sched/schemes.hpp"

namespace camshaft::sched {
namespace {

TEST(MsgTable, FingerprintsTellIdsApart) {
  const MsgTable table(10, 1), other(10, 2);
  std::set<std::uint64_t> seen;
  for (int n = 0; n < 100'000; ++n) seen.insert(table.fingerprint("5f1e0c2b-9d7c_4242_" + std::to_string(n)));
  for (std::size_t n = 0; n < 40; ++n) seen.insert(table.fingerprint(std::string(n, '\0')));
  EXPECT_EQ(seen.size(), 100'040u);
  EXPECT_NE(table.fingerprint("a"), other.fingerprint("a"));
}

TEST(FingerprintMap, DoesWhatAMapDoesWhileItGrowsAndShrinks) {
  FingerprintMap table;
  std::map<std::uint64_t, std::uint32_t> map;
  Rng rng(9);
  for (std::uint32_t step = 1; step < 60'000; ++step) {
    const std::uint64_t key = uniform_below(2000, rng) * 64;  // crowded: many share a cell
    const bool growing = step / 10'000 % 2 == 0;
    if (!map.count(key) && (growing || step % 4 == 0)) {
      table.put(key, step);
      map[key] = step;
    } else if (map.count(key) && (!growing || step % 4 == 0)) {
      table.erase(key);
      map.erase(key);
    }
    ASSERT_EQ(table.size(), map.size());
    if (step % 500 != 0) continue;
    for (std::uint64_t k = 0; k < 2000 * 64; k += 64) ASSERT_EQ(table.find(k), map.count(k) ? map[k] : 0u);
  }
  table.clear();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.find(64), 0u);
}

TEST(MsgTable, KnowsWhatIsLiveAndTheLastThatFinished) {
  constexpr std::size_t kRemembered = 300;
  MsgTable table(kRemembered, 5);
  std::map<std::uint64_t, Known> all;
  std::deque<std::uint64_t> finished;
  std::vector<std::uint64_t> live;
  Rng rng(9);
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    if (step % 2 == 0 || live.empty()) {
      table.add_live(step, step);
      all[step] = {Known::live, step};
      live.push_back(step);
    } else {
      const std::size_t at = uniform_below(live.size(), rng);
      const std::uint64_t done = std::exchange(live[at], live.back());
      live.pop_back();
      table.finish(done, step % 3 == 0, step % 7);
      all[done] = {step % 3 == 0 ? Known::succeeded : Known::failed, step % 7};
      finished.push_back(done);
    }
    ASSERT_LE(table.finished(), 2 * kRemembered);
    ASSERT_EQ(table.size(), live.size() + table.finished());
    if (step % 500 != 1) continue;
    for (const std::uint64_t one : live) ASSERT_EQ(table.find(one).kind, Known::live);
    std::size_t age = 0;
    for (auto one = finished.rbegin(); one != finished.rend(); ++one, ++age) {
      const Known known = table.find(*one);
      if (known.kind == Known::nothing) {
        ASSERT_GE(age, kRemembered);
      } else {
        ASSERT_LT(age, 2 * kRemembered);
        ASSERT_EQ(known.kind, all[*one].kind);
        ASSERT_EQ(known.where, all[*one].where);
      }
    }
    ASSERT_EQ(table.find(step + 1).kind, Known::nothing);
  }
}

TEST(Fifo, GivesTheOldestWhateverTheOrderOfComingAndGoing) {
  Fifo fifo;
  std::set<std::uint64_t> waiting;
  const auto valid = [&](const Entry& entry) { return waiting.count(entry.arrival) > 0; };
  Rng rng(4);
  for (std::uint64_t step = 1; step < 20'000; ++step) {
    const std::uint64_t arrival = uniform_below(3, rng) == 0 ? step - uniform_below(step, rng) : step;
    if (waiting.insert(arrival).second) fifo.push({static_cast<std::int64_t>(arrival), arrival, 0});
    if (step % 2 == 0) {  // from the front or from anywhere
      auto at = waiting.begin();
      if (step % 3 == 0) std::advance(at, uniform_below(std::min<std::size_t>(waiting.size(), 50), rng));
      waiting.erase(at);
      fifo.forget(valid);
    }
    ASSERT_EQ(fifo.size(), waiting.size());
    const auto head = fifo.head(valid);
    ASSERT_EQ(head.has_value(), !waiting.empty());
    if (head) {
      ASSERT_EQ(head->arrival, *waiting.begin());
    }
  }
  EXPECT_EQ(fifo.all(valid).size(), waiting.size());
}

}  // namespace
}  // namespace camshaft::sched
