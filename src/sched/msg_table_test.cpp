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
  for (const char* id : {"a_", "_", "_7", "a_07", "a_7", "a7", "7", "a_7_", "a_70", "a_00", "a_0"}) {
    seen.insert(table.fingerprint(id));
  }
  EXPECT_EQ(seen.size(), 100'051u);
  EXPECT_NE(table.fingerprint("a"), other.fingerprint("a"));
}

/// Ids that are numbered, are not, or have numbers far from each other.
std::string some_id(std::uint32_t n, std::uint32_t kind) {
  if (kind == 0) return "5f1e0c2b_4242_" + std::to_string(n);
  return kind == 1 ? "id-" + std::to_string(n) : "5f1e0c2b_4242_" + std::to_string(n * 1000);
}

TEST(MsgTable, KnowsWhatIsLiveAndTheLastThatFinished) {
  constexpr std::size_t kRemembered = 300;
  for (const std::uint32_t kind : {0u, 1u, 2u}) {
    MsgTable table(kRemembered, 5);
    std::map<std::uint64_t, Known> all;
    std::deque<std::uint64_t> finished;
    std::vector<std::uint64_t> live;
    Rng rng(9);
    for (std::uint32_t step = 0; step < 20'000; ++step) {
      const std::uint64_t fresh = table.fingerprint(some_id(step, kind));
      const bool growing = step / 4000 % 2 == 0;
      if (live.empty() || uniform_below(4, rng) < (growing ? 3u : 1u)) {
        table.add_live(fresh, step);
        all[fresh] = {Known::live, step};
        live.push_back(fresh);
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
      for (const std::uint64_t one : live) {
        ASSERT_EQ(table.find(one).kind, Known::live);
        ASSERT_EQ(table.find(one).where, all[one].where);
      }
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
      ASSERT_EQ(table.find(table.fingerprint(some_id(step + 1, kind))).kind, Known::nothing);
    }
  }
}

TEST(MsgTable, GivesMemoryBack) {
  constexpr std::uint32_t kIds = 100'000;
  MsgTable table(1000, 5);
  const std::size_t empty = table.memory();
  for (std::uint32_t n = 0; n < kIds; ++n) table.add_live(table.fingerprint(some_id(n, 0)), n);
  EXPECT_LT(table.memory(), std::size_t{20} * kIds);
  for (std::uint32_t n = 0; n < kIds; ++n) table.finish(table.fingerprint(some_id(n, 0)), true, 1);
  EXPECT_LT(table.memory(), empty + std::size_t{20} * 2 * 1000);
  EXPECT_EQ(table.find(table.fingerprint(some_id(kIds - 1, 0))).kind, Known::succeeded);
  EXPECT_EQ(table.find(table.fingerprint(some_id(0, 0))).kind, Known::nothing);
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
