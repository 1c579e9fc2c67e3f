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

}  // namespace camshaft
