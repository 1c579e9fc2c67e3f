// sched/msg_table.hpp: message id -> live task or remembered outcome, at about 20 bytes an id.
// Thread: one. Owns: fingerprints only; ids themselves live in their tasks and are forgotten with them. The memory of
// live ids is given back as they finish; that of finished ones is bounded.
// Errors: none. Ids are told apart by a seeded 64-bit fingerprint: among a million known ids, a new one is mistaken
// for a known one with a chance of 5e-14.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace camshaft::sched {

/// What is known of an id. `where` is the slot of a live task, or the engine where a finished one ran.
struct Known {
  enum Kind : std::uint8_t { nothing, live, succeeded, failed };
  Kind kind = nothing;
  std::uint32_t where = 0;
};

/// Fingerprints with a value each: open addressing, a power of two of cells of 12 bytes, at most four fifths in use.
class FingerprintMap {
 public:
  FingerprintMap();
  std::uint32_t find(std::uint64_t fingerprint) const { return cells_[locate(fingerprint)].value; }  // 0: not there
  void prefetch(std::uint64_t fingerprint) const { __builtin_prefetch(&cells_[home(fingerprint)]); }
  void put(std::uint64_t fingerprint, std::uint32_t value);  // value > 0
  void erase(std::uint64_t fingerprint);                     // must be there; memory shrinks with the number of ids
  void clear();                                              // keeps its memory
  std::size_t size() const { return size_; }

 private:
  struct Cell {  // the fingerprint in halves keeps the alignment at 4
    std::uint32_t low, high;
    std::uint32_t value;  // 0: an empty cell
    std::uint64_t fingerprint() const { return std::uint64_t{high} << 32 | low; }
  };
  std::size_t home(std::uint64_t fingerprint) const { return fingerprint & (cells_.size() - 1); }
  std::size_t locate(std::uint64_t fingerprint) const;  // its cell, or the empty cell where it would go
  void resize(std::size_t cells);

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
};

class MsgTable {
 public:
  static constexpr std::uint32_t kNowhere = (1u << 30) - 1;  // `where` of a task that failed before it ran

  /// The last `remembered` finished ids are known, and never more than twice as many.
  MsgTable(std::size_t remembered, std::uint64_t seed);

  std::uint64_t fingerprint(std::string_view id) const;
  Known find(std::uint64_t fingerprint) const;
  void prefetch(std::uint64_t fingerprint) const { live_.prefetch(fingerprint); }  // for a find soon to come
  void add_live(std::uint64_t fingerprint, std::uint32_t slot);                    // not known before
  void finish(std::uint64_t fingerprint, bool success, std::uint32_t engine);
  std::size_t finished() const { return young_.size() + old_.size(); }
  std::size_t size() const { return live_.size() + finished(); }

 private:
  std::size_t remembered_;
  std::uint64_t seed_;
  FingerprintMap live_;         // slot + 1
  FingerprintMap young_, old_;  // kind and `where`; young_ takes what finishes, and when it is full it becomes old_
};

}  // namespace camshaft::sched
