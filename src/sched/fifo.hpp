// sched/fifo.hpp: tasks in order of their turn, where most come in order, some late, and any may leave at any time.
// Thread: one. Owns: entries only; whoever takes a task out says forget(), and its entry goes when it comes by.
// Errors: none.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <vector>

#include "core/pages.hpp"

namespace camshaft::sched {

/// A task by slot, and its turn: the time of its submission, put back by its priority, then the order of submission.
/// `arrival` is never used twice, so an entry whose slot has another arrival is stale.
struct Entry {
  std::int64_t turn = 0;
  std::uint64_t arrival = 0;
  std::uint32_t slot = 0;
  auto operator<=>(const Entry&) const = default;
};

/// Entries in order, taken away in front.
class Entries {
 public:
  bool empty() const { return first_ == entries_.size(); }
  std::size_t size() const { return entries_.size() - first_; }
  const Entry& front() const { return entries_[first_]; }
  const Entry& back() const { return entries_.back(); }
  auto begin() const { return entries_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto end() const { return entries_.end(); }
  void push_back(const Entry& entry) { entries_.push_back(entry); }
  /// Once half of all entries are gone, the others move up, and memory that they do not need goes back.
  void pop_front() {
    if (++first_ < kFewest || first_ * 2 < entries_.size()) return;
    if (entries_.capacity() > 4 * size() + kFewest) {
      entries_ = Vector(begin(), end());
    } else {
      entries_.erase(entries_.begin(), begin());
    }
    first_ = 0;
  }
  template <class Stale>
  void remove_if(Stale&& stale) {
    Vector left;
    std::remove_copy_if(begin(), end(), std::back_inserter(left), stale);
    entries_ = std::move(left);
    first_ = 0;
  }

 private:
  using Vector = std::vector<Entry, pages::Allocator<Entry>>;
  static constexpr std::size_t kFewest = 64;
  Vector entries_;
  std::size_t first_ = 0;
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
    in_order_.remove_if(stale);
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
  Entries in_order_;         // ascending
  std::vector<Entry> late_;  // a min-heap
  std::size_t live_ = 0;     // tasks pushed and not forgotten
};

}  // namespace camshaft::sched
