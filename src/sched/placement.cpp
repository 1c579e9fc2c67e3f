// Who goes where. Between events this holds, and every shortcut below rests on it: no engine that is open is allowed
// for a task that waits. So an engine that has just got room is the only choice for the tasks that waited, and only
// tasks that have just become ready need to look at all engines.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "sched/scheduler.hpp"
#include "sched/sorted.hpp"

namespace camshaft::sched {
namespace {

constexpr Entry kAll{std::numeric_limits<std::int64_t>::max(), ~std::uint64_t{0}, 0};
constexpr std::size_t kMostOvertaken = 1024;  // tasks of an engine, as in engine/request_queue.cpp

}  // namespace

/// Ends an event: spreads the news of ended tasks, then places in order of their turn what can run: newly ready tasks
/// anywhere, waiting ones on `opened`, the engine that may have got room.
void Scheduler::settle(std::optional<Slot> opened) {
  propagate();
  std::sort(ready_.begin(), ready_.end());
  for (const Ready& ready : ready_) {
    if (!is_task(ready.entry.slot, ready.entry.arrival) ||
        !std::holds_alternative<Blocked>(tasks_[ready.entry.slot].state))
      continue;
    if (opened) fill(*opened, ready.entry);
    place(ready.entry.slot, ready.avoid);
  }
  ready_.clear();
  if (opened) fill(*opened, kAll);
  balance(opened);
}

/// Gives the engine waiting tasks whose turn is before `before`, in order, while it has room.
void Scheduler::fill(Slot engine, const Entry& before) {
  while (index_.open(engine)) {
    const std::optional<Entry> next = next_for(engine);
    if (!next || before < *next) return;
    leave_queue(next->slot);
    dispatch(next->slot, engine);
  }
}

/// Nothing but a free engine is missing any more, unless there can never be one.
void Scheduler::become_ready(Slot slot, Slot avoid) {
  if (auto why = why_impossible(tasks_[slot], nullptr)) {
    fail(slot, FailureKind::impossible_dependency, std::move(*why));
  } else {
    ready_.push_back({entry_of(slot), avoid});
  }
}

/// Sends a ready task to an engine, to `avoid` only if there is no other, or lets it wait.
void Scheduler::place(Slot slot, Slot avoid) {
  const Conditions* conditions = tasks_[slot].conditions.get();
  std::optional<Slot> engine;
  if (index_.open_count() == 0) {
    // nobody has room
  } else if (conditions && (conditions->restricted() || conditions->demand)) {
    std::vector<Slot> open = candidates(*conditions);
    if (open.size() > 1) open.erase(std::remove(open.begin(), open.end(), avoid), open.end());
    engine = index_.pick_only(open, rng_);
  } else if (conditions || avoid != kNoSlot) {
    std::vector<Slot> except;
    if (conditions) {
      for (Serial serial : conditions->blacklist) {
        if (const auto live = live_slot(serial)) except.push_back(*live);
      }
    }
    if (avoid != kNoSlot) except.push_back(avoid);
    engine = index_.pick_except(except, rng_);
    if (!engine && avoid != kNoSlot) {
      except.pop_back();
      engine = index_.pick_except(except, rng_);
    }
  } else {
    engine = index_.pick(rng_);
  }
  if (engine) {
    dispatch(slot, *engine);
  } else {
    wait(slot);
  }
}

/// The open engines that a restricted or demanding task may go to.
std::vector<Slot> Scheduler::candidates(const Conditions& conditions) const {
  std::vector<Slot> slots;
  const auto consider = [&](Slot slot) {
    if (index_.open(slot) && (!conditions.demand || demands_.fits_now(*conditions.demand, slot))) slots.push_back(slot);
  };
  if (conditions.restricted()) {
    for (Serial serial : allowed_engines(conditions)) consider(*live_slot(serial));
  } else {
    for (Slot slot = 0; slot < conditions.demand->fits.size(); ++slot) {
      if (Demands::fits(*conditions.demand, slot) && !has_sorted(conditions.blacklist, engines_[slot].serial)) {
        consider(slot);
      }
    }
  }
  return slots;
}

void Scheduler::dispatch(Slot slot, Slot at) {
  Task& task = tasks_[slot];
  stop_timer(slot);
  Engine& engine = engines_[at];
  Running& now = task.state.emplace<Running>();
  now.engine = at;
  now.sent = now_;
  now.alone = engine.load == 0;
  if (options_.hwm == kAutoHwm && engine.recalls) now.expected = durations_.expected(task.label, engine.serial);
  if (now.alone) {
    engine.oldest = slot;
    engine.busy_since = now_;
  } else {
    // Engines of our own run what they hold in order of priority, so that prefetching turns no order round. What was
    // submitted within the last step of aging counts as equal.
    Slot before = engine.newest;
    if (engine.recalls) {
      const std::int64_t lead = lead_of(slot);
      for (std::size_t n = 0; n < kMostOvertaken && before != engine.oldest && lead_of(before) < lead; ++n)
        before = running(before)->older;
    }
    now.older = before;
    now.newer = std::exchange(running(before)->newer, slot);
  }
  (now.newer == kNoSlot ? engine.newest : running(now.newer)->older) = slot;
  ++engine.load;
  engine.expected += now.expected;
  if (task.conditions && task.conditions->demand) demands_.occupy(*task.conditions->demand, at);
  index_.assign(at, bound_of(engine));
  note_crowd(at);
  ++task.dispatches;
  ++running_;
  out_->push_back(Dispatch{id_of(task), engine.id, task.payload});
  if (now.alone) start_limit(slot);
}

/// Takes a running task off its engine, and says how it was there. The caller decides what becomes of it.
Scheduler::Running Scheduler::undispatch(Slot slot) {
  Task& task = tasks_[slot];
  const Running was = *running(slot);
  Engine& engine = engines_[was.engine];
  (was.older == kNoSlot ? engine.oldest : running(was.older)->newer) = was.newer;
  (was.newer == kNoSlot ? engine.newest : running(was.newer)->older) = was.older;
  --engine.load;
  engine.expected -= was.expected;
  if (was.recalled) --engine.recalling;
  if (was.stop != Stop::none) --engine.stopping;
  stop_timer(slot);
  task.state = Blocked{};
  --running_;
  if (task.conditions && task.conditions->demand) demands_.vacate(*task.conditions->demand, was.engine);
  if (was.older == kNoSlot && was.newer != kNoSlot) {
    engine.busy_since = now_;
    start_limit(was.newer);
  }
  if (index_.contains(was.engine)) index_.answer(was.engine, bound_of(engine));
  note_crowd(was.engine);
  return was;
}

/// The task's priority, and one more for each step of aging that it has waited.
std::int64_t Scheduler::lead_of(Slot slot) const {
  const std::int64_t before = now_.time_since_epoch().count() - tasks_[slot].turn, step = options_.aging.count();
  return before / step - (before % step < 0 ? 1 : 0);
}

/// How many tasks the engine may have, as things are there.
Load Scheduler::bound_of(const Engine& engine) const {
  if (engine.retiring) return 0;
  if (engine.stopping > 0) return 0;  // what comes next would have to wait for a task that does not want to end
  if (options_.hwm == 0) return std::numeric_limits<Load>::max();
  if (options_.hwm != kAutoHwm) return options_.hwm;
  if (!engine.recalls || engine.load == 0) return 1;
  const Micros first = running(engine.oldest)->expected;
  const bool room = engine.recalling == 0 && engine.credit.room(engine.load, first, engine.expected - first);
  return room ? engine.load + 1 : engine.load;
}

/// Whether the engine could be given this task, were it not for its load.
bool Scheduler::may_run_on(const Task& task, Slot engine) const {
  if (!task.conditions) return true;
  const Conditions& c = *task.conditions;
  const Serial serial = engines_[engine].serial;
  if (c.restricted() ? !has_sorted(allowed_engines(c), serial) : has_sorted(c.blacklist, serial)) return false;
  return !c.demand || demands_.fits_now(*c.demand, engine);
}

}  // namespace camshaft::sched
