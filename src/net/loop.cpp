#include "net/loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

namespace camshaft::net {

namespace {
// So many messages of one socket are handled before the others get their turn.
constexpr int kBatch = 256;
constexpr Duration kTidyAfter = std::chrono::seconds(1);
}  // namespace

// One thing that is polled: a socket's messages, its monitor's events, or a plain descriptor.
struct Loop::Watch {
  Socket* socket = nullptr;
  int descriptor = -1;
  std::function<void(Received&&)> on_message;
  std::function<void(const SocketEvent&)> on_event;
  std::function<void()> on_readable;
  bool ready = false;  // something may be there
  bool gone = false;
  std::uint64_t asked = 0;  // of the socket's uses(), when it last had nothing

  void* handle() const { return on_event ? socket->monitor_handle() : socket->handle(); }
  std::uint64_t uses() const { return on_event ? socket->monitor_uses() : socket->uses(); }
};

Loop::Loop(const Clock& clock) : clock_(clock), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Loop::~Loop() { close(wake_fd_); }

void Loop::on_message(Socket& socket, std::function<void(Received&&)> handler) {
  auto watch = std::make_unique<Watch>();
  watch->socket = &socket;
  watch->on_message = std::move(handler);
  watch->asked = watch->uses() - 1;
  watches_.push_back(std::move(watch));
  watches_changed_ = true;
}

void Loop::on_event(Socket& socket, std::function<void(const SocketEvent&)> handler) {
  auto watch = std::make_unique<Watch>();
  watch->socket = &socket;
  watch->on_event = std::move(handler);
  watch->asked = watch->uses() - 1;
  watches_.push_back(std::move(watch));
  watches_changed_ = true;
}

void Loop::on_readable(int descriptor, std::function<void()> handler) {
  auto watch = std::make_unique<Watch>();
  watch->descriptor = descriptor;
  watch->on_readable = std::move(handler);
  watches_.push_back(std::move(watch));
  watches_changed_ = true;
}

void Loop::forget(Socket& socket) {
  for (auto& watch : watches_)
    if (watch->socket == &socket) watch->gone = true;
  watches_changed_ = true;
}

void Loop::forget(int descriptor) {
  for (auto& watch : watches_)
    if (watch->socket == nullptr && watch->descriptor == descriptor) watch->gone = true;
  watches_changed_ = true;
}

void Loop::after_round(std::function<void()> handler) { after_round_.push_back(std::move(handler)); }

void Loop::after_work(std::function<void()> handler) {
  if (after_work_.empty()) after_round([this] { tidy_later(); });
  after_work_.push_back(std::move(handler));
}

void Loop::tidy_later() {
  if (tidying_ == Tidying::done) {
    tidying_ = Tidying::idle;
  } else if (tidying_ == Tidying::idle) {
    tidying_ = Tidying::due;
    at(clock_.now() + kTidyAfter, [this] {
      tidying_ = Tidying::done;
      for (const auto& handler : after_work_) handler();
    });
  }
}

TimerId Loop::at(TimePoint when, std::function<void()> handler) {
  const TimerId id{next_timer_++};
  timers_.emplace(when, Timer{id, Duration::zero(), std::move(handler)});
  return id;
}

TimerId Loop::every(Duration period, std::function<void()> handler) {
  const TimerId id{next_timer_++};
  timers_.emplace(clock_.now() + period, Timer{id, period, std::move(handler)});
  return id;
}

void Loop::cancel(TimerId timer) {
  const auto found =
      std::find_if(timers_.begin(), timers_.end(), [&](const auto& entry) { return entry.second.id == timer; });
  if (found != timers_.end()) timers_.erase(found);
}

void Loop::post(std::function<void()> job) {
  bool was_empty;
  {
    const std::lock_guard lock(posted_mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(job));
    any_posted_.store(true);
  }
  if (was_empty) wake();
}

void Loop::wake() {
  const std::uint64_t one = 1;
  // A full counter means that a wake-up is already pending.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void Loop::stop() {
  stopping_.store(true);
  wake();
}

void Loop::run() {
  while (!take_stop()) run_once(std::chrono::hours(1));
}

bool Loop::run_posted() {
  std::vector<std::function<void()>> jobs;
  {
    const std::lock_guard lock(posted_mutex_);
    jobs.swap(posted_);
    any_posted_.store(false, std::memory_order_relaxed);
  }
  for (auto& job : jobs) job();
  return !jobs.empty();
}

bool Loop::fire_timers() {
  bool fired = false;
  const TimePoint now = clock_.now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto node = timers_.extract(timers_.begin());
    fired = true;
    if (node.mapped().period > Duration::zero()) {
      // Re-armed before it runs, so that the handler may cancel it.
      const std::function<void()> handler = node.mapped().handler;
      node.key() = now + node.mapped().period;
      timers_.insert(std::move(node));
      handler();
    } else {
      node.mapped().handler();
    }
  }
  return fired;
}

// A descriptor may be re-used as soon as its connection has ended, so what is known of connections must be up to date
// before a message is handled.
bool Loop::drain_events(Socket& socket) {
  if (socket.monitor_handle() == nullptr) return false;
  const auto found = std::find_if(watches_.begin(), watches_.end(), [&](const auto& watch) {
    return watch->socket == &socket && watch->on_event && !watch->gone;
  });
  // What it is stays where it is, while a handler that adds a watch may move watches_.
  return found != watches_.end() && drain_events(**found);
}

