// sched/credit.hpp: how many tasks an engine may hold at a time when hwm is auto: as many as keep it busy while an
// answer and the next task are under way, and one only when its tasks are so long that this does not matter.
// Thread: one. Owns: expected durations by label and engine, in a table of bounded size: who falls out is measured
// anew. Errors: none. All arithmetic is on whole microseconds, so that the same events give the same decisions
// everywhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/time.hpp"

namespace camshaft::sched {

/// Microseconds, at least 1 and at most 71 minutes, which stands for "long" and for "not known".
using Micros = std::uint32_t;
constexpr Micros kUnknown = ~Micros{0};
Micros micros(Duration duration);

/// A label as the table knows it; 0: no label.
std::uint32_t label_fingerprint(std::string_view label);

/// How long tasks of a label take: here, or, until this engine has run one, anywhere.
class Durations {
 public:
  Micros expected(std::uint32_t label, std::uint32_t engine) const;
  void learn(std::uint32_t label, std::uint32_t engine, Micros took);

 private:
  struct Cell {
    std::uint32_t tag = 0;
    Micros expected = 0;  // 0: the cell is free
  };
  std::size_t cell_of(std::uint32_t tag) const;
  void grow();
  std::vector<Cell> cells_;  // empty until the first measurement; then eight for each in use, so that few share one
  std::size_t used_ = 0;
};

/// The account of one engine.
class Credit {
 public:
  /// Whether it may be given a task more. `load`: tasks that it has; `first`: the expected duration of the oldest one;
  /// `rest`: the sum of the others'.
  bool room(std::uint32_t load, Micros first, std::uint64_t rest) const;

  /// A task has ended after `took`. `alone`: it was sent when the engine had nothing else, so that the time from
  /// dispatch to answer, `away`, is a round trip and `took`.
  void answered(Micros expected, Micros took, bool alone, Micros away);

  /// The time that a message needs to the engine and back, smoothed; 0: not measured.
  Micros round_trip() const { return round_trip_; }

 private:
  Micros round_trip_ = 0;
  std::uint32_t limit_ = 1;  // one more with each answer, few again after one that took unexpectedly long
};

}  // namespace camshaft::sched
