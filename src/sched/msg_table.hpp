// sched/msg_table.hpp: message id -> live task or remembered outcome, at about 30 bytes an id.
// Thread: one. Owns: fingerprints only; ids themselves live in their tasks and are forgotten with them.
// Errors: none. Ids are told apart by a seeded 64-bit fingerprint: among a million known ids, a new one is mistaken
// for a known one with a chance of 5e-14.
#pragma once
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace camshaft::sched {

/// What is known of an id. `where` is the slot of a live task, or the engine where a finished one ran.
struct Known {
  enum Kind : std::uint8_t { nothing, live, succeeded, failed };
  Kind kind = nothing;
  std::uint32_t where = 0;
};

class MsgTable {
 public:
  static constexpr std::uint32_t kNowhere = (1u << 30) - 1;  // `where` of a task that failed before it ran

  /// At most `remembered` finished ids are kept; beyond that the oldest are forgotten.
  MsgTable(std::size_t remembered, std::uint64_t seed);

  std::uint64_t fingerprint(std::string_view id) const;
  Known find(std::uint64_t fingerprint) const;
  void add_live(std::uint64_t fingerprint, std::uint32_t slot);  // not known before
  void finish(std::uint64_t fingerprint, bool success, std::uint32_t engine);
  std::size_t finished() const { return order_.size(); }
  std::size_t size() const { return size_; }

 private:
  struct Cell {  // 12 bytes: the fingerprint in halves keeps the alignment at 4
    std::uint32_t low, high;
    std::uint32_t value;  // kind in the two upper bits; kind nothing: an empty cell
  };
  std::size_t home(std::uint64_t fingerprint) const { return fingerprint & (cells_.size() - 1); }
  std::size_t locate(std::uint64_t fingerprint) const;  // its cell, or the empty cell where it would go
  void erase(std::uint64_t fingerprint);
  void grow();

  std::size_t remembered_;
  std::uint64_t seed_;
  std::size_t size_ = 0;             // cells in use; never above 7/8 of them, so that a probe ends
  std::vector<Cell> cells_;          // open addressing, a power of two
  std::deque<std::uint64_t> order_;  // the finished ids, oldest first
};

}  // namespace camshaft::sched
