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

#include "core/pages.hpp"

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

  /// The last `remembered` finished ids are known, and never more than half as many besides (at least three).
  MsgTable(std::size_t remembered, std::uint64_t seed);

  std::uint64_t fingerprint(std::string_view id) const;
  Known find(std::uint64_t fingerprint) const;
  void prefetch(std::uint64_t fingerprint) const;                              // for a find soon to come
  void add_live(std::uint64_t fingerprint, std::uint32_t slot);                // not known before
  void finish(std::uint64_t fingerprint, bool success, std::uint32_t engine);  // live
  std::size_t finished() const { return ages_[0] + ages_[1] + ages_[2]; }
  std::size_t size() const { return live_ + finished(); }
  std::size_t memory() const { return lines_.size() * sizeof(Line); }  // bytes

 private:
  // A fingerprint is a line's key and, in its lowest four bits, a place in the line.
  static constexpr std::uint64_t kPlace = 15;
  static constexpr std::size_t kDigits = 10;
  struct alignas(64) Line {
    std::uint64_t key = 0;                        // 0: an empty line
    std::array<std::uint32_t, kDigits> values{};  // kind and `where`; 0: not known
    std::uint32_t ages = 0;                       // two bits for each place: the age in which a finished id ended
  };
  std::size_t home(std::uint64_t key) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>(Wide{key} * lines_.size() >> 64);  // key / 2^64 of all lines
  }
  std::size_t after(std::size_t line) const { return line + 1 == lines_.size() ? 0 : line + 1; }
  std::size_t locate(std::uint64_t key) const;  // its line, or the empty line where it would be
  void resize(std::size_t lines);
  void sweep();

  std::size_t remembered_;
  std::uint64_t seed_;
  using Lines = std::vector<Line, pages::Allocator<Line>>;
  Lines lines_;                        // open addressing, at most three quarters in use
  std::size_t used_ = 0;               // lines with a key, which may have lost their ids
  std::size_t live_ = 0;               // ids
  std::array<std::size_t, 3> ages_{};  // finished ids by the age in which they ended
  std::uint32_t age_ = 0;              // now; the one after it is the oldest
};

}  // namespace camshaft::sched
