#include "net/lent_loop.hpp"

#include <utility>

namespace camshaft::net {

void LentLoop::run() {
  while (!loop_.take_stop()) {
    loop_.run_once(std::chrono::hours(1));
    if (wanting_.load() > 0 && relying_.load() == 0 && !loop_.stopping() && lends_()) lend();
  }
}

// Returns when the owner has the loop again.
void LentLoop::lend() {
  std::unique_lock lock(mutex_);
  touch();
  holder_.store(Holder::nobody);
  call_ = needs_owner() ? Call::resume : Call::none;
  while (true) {
    called_.wait_for(lock, lease_, [&] { return call_ != Call::none; });
    const bool resume = std::exchange(call_, Call::none) == Call::resume;
    const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
    const bool untouched = now - touched_.load() >= lease_.count();
    Holder seen = holder_.load();
    if (seen == Holder::nobody && (resume || untouched)) {
      if (holder_.compare_exchange_strong(seen, Holder::owner)) return;
    } else if (seen == Holder::guest && untouched && holder_.compare_exchange_strong(seen, Holder::long_guest)) {
      called_.wait(lock, [&] { return call_ != Call::none; });
    }
  }
}

bool LentLoop::borrow() {
  Holder expected = Holder::nobody;
  if (holder_.load(std::memory_order_relaxed) != expected || relying_.load() > 0) return false;
  if (!holder_.compare_exchange_strong(expected, Holder::guest)) return false;
  touch();
  return true;
}

void LentLoop::give_back() {
  touch();
  const Holder was = holder_.exchange(Holder::nobody);
  if (needs_owner()) {
    call(Call::resume);
  } else if (was == Holder::long_guest) {
    call(Call::look);
  }
}

void LentLoop::call(Call what) {
  {
    const std::lock_guard lock(mutex_);
    if (what > call_) call_ = what;
  }
  called_.notify_one();
}

void LentLoop::resume_if_free() {
  if (holder_.load() == Holder::nobody) call(Call::resume);
}

void LentLoop::post(std::function<void()> job) {
  loop_.post(std::move(job));
  resume_if_free();
}

void LentLoop::stop() {
  loop_.stop();
  resume_if_free();
}

void LentLoop::nudge() {
  const Holder holder = holder_.load();
  if (holder == Holder::guest || holder == Holder::long_guest) loop_.post([] {});
}

}  // namespace camshaft::net
