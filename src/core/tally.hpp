// core/tally.hpp: counts something that peers can cause at will, and says when it is worth a line in the log.
// Thread: one owner. Errors: none.
#pragma once
#include <cstdint>

namespace camshaft {

class Tally {
 public:
  /// Counts one more; true for the 1st, 2nd, 4th, 8th, ...: a flood costs a handful of lines.
  bool noteworthy() {
    ++count_;
    return (count_ & (count_ - 1)) == 0;
  }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace camshaft
