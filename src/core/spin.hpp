// core/spin.hpp: a short wait that stays awake. Waking a sleeping thread costs 10 to 50 us, more than many answers
// take. Thread: any. Errors: none.
#pragma once
#include <chrono>
#include <thread>

namespace camshaft {

/// Asks `ready` again and again for `patience`, giving way to threads that have work; what it said last.
template <class Ready>
bool spin_until(Ready ready, std::chrono::nanoseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    if (ready()) return true;
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

/// Decides by experience whether staying awake is worth it: after some waits in vain, only now and then.
/// Thread: that of its owner.
class Patience final {
 public:
  /// As spin_until, or a single look when the last waits were in vain (a busy machine, long tasks).
  template <class Ready>
  bool wait(Ready ready, std::chrono::nanoseconds patience) {
    if (in_vain_ >= kEnough && ++skipped_ % kTryEvery != 0) return ready();
    const bool met = spin_until(ready, patience);
    in_vain_ = met ? 0 : in_vain_ + 1;
    return met;
  }

 private:
  static constexpr unsigned kEnough = 4, kTryEvery = 16;
  unsigned in_vain_ = 0, skipped_ = 0;
};

}  // namespace camshaft
