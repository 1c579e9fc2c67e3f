// What ends a task before its time: a wait or a run that is longer than it may be, and users who abort it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

constexpr Duration kKillAgain = std::chrono::seconds(1);  // at least; the task may start only after the first order

}  // namespace

void Scheduler::on(Tick&&) {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    const Slot slot = timers_.begin()->second.slot;
    if (running(slot)) {
      over_limit(slot);
      continue;
    }
    const Task& task = tasks_[slot];
    const double seconds = std::chrono::duration<double>(task.conditions->timeout).count();
    std::string text =
        fmt::format("Task '{}' could not be started within its timeout of {} s", id_of(task).value, seconds);
    fail(slot, FailureKind::task_timeout, std::move(text));
  }
  const std::set<Slot> leaving = leaving_;
  for (Slot engine : leaving) {
    if (*engines_[engine].dies_at <= now_) bury(engine);
  }
  const bool look = rob_at_ && *rob_at_ <= now_;
  if (look) rob_at_.reset();
  settle(std::nullopt);
  if (look) rob_for_the_idle();
}

void Scheduler::on(Abort&& event) {
  for (const MsgId& id : event.ids) {
    const Known known = table_.find(table_.fingerprint(id.value));
    if (known.kind != Known::live) continue;
    if (running(known.where)) {
      abort_running(known.where, event.how);
    } else {
      fail(known.where, FailureKind::aborted, fmt::format("Task '{}' was aborted before it started", id.value));
    }
  }
  settle(std::nullopt);
}

/// The task is at an engine. Engines of our own know which task they run, so they get every order and ignore what does
/// not concern them; others interrupt or kill whatever runs, which is their oldest task.
void Scheduler::abort_running(Slot slot, How how) {
  tasks_[slot].retries_left = 0;
  Running& here = *running(slot);
  here.aborted = true;
  const Slot at = here.engine;
  const Engine& engine = engines_[at];
  if (!index_.contains(at)) return;  // it is on its way out: nobody is there to be told
  if (engine.recalls) recall(slot);
  if (how == How::queued || (!engine.recalls && engine.oldest != slot)) return;
  if (how == How::kill) recall_unstarted(at);
  stop(slot, how == How::kill ? Stop::killed : Stop::interrupted);
}

/// It has run for as long as it may, or did not end after it was told so.
void Scheduler::over_limit(Slot slot) {
  Running& here = *running(slot);
  const Duration grace = tasks_[slot].conditions->kill_after;
  const bool kill = here.stop != Stop::none || grace <= Duration{};
  here.over_limit = true;
  recall_unstarted(here.engine);
  stop(slot, kill ? Stop::killed : Stop::interrupted);
  set_timer(slot, kill ? std::max(grace, kKillAgain) : grace);
}

void Scheduler::stop(Slot slot, Stop how) {
  Running& here = *running(slot);
  Engine& engine = engines_[here.engine];
  if (here.stop == Stop::none) ++engine.stopping;
  here.stop = std::max(here.stop, how);
  if (how == Stop::killed) {
    out_->push_back(Kill{id_of(tasks_[slot]), engine.id});
  } else {
    out_->push_back(Interrupt{id_of(tasks_[slot]), engine.id});
  }
  index_.rebound(here.engine, bound_of(engine));
}

// ---- timers ----------------------------------------------------------------------------------------------------

/// The task is queued: its timeout begins, unless it runs already.
void Scheduler::start_timer(Slot slot) {
  const Conditions* c = tasks_[slot].conditions.get();
  if (c && c->timeout != Duration{} && !c->deadline) set_timer(slot, c->timeout);
}

/// The task is its engine's oldest: its time limit begins.
void Scheduler::start_limit(Slot slot) {
  const Conditions* c = tasks_[slot].conditions.get();
  const Running& here = *running(slot);
  if (!c || c->time_limit == Duration{} || !index_.contains(here.engine)) return;
  set_timer(slot, here.stop == Stop::none ? c->time_limit : std::max(c->kill_after, kKillAgain));
}

void Scheduler::set_timer(Slot slot, Duration from_now) {
  stop_timer(slot);
  Conditions& conditions = *tasks_[slot].conditions;
  conditions.deadline = now_ + from_now;
  timers_.insert({*conditions.deadline, entry_of(slot)});
}

void Scheduler::stop_timer(Slot slot) {
  Task& task = tasks_[slot];
  if (!task.conditions || !task.conditions->deadline) return;
  timers_.erase({*task.conditions->deadline, entry_of(slot)});
  task.conditions->deadline.reset();
}

}  // namespace camshaft::sched
