#include "engine/request_queue.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace camshaft::engine {

namespace {
// What an urgent task costs does not grow with a queue of any length; the scheduler thinks the same of our order.
constexpr std::size_t kMostOvertaken = 1024;
}  // namespace

std::vector<Action> RequestQueue::handle(const Event& event) {
  std::vector<Action> out;
  std::visit([&](const auto& e) { on(e, out); }, event);
  return out;
}

void RequestQueue::on(const Arrived& event, std::vector<Action>& out) {
  if (!aborted_.empty() && aborted_.erase(event.request.id) > 0) {
    out.emplace_back(AnswerAborted{event.request.ticket});
    return;
  }
  if (event.request.kind == Kind::clear) {
    waiting_.push_front(event.request);
  } else {
    auto place = waiting_.end();
    if (event.request.turn) {
      for (std::size_t n = 0; n < kMostOvertaken && place != waiting_.begin(); ++n, --place)
        if (std::prev(place)->turn <= event.request.turn) break;  // as do those without a turn
    }
    waiting_.insert(place, event.request);
  }
  if (idle_) run_next(out);
}

void RequestQueue::on(const Abort& event, std::vector<Action>& out) {
  if (event.ids.empty()) {
    abort_waiting_executes(out);
    return;
  }
  std::unordered_set<MsgId> ids(event.ids.begin(), event.ids.end());
  std::erase_if(waiting_, [&](const Request& request) {
    if (ids.erase(request.id) == 0) return false;
    out.emplace_back(AnswerAborted{request.ticket});
    return true;
  });
  for (const MsgId& id : event.ids)
    if (ids.contains(id)) remember_abort(id);
}

void RequestQueue::on(const Recall& event, std::vector<Action>& out) {
  const std::unordered_set<MsgId> ids(event.ids.begin(), event.ids.end());
  std::erase_if(waiting_, [&](const Request& request) {
    if (!ids.contains(request.id)) return false;
    out.emplace_back(AnswerRecalled{request.ticket});
    return true;
  });
}

std::optional<Ticket> RequestQueue::running_of(const std::vector<MsgId>& ids) const {
  if (!running_ || std::find(ids.begin(), ids.end(), running_->id) == ids.end()) return std::nullopt;
  return running_->ticket;
}

void RequestQueue::on(const Idle&, std::vector<Action>& out) {
  if (running_) throw std::logic_error("the interpreter asked for work while a request was running");
  idle_ = true;
  run_next(out);
}

void RequestQueue::on(const Finished& event, std::vector<Action>& out) {
  if (running() != event.ticket) throw std::logic_error("a request that was not running has finished");
  running_.reset();
  if (event.aborts_executes) abort_waiting_executes(out);
}

void RequestQueue::on(const ControllerLost&, std::vector<Action>& out) {
  for (const Request& request : waiting_) out.emplace_back(Discard{request.ticket});
  waiting_.clear();
  aborted_.clear();
  aborted_order_.clear();
}

void RequestQueue::run_next(std::vector<Action>& out) {
  if (waiting_.empty()) return;
  running_ = std::move(waiting_.front());
  waiting_.pop_front();
  idle_ = false;
  out.emplace_back(Start{running_->ticket});
}

std::vector<MsgId> RequestQueue::held() const {
  std::vector<MsgId> ids;
  ids.reserve(waiting_.size() + 1);
  if (running_) ids.push_back(running_->id);
  for (const Request& request : waiting_) ids.push_back(request.id);
  return ids;
}

void RequestQueue::abort_waiting_executes(std::vector<Action>& out) {
  std::erase_if(waiting_, [&](const Request& request) {
    if (request.kind != Kind::execute) return false;
    out.emplace_back(AnswerAborted{request.ticket});
    return true;
  });
}

void RequestQueue::remember_abort(const MsgId& id) {
  if (!aborted_.insert(id).second) return;
  aborted_order_.push_back(id);
  while (aborted_order_.size() > max_aborts_) {
    aborted_.erase(aborted_order_.front());
    aborted_order_.pop_front();
  }
}

void RequestQueue::check() const {
  if (idle_ && running_) throw std::logic_error("idle while running");
  if (idle_ && !waiting_.empty()) throw std::logic_error("idle while requests wait");
  if (aborted_.size() > aborted_order_.size()) throw std::logic_error("an abort without its place in the order");
  if (aborted_order_.size() > max_aborts_) throw std::logic_error("too many aborts remembered");
}

}  // namespace camshaft::engine
