#include "service/client_request.hpp"

#include <algorithm>
#include <utility>

#include "core/spin.hpp"

namespace camshaft::service {

namespace {
// About two round trips: an answer that takes longer will not notice the price of falling asleep.
constexpr std::chrono::microseconds kStayAwake{500};
}  // namespace

Request::Request(std::shared_ptr<ClientBoard> board, std::uint64_t seq, std::string engine, WallTime submitted,
                 std::uint64_t part_of)
    : board_(std::move(board)), seq_(seq), part_of_(part_of), engine_(std::move(engine)), submitted_(submitted) {
  board_->pending_.fetch_add(1, std::memory_order_relaxed);
}

std::string Request::msg_id() const {
  // The broadcast scheduler makes the id of each engine's copy so.
  if (part_of_ != 0) return board_->id_prefix() + std::to_string(part_of_) + "_" + engine_;
  return board_->id_prefix() + std::to_string(seq_);
}

const client::Reply& Request::reply() const {
  static const client::Reply kPending;
  return done() ? *reply_ : kPending;
}

client::Output Request::output() const {
  const std::lock_guard lock(board_->mutex_);
  return output_ ? *output_ : client::Output{};
}

std::size_t Request::output_changes() const {
  const std::lock_guard lock(board_->mutex_);
  return output_ ? output_->changes : 0;
}

std::map<EngineNumber, EngineId> ClientBoard::engines() const {
  const std::lock_guard lock(mutex_);
  return engines_;
}

std::uint64_t ClientBoard::wait_generation(std::uint64_t seen, Duration timeout) {
  std::unique_lock lock(mutex_);
  engines_changed_.wait_for(lock, timeout, [&] { return generation() != seen || closed(); });
  return generation();
}

void ClientBoard::watch(const RequestPtr& request) {
  const auto before = request->flags_.fetch_or(Request::kWatched);
  if ((before & Request::kDone) == 0 || (before & Request::kWatched) != 0) return;
  const std::lock_guard lock(mutex_);
  watched_done_.push_back(request);
  watched_.notify_one();
}

std::vector<RequestPtr> ClientBoard::next_watched(Duration timeout) {
  std::vector<RequestPtr> done;
  std::unique_lock lock(mutex_);
  watched_.wait_for(lock, timeout, [&] { return !watched_done_.empty() || closed(); });
  done.swap(watched_done_);
  return done;
}

// Publishes what was written to the request before, and wakes who waits for just that.
void ClientBoard::raise(Request& request, std::uint8_t flags) {
  const auto before = request.flags_.fetch_or(flags, std::memory_order_acq_rel);
  if ((before & Request::kAwaited) == 0) return;
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter : waiters_) {
    if ((waiter->wanted & flags) == 0 || (waiter->target != nullptr && waiter->target != &request)) continue;
    waiter->signaled = true;
    waiter->wake.notify_one();
  }
}

void ClientBoard::answer(const RequestPtr& request, client::Reply reply, client::Status status, bool outputs_done,
                         WallTime now) {
  request->reply_ = std::make_unique<const client::Reply>(std::move(reply));
  request->status_ = status;
  request->received_ = now;
  pending_.fetch_sub(1, std::memory_order_relaxed);
  raise(*request, outputs_done ? Request::kDone | Request::kOutputsDone : Request::kDone);
  if (request->has(Request::kWatched)) watched_now_.push_back(request);
}

void ClientBoard::show(Request& request, client::OutputMessage message) {
  const std::lock_guard lock(mutex_);
  if (!request.output_) request.output_ = std::make_unique<client::Output>();
  request.output_->add(std::move(message));
}

void ClientBoard::outputs_done(Request& request) { raise(request, Request::kOutputsDone); }

void ClientBoard::set_engines(const std::map<EngineNumber, EngineId>& engines) {
  const std::lock_guard lock(mutex_);
  engines_ = engines;
  generation_.fetch_add(1, std::memory_order_release);
  engines_changed_.notify_all();
}

void ClientBoard::set_reach(Reach reach) {
  const std::lock_guard lock(mutex_);
  if (reach_.exchange(reach, std::memory_order_acq_rel) == reach) return;
  generation_.fetch_add(1, std::memory_order_release);
  engines_changed_.notify_all();
}

void ClientBoard::flush() {
  if (watched_now_.empty()) return;
  const std::lock_guard lock(mutex_);
  watched_done_.insert(watched_done_.end(), std::make_move_iterator(watched_now_.begin()),
                       std::make_move_iterator(watched_now_.end()));
  watched_now_.clear();
  watched_.notify_one();
}

void ClientBoard::close() {
  const std::lock_guard lock(mutex_);
  closed_.store(true, std::memory_order_release);
  watched_.notify_all();
  engines_changed_.notify_all();
}

Wait::Wait(ClientBoard& board, net::LentLoop& lent, std::span<const RequestPtr> requests, WaitFor what)
    : board_(board), lent_(lent), flag_(what.outputs ? Request::kOutputsDone : Request::kDone), any_(what.any) {
  pending_.reserve(requests.size());
  for (const RequestPtr& request : requests)
    if (any_ || !finished(*request)) pending_.push_back(request.get());
}

bool Wait::sleep(const Request* target, std::chrono::steady_clock::time_point deadline) {
  if (target != nullptr) {
    const auto patience = std::exchange(spun_, true) ? std::chrono::microseconds::zero() : kStayAwake;
    if (lent_.drive([&] { return finished(*target); }, deadline, patience)) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
  }
  const net::LentLoop::Reliance relies(lent_);
  ClientBoard::Waiter self;
  self.target = target;
  self.wanted = flag_;
  std::unique_lock lock(board_.mutex_);
  board_.waiters_.push_back(&self);
  // In the waiters' list first, then marked as awaited: whoever completes the request after the mark finds the waiter.
  bool ready = false;
  const auto mark = [&](const Request& request) {
    ready = ready || (request.flags_.fetch_or(Request::kAwaited, std::memory_order_acq_rel) & flag_) != 0;
  };
  if (target != nullptr) {
    mark(*target);
  } else {
    for (const Request* request : pending_) mark(*request);
  }
  const bool woken = ready || self.wake.wait_until(lock, deadline, [&] { return self.signaled; });
  board_.waiters_.erase(std::find(board_.waiters_.begin(), board_.waiters_.end(), &self));
  return woken;
}

bool Wait::until_any(std::chrono::steady_clock::time_point deadline) {
  do {
    if (pending_.empty() ||
        std::any_of(pending_.begin(), pending_.end(), [&](const Request* request) { return finished(*request); }))
      return true;
  } while (sleep(nullptr, deadline));
  return false;
}

bool Wait::until(std::chrono::steady_clock::time_point deadline) {
  if (any_) return until_any(deadline);
  while (true) {
    while (!pending_.empty() && finished(*pending_.back())) pending_.pop_back();
    if (pending_.empty()) return true;
    if (!sleep(pending_.back(), deadline)) return false;
    std::erase_if(pending_, [&](const Request* request) { return finished(*request); });
    if (pending_.empty()) return true;
    // Any choice is correct; a different one each time keeps an unlucky order of completion from waking us each time.
    pick_ = pick_ * 1664525u + 1013904223u;
    std::swap(pending_[pick_ % pending_.size()], pending_.back());
  }
}

}  // namespace camshaft::service
