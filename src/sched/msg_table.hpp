// sched/msg_table.hpp: message id -> live task or remembered outcome, at about 12 bytes an id.
// Thread: one. Owns: fingerprints only; ids themselves live in their tasks and are forgotten with them. Memory grows
// and shrinks with the number of live ids; that of finished ones is bounded. Errors: none. Ids are told apart by a
// seeded 59-bit fingerprint: among a million known ids, a new one is mistaken for a known one with a chance of 2e-12,
// and with one a tenth of that when they are numbered.
//
// Peers number their messages (`<session>_<pid>_<n>`), and tasks that belong together have numbers close to each other.
// So ten ids that differ in their last digit share a cache line: in a graph of a million tasks, where each look would
// else be a miss of every cache, most looks find the line of the one before.
#pragma once
#include <array>
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

class MsgTable {
 public:
  static constexpr std::uint32_t kNowhere = (1u << 30) - 1;  // `where` of a task that failed before it ran

  /// The last `remembered` finished ids are known, and never more than twice as many.
  MsgTable(std::size_t remembered, std::uint64_t seed);

  std::uint64_t fingerprint(std::string_view id) const;
  Known find(std::uint64_t fingerprint) const;
  void prefetch(std::uint64_t fingerprint) const;                              // for a find soon to come
  void add_live(std::uint64_t fingerprint, std::uint32_t slot);                // not known before
  void finish(std::uint64_t fingerprint, bool success, std::uint32_t engine);  // live
  std::size_t finished() const { return young_ + old_; }
  std::size_t size() const { return live_ + finished(); }
  std::size_t memory() const { return lines_.size() * sizeof(Line); }  // bytes

 private:
  // A fingerprint is a line's key and, in its lowest four bits, a place in the line.
  static constexpr std::uint64_t kPlace = 15;
  static constexpr std::size_t kDigits = 10;
  struct alignas(64) Line {
    std::uint64_t key = 0;                        // 0: an empty line
    std::array<std::uint32_t, kDigits> values{};  // kind and `where`; 0: not known
    std::uint16_t young = 0;                      // a bit for each place: finished since the last sweep
  };
  std::size_t home(std::uint64_t key) const { return (key >> 5) & (lines_.size() - 1); }
  std::size_t locate(std::uint64_t key) const;  // its line, or the empty line where it would be
  void resize(std::size_t lines);
  void sweep();

  std::size_t remembered_;
  std::uint64_t seed_;
  std::vector<Line> lines_;                     // open addressing, a power of two, at most two thirds in use
  std::size_t used_ = 0;                        // lines
  std::size_t live_ = 0, young_ = 0, old_ = 0;  // ids; young: finished since the last sweep
};

}  // namespace camshaft::sched
