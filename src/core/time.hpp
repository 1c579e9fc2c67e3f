// core/time.hpp: time as an argument. Cores get `now` with each event; only shells hold a Clock.
// Thread: a Clock may be read from any thread. Errors: none.
#pragma once
#include <chrono>
#include <random>

namespace camshaft {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;                  // for deadlines
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;  // for records

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

/// A clock that tests move by hand.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  WallTime wall() const override {
    return WallTime(std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()));
  }
  void advance(Duration by) { now_ += by; }

 private:
  TimePoint now_{};
};

/// Chance is an argument too: seeded at birth by whoever owns the core.
using Rng = std::mt19937_64;

}  // namespace camshaft