bool Loop::drain_events(Watch& watch) {
  bool any = false;
  while (!watch.gone) {
    const auto event = watch.socket->next_event();
    if (!event) {
      watch.asked = watch.uses();
      break;
    }
    any = true;
    watch.on_event(*event);
  }
  return any;
}

// Whether anything was there.
bool Loop::serve(Watch& watch) {
  watch.ready = false;
  if (watch.on_readable) {
    watch.on_readable();
    return true;
  }
  if (watch.on_event) return drain_events(watch);
  for (int n = 0; n < kBatch && !watch.gone; ++n) {
    auto received = watch.socket->receive_with_descriptor();
    if (!received) {
      watch.asked = watch.uses();
      return n > 0;
    }
    drain_events(*watch.socket);
    if (!watch.gone) watch.on_message(std::move(*received));
  }
  return true;
}

// What zmq_poll does, with a fraction of its system calls. The descriptors of ZeroMQ's sockets are edge-triggered
// (zmq_getsockopt(3), ZMQ_FD): a socket has something for us only if its descriptor says so, or if it was used since it
// last had nothing. So a round asks those that were used, and polls the descriptors of all, once.
bool Loop::run_once(Duration max_wait) {
  if (watches_changed_) {
    std::erase_if(watches_, [](const auto& watch) { return watch->gone; });
    rebuild_descriptors();
    watches_changed_ = false;
  }
  bool ready = ask_used_sockets();
  const Duration awake = std::max(worked_ ? patience_ : Duration::zero(), std::exchange(expecting_, Duration::zero()));
  if (!ready && awake > Duration::zero()) ready = poll_for_a_while(awake, max_wait);
  if (!ready || has_plain_descriptors_) {
    const bool now = ready || any_posted_.load(std::memory_order_acquire) || stopping_.load();
    Duration wait = now ? Duration::zero() : max_wait;
    if (!timers_.empty()) wait = std::min(wait, timers_.begin()->first - clock_.now());
    poll_descriptors(wait);
  }

  bool worked = run_posted();
  worked = fire_timers() || worked;
  for (std::size_t i = 0; i < watched_.size(); ++i) {  // handlers may add and forget watches; neither touches watched_
    Watch& watch = *watched_[i];
    if (watch.ready && !watch.gone) worked = serve(watch) || worked;
  }
  if (worked)
    for (const auto& handler : after_round_) handler();
  return worked_ = worked;
}

// Marks what is ready; whether anything is. What wakes the loop is no such thing: it comes with a job or an end.
bool Loop::poll_descriptors(Duration wait) {
  // ppoll: what waits for less than a millisecond does not wait for one.
  const auto nanoseconds = std::chrono::nanoseconds(std::max(wait, Duration::zero())).count();
  const timespec limit{static_cast<time_t>(nanoseconds / 1'000'000'000),
                       static_cast<long>(nanoseconds % 1'000'000'000)};
  const int polled = ::ppoll(descriptors_.data(), descriptors_.size(), &limit, nullptr);
  if (polled < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  if (polled <= 0) return false;
  if ((descriptors_[0].revents & POLLIN) != 0) {
    std::uint64_t count;
    [[maybe_unused]] const ssize_t drained = read(wake_fd_, &count, sizeof count);
  }
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if (descriptors_[i + 1].revents == 0) continue;
    if (watched_[i]->socket == nullptr) {
      watched_[i]->ready = true;
    } else {
      watched_[i]->asked = watched_[i]->uses() - 1;  // it has something, but perhaps no message
    }
  }
  return ask_used_sockets();
}

void Loop::rebuild_descriptors() {
  descriptors_.assign(1, {wake_fd_, POLLIN, 0});
  watched_.clear();
  has_plain_descriptors_ = false;
  for (const auto& watch : watches_) {
    int descriptor = watch->descriptor;
    if (watch->socket != nullptr) {
      std::size_t size = sizeof descriptor;
      zmq_getsockopt(watch->handle(), ZMQ_FD, &descriptor, &size);
    } else {
      has_plain_descriptors_ = true;
    }
    descriptors_.push_back({descriptor, POLLIN, 0});
    watched_.push_back(watch.get());
  }
}

bool Loop::poll_for_a_while(Duration patience, Duration most) {
  if (!timers_.empty()) most = std::min(most, timers_.begin()->first - clock_.now());
  bool ready = false;
  experience_.wait(
      [&] {
        ready = poll_descriptors(Duration::zero());
        return ready || any_posted_.load(std::memory_order_acquire) || stopping_.load();
      },
      std::max(std::min(most, patience), Duration::zero()));
  return ready;
}

bool Loop::ask_used_sockets() {
  bool any = false;
  for (Watch* watch : watched_) {
    if (watch->gone) continue;
    if (!watch->ready && watch->socket != nullptr && watch->asked != watch->uses()) {
      watch->asked = watch->uses();
      int events = 0;
      std::size_t size = sizeof events;
      if (zmq_getsockopt(watch->handle(), ZMQ_EVENTS, &events, &size) == 0) watch->ready = (events & ZMQ_POLLIN) != 0;
    }
    any = any || watch->ready;
  }
  return any;
}

}  // namespace camshaft::net
