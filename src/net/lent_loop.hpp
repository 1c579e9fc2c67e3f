// net/lent_loop.hpp: a Loop with a thread of its own that lends it to threads that wait for what it brings: an answer
// then wakes the thread that wants it, and no other in between.
// Thread: run() on the owner; all else on any thread. One thread has the loop at a time: whoever has it may do what is
//         for the loop's thread alone. A guest that gives it back may take it again at once; the owner resumes when
//         nobody has touched the loop for a moment (the lease), or when somebody relies on it.
// Owns:   who has the loop. Borrows the loop.
// Errors: what a handler throws while a guest has the loop leaves run() on the owner's thread.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <utility>

#include "core/spin.hpp"
#include "net/loop.hpp"

namespace camshaft::net {

class LentLoop final {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// `lends`: asked on the owner's thread, between rounds, whether a guest that wants the loop may have it.
  LentLoop(Loop& loop, Duration lease, std::function<bool()> lends)
      : loop_(loop), lease_(lease), lends_(std::move(lends)) {}
  LentLoop(const LentLoop&) = delete;
  LentLoop& operator=(const LentLoop&) = delete;

  /// As Loop::run, with breaks while guests have the loop. The owner has it before and after.
  void run();
  void stop();
  /// As Loop::post; the owner resumes if nobody has the loop.
  void post(std::function<void()> job);
  /// A guest's poll, if it sleeps in one, returns.
  void nudge();

  /// Runs `job` here and now if the loop is free and no job that was posted before still waits; whether it did.
  template <class Job>
  bool run_here(Job job) {
    if (loop_.any_posted() || !borrow()) return false;
    guarded(job);
    give_back();
    return true;
  }

  /// Runs the loop here until `ready`, or `deadline`, if it can be had within `patience`; whether `ready` was true. It
  /// stays awake for `patience` before it sleeps.
  template <class Ready>
  bool drive(Ready ready, Deadline deadline, Duration patience) {
    const Counted wanting(wanting_);
    bool mine = false;
    bool is = false;  // `ready` may be about something that changes while the owner has the loop: once true will do
    if (!spin_until([&] { return (is = ready()) || (mine = borrow()); }, patience) || !mine) return is || ready();
    guarded([&] {
      loop_.expect(patience);
      while (!(is = ready()) && !loop_.stopping()) {
        const Duration left = deadline - std::chrono::steady_clock::now();
        if (left <= Duration::zero()) break;
        loop_.run_once(std::min<Duration>(left, std::chrono::hours(1)));
      }
    });
    give_back();
    return is || ready();
  }

  /// While it exists, its thread sleeps until the loop brings something: the loop is never left alone, not for a lease.
  class Reliance final {
   public:
    explicit Reliance(LentLoop& loop) : loop_(loop) {
      loop_.relying_.fetch_add(1);
      loop_.resume_if_free();
    }
    ~Reliance() { loop_.relying_.fetch_sub(1); }
    Reliance(const Reliance&) = delete;
    Reliance& operator=(const Reliance&) = delete;

   private:
    LentLoop& loop_;
  };

  /// Lets the owner, asleep or not, look whether somebody wants the loop.
  void ask() {
    loop_.post([] {});
  }

 private:
  enum class Holder : std::uint8_t { owner, nobody, guest, long_guest };  // a long guest tells when it gives it back
  enum class Call : std::uint8_t { none, look, resume };
  struct Counted {
    explicit Counted(std::atomic<int>& counter) : count(counter) { count.fetch_add(1); }
    ~Counted() { count.fetch_sub(1); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::atomic<int>& count;
  };

  bool borrow();
  void give_back();
  void lend();
  // To be asked once holder_ says that the loop is free: who comes later sees that, and calls the owner.
  bool needs_owner() const { return relying_.load() > 0 || loop_.any_posted() || loop_.stopping(); }
  void call(Call what);
  void resume_if_free();
  void touch() { touched_.store(std::chrono::steady_clock::now().time_since_epoch().count()); }
  template <class Job>
  void guarded(Job job) {
    try {
      job();
    } catch (...) {
      loop_.post([error = std::current_exception()] { std::rethrow_exception(error); });
    }
  }

  Loop& loop_;
  const Duration lease_;
  const std::function<bool()> lends_;
  std::atomic<Holder> holder_{Holder::owner};
  std::atomic<std::int64_t> touched_{0};  // when a guest last took it or gave it back
  std::atomic<int> wanting_{0};           // guests that would take the loop now
  std::atomic<int> relying_{0};
  std::mutex mutex_;  // guards call_, for which the owner sleeps while the loop is lent
  std::condition_variable called_;
  Call call_ = Call::none;
};

}  // namespace camshaft::net
