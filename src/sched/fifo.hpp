// sched/fifo.hpp: tasks in order of their turn, where most come in order, some late, and any may leave at any time.
// Thread: one. Owns: entries only; whoever takes a task out says forget(), and its entry goes when it comes by.
// Errors: none.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace camshaft::sched {

/// A task by slot, and its turn: the time of its submission, put back by its priority, then the order of submission.
/// `arrival` is never used twice, so an entry whose slot has another arrival is stale.
struct Entry {
  std::int64_t turn = 0;
  std::uint64_t arrival = 0;
  std::uint32_t slot = 0;
  auto operator<=>(const Entry&) const = default;
};

/// The callbacks `valid(entry)` tell whether the entry's task still waits in this queue.
class Fifo {
 public:
  void push(Entry entry) {
    ++live_;
    if (in_order_.empty() || in_order_.back() < entry) {
      in_order_.push_back(entry);
    } else {
      late_.push_back(entry);
      std::push_heap(late_.begin(), late_.end(), std::greater<>());
    }
  }

  /// The task that waits here and is first.
  template <class Valid>
  std::optional<Entry> head(Valid&& valid) {
    while (!in_order_.empty() && !valid(in_order_.front())) in_order_.pop_front();
    while (!late_.empty() && !valid(late_.front())) {
      std::pop_heap(late_.begin(), late_.end(), std::greater<>());
      late_.pop_back();
    }
    if (in_order_.empty() && late_.empty()) return std::nullopt;
    if (late_.empty()) return in_order_.front();
    if (in_order_.empty()) return late_.front();
    return std::min(in_order_.front(), late_.front());
  }

  /// One task has left. Stale entries never outnumber the others by much.
  template <class Valid>
  void forget(Valid&& valid) {
    --live_;
    if (in_order_.size() + late_.size() <= 2 * live_ + 64) return;
    const auto stale = [&](const Entry& entry) { return !valid(entry); };
    in_order_.erase(std::remove_if(in_order_.begin(), in_order_.end(), stale), in_order_.end());
    in_order_.shrink_to_fit();
    late_.erase(std::remove_if(late_.begin(), late_.end(), stale), late_.end());
    late_.shrink_to_fit();
    std::make_heap(late_.begin(), late_.end(), std::greater<>());
  }

  /// Every task that waits here, in order.
  template <class Valid>
  std::vector<Entry> all(Valid&& valid) const {
    std::vector<Entry> entries;
    std::copy_if(in_order_.begin(), in_order_.end(), std::back_inserter(entries), valid);
    std::copy_if(late_.begin(), late_.end(), std::back_inserter(entries), valid);
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    return entries;
  }

  std::size_t size() const { return live_; }

 private:
  std::deque<Entry> in_order_;  // ascending
  std::vector<Entry> late_;     // a min-heap
  std::size_t live_ = 0;        // tasks pushed and not forgotten
};

}  // namespace camshaft::sched
