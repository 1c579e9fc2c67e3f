// net/loop.hpp: one poll loop over sockets, descriptors and timers.
// Thread: made anywhere, run on one thread; post() and stop() from any, everything else only on the loop's thread
//         (or before run). Handlers run on the loop's thread, one at a time.
// Owns:   its timers and posted jobs. Borrows sockets, which must outlive it or be forgotten first.
// Errors: what a handler throws leaves run().
#pragma once
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/spin.hpp"
#include "core/time.hpp"
#include "net/socket.hpp"

namespace camshaft::net {

enum class TimerId : std::uint64_t {};

class Loop final {
 public:
  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Calls `handler` for each message that arrives on `socket`.
  void on_message(Socket& socket, std::function<void(Received&&)> handler);
  /// Calls `handler` for each connection event; these are always handled before messages of the same socket.
  void on_event(Socket& socket, std::function<void(const SocketEvent&)> handler);
  /// Calls `handler` when a plain descriptor is readable.
  void on_readable(int descriptor, std::function<void()> handler);
  void forget(Socket& socket);
  void forget(int descriptor);
  /// Calls `handler` after each round that handled anything: the place to flush what a batch of messages produced.
  void after_round(std::function<void()> handler);
  /// Calls `handler` once a second while there is work, and a last time when it has ended: the place to tidy up after a
  /// burst. An idle loop stays asleep.
  void after_work(std::function<void()> handler);

  TimerId at(TimePoint when, std::function<void()> handler);
  TimerId every(Duration period, std::function<void()> handler);
  void cancel(TimerId timer);

  /// After each round that handled anything, asks on for so long before it sleeps, giving way to threads that have
  /// work: what comes in quick succession then costs no wake-up.
  void stay_awake(Duration patience) { patience_ = patience; }
  /// The same before the next sleep, whatever was handled before: something is about to come.
  void expect(Duration patience) { expecting_ = patience; }

  /// Runs `job` on the loop's thread, soon. Jobs of one thread keep their order.
  void post(std::function<void()> job);

  /// Runs until stop(). A stopped loop may be run again.
  void run();
  void stop();
  /// stop() was called, and no run() has ended for it.
  bool stopping() const { return stopping_.load(); }
  bool take_stop() { return stopping_.exchange(false); }
  /// Lets a poll that sleeps return. From any thread.
  void wake();
  /// A job waits to be run.
  bool any_posted() const { return any_posted_.load(); }
  /// One round: handles what is ready, waiting at most `max_wait` for something. True when it handled anything.
  bool run_once(Duration max_wait);

  const Clock& clock() const { return clock_; }

 private:
  struct Watch;
  struct Timer {
    TimerId id;
    Duration period;  // 0 = once
    std::function<void()> handler;
  };
  bool serve(Watch& watch);
  void rebuild_descriptors();
  bool ask_used_sockets();
  bool poll_descriptors(Duration wait);
  bool poll_for_a_while(Duration patience, Duration most);
  bool drain_events(Socket& socket);
  bool drain_events(Watch& watch);
  bool fire_timers();
  void tidy_later();
  bool run_posted();

  const Clock& clock_;
  int wake_fd_;
  std::vector<std::unique_ptr<Watch>> watches_;
  bool watches_changed_ = true;
  // Of the watches when a round began; rebuilt when they have changed.
  std::vector<Watch*> watched_;
  std::vector<pollfd> descriptors_;  // wake_fd_, then one for each of watched_
  bool has_plain_descriptors_ = false;
  Duration patience_{}, expecting_{};
  Patience experience_;
  bool worked_ = false;  // in the round before
  std::multimap<TimePoint, Timer> timers_;
  std::uint64_t next_timer_ = 1;
  std::vector<std::function<void()>> after_round_, after_work_;
  enum class Tidying : std::uint8_t { idle, due, done } tidying_ = Tidying::idle;  // done: in this round, by no work
  std::mutex posted_mutex_;  // guards posted_: the one place where other threads reach in
  std::vector<std::function<void()>> posted_;
  std::atomic<bool> any_posted_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace camshaft::net
