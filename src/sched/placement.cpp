// Who goes where. Between events this holds, and every shortcut below rests on it: no engine that is open is
// allowed for a task that waits. So an engine that has just got room is the only choice for the tasks that waited,
// and only tasks that have just become ready need to look at all engines.
#include <algorithm>
#include <iterator>

#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::size_t kRoomWorthKeeping = 4096;  // task slots

}  // namespace

/// Ends an event: spreads the news of ended tasks, then places in order of arrival what can run: newly ready tasks
/// anywhere, waiting ones on `opened`, the engine that has got room.
void Scheduler::settle(std::optional<Slot> opened) {
  propagate();
  std::sort(ready_.begin(), ready_.end());
  for (const Entry& entry : ready_) {
    if (!is_task(entry) || !std::holds_alternative<Blocked>(tasks_[entry.slot].state)) continue;
    if (opened) fill(*opened, entry.arrival);
    place(entry.slot);
  }
  ready_.clear();
  if (opened) fill(*opened, kAll);

  if (live_ == 0 && tasks_.size() > kRoomWorthKeeping) {  // the queue has run dry: give the memory back
    std::vector<Task>().swap(tasks_);
    std::vector<Slot>().swap(free_tasks_);
    anywhere_.fifo = Fifo();
    for (Engine& engine : engines_) engine.reserved = Fifo();
  }
}

/// Gives the engine waiting tasks that arrived before `before`, oldest first, while it has room.
void Scheduler::fill(Slot engine, std::uint64_t before) {
  while (index_.open(engine)) {
    const std::optional<Entry> next = next_for(engine);
    if (!next || next->arrival >= before) return;
    leave_queue(next->slot);
    dispatch(next->slot, engine);
  }
}

/// The oldest waiting task that may run on the engine.
std::optional<Entry> Scheduler::next_for(Slot slot) {
  Engine& engine = engines_[slot];
  std::optional<Entry> best = anywhere_.fifo.head([&](const Entry& e) { return waits_in(anywhere_, e); });
  if (restricted_waiting_ > 0) {
    const auto reserved = engine.reserved.head([&](const Entry& e) { return waits_at(engine.serial, e); });
    if (reserved && (!best || *reserved < *best)) best = reserved;
  }
  for (const auto& [head, lane] : lane_heads_) {
    if (best && *best < head) break;
    if (!std::binary_search(lane->excluded.begin(), lane->excluded.end(), engine.serial)) return head;
  }
  return best;
}

/// Nothing but a free engine is missing any more, unless there can never be one.
void Scheduler::become_ready(Slot slot) {
  if (auto why = why_impossible(tasks_[slot], nullptr)) {
    fail(slot, FailureKind::impossible_dependency, std::move(*why));
  } else {
    ready_.push_back({tasks_[slot].arrival, slot});
  }
}

/// Sends a ready task to an engine, or lets it wait.
void Scheduler::place(Slot slot) {
  const Conditions* conditions = tasks_[slot].conditions.get();
  std::optional<Slot> engine;
  if (index_.open_count() == 0) {
    // nobody has room
  } else if (!conditions) {
    engine = index_.pick(rng_);
  } else {
    const bool restricted = conditions->restricted();
    std::vector<Slot> named;
    for (Serial serial : restricted ? allowed_engines(*conditions) : conditions->blacklist) {
      if (const auto live = live_slot(serial)) named.push_back(*live);
    }
    engine = restricted ? index_.pick_only(named, rng_) : index_.pick_except(named, rng_);
  }
  if (engine) {
    dispatch(slot, *engine);
  } else {
    wait(slot);
  }
}

void Scheduler::dispatch(Slot slot, Slot engine) {
  Task& task = tasks_[slot];
  stop_timer(task);
  index_.assign(engine);
  task.state = Running{engine, static_cast<std::uint32_t>(engines_[engine].in_flight.size())};
  ++task.dispatches;
  engines_[engine].in_flight.push_back(slot);
  ++running_;
  out_->push_back(Dispatch{task.id, engines_[engine].id, task.payload});
}

/// Takes a running task off its engine. The caller decides what becomes of it.
void Scheduler::undispatch(Slot slot) {
  const auto [engine, position] = std::get<Running>(tasks_[slot].state);
  std::vector<Slot>& in_flight = engines_[engine].in_flight;
  std::get<Running>(tasks_[in_flight.back()].state).position = position;
  in_flight[position] = in_flight.back();
  in_flight.pop_back();
  if (index_.contains(engine)) index_.answer(engine);
  tasks_[slot].state = Blocked{};
  --running_;
}

void Scheduler::wait(Slot slot) {
  Task& task = tasks_[slot];
  const Entry entry{task.arrival, slot};
  Waiting& waiting = task.state.emplace<Waiting>();
  if (!task.conditions || (!task.conditions->restricted() && task.conditions->blacklist.empty())) {
    waiting.lane = &anywhere_;
    anywhere_.fifo.push(entry);
  } else if (!task.conditions->restricted()) {
    Lane& lane = lanes_[task.conditions->blacklist];
    lane.excluded = task.conditions->blacklist;
    waiting.lane = &lane;
    lane.fifo.push(entry);
    refresh(lane);
  } else {
    waiting.allowed = allowed_engines(*task.conditions);
    for (Serial serial : waiting.allowed) engines_[*live_slot(serial)].reserved.push(entry);
    ++restricted_waiting_;
  }
  start_timer(slot);
}

/// The task stops waiting; it keeps its timer.
void Scheduler::leave_queue(Slot slot) {
  const Waiting waiting = std::get<Waiting>(std::exchange(tasks_[slot].state, Blocked{}));
  if (waiting.lane) {
    waiting.lane->fifo.forget([&](const Entry& e) { return waits_in(*waiting.lane, e); });
    if (waiting.lane != &anywhere_) refresh(*waiting.lane);
    return;
  }
  --restricted_waiting_;
  for (Serial serial : waiting.allowed) {
    if (const auto engine = live_slot(serial)) {
      engines_[*engine].reserved.forget([&](const Entry& e) { return waits_at(serial, e); });
    }
  }
}

/// Keeps lane_heads_ true after a change of the lane, which goes when it is empty.
void Scheduler::refresh(Lane& lane) {
  const auto head = lane.fifo.head([&](const Entry& e) { return waits_in(lane, e); });
  if (head != lane.listed) {
    if (lane.listed) lane_heads_.erase(*lane.listed);
    if (head) lane_heads_.emplace(*head, &lane);
    lane.listed = head;
  }
  if (!head) lanes_.erase(std::vector<Serial>(lane.excluded));
}

void Scheduler::start_timer(Slot slot) {
  Task& task = tasks_[slot];
  if (!task.conditions || task.conditions->timeout == Duration{} || task.conditions->deadline) return;
  task.conditions->deadline = now_ + task.conditions->timeout;
  timers_.insert({*task.conditions->deadline, {task.arrival, slot}});
}

void Scheduler::stop_timer(Task& task) {
  if (!task.conditions || !task.conditions->deadline) return;
  timers_.erase({*task.conditions->deadline, {task.arrival, static_cast<Slot>(&task - tasks_.data())}});
  task.conditions->deadline.reset();
}

/// The engines here now on which a restricted task may run, ascending.
std::vector<Scheduler::Serial> Scheduler::allowed_engines(const Conditions& conditions) const {
  std::vector<Serial> allowed;
  if (conditions.targets.empty()) {
    allowed = conditions.homes;
  } else {
    for (const EngineId& id : conditions.targets) {
      const auto known = engine_slots_.find(id);
      if (known != engine_slots_.end()) allowed.push_back(engines_[known->second].serial);
    }
    std::sort(allowed.begin(), allowed.end());
    allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  }
  const auto has = [](const std::vector<Serial>& serials, Serial serial) {
    return std::binary_search(serials.begin(), serials.end(), serial);
  };
  const auto unfit = [&](Serial serial) {
    return !live_slot(serial) || has(conditions.blacklist, serial) ||
           (conditions.follow.total > 0 && !has(conditions.homes, serial));
  };
  allowed.erase(std::remove_if(allowed.begin(), allowed.end(), unfit), allowed.end());
  return allowed;
}

/// Whether a task that is still to end may add to where this one may run.
bool Scheduler::may_grow(const Conditions& conditions) const {
  const Progress& follow = conditions.follow;
  return follow.total > 0 && follow.good + follow.bad < follow.total;
}

bool Scheduler::waits_in(const Lane& lane, const Entry& entry) const {
  if (!is_task(entry)) return false;
  const auto* waiting = std::get_if<Waiting>(&tasks_[entry.slot].state);
  return waiting && waiting->lane == &lane;
}

bool Scheduler::waits_at(Serial engine, const Entry& entry) const {
  if (!is_task(entry)) return false;
  const auto* waiting = std::get_if<Waiting>(&tasks_[entry.slot].state);
  return waiting && std::binary_search(waiting->allowed.begin(), waiting->allowed.end(), engine);
}

/// The slot of an engine that has not left.
std::optional<Slot> Scheduler::live_slot(Serial engine) const {
  const Slot slot = slot_of_serial_[engine];
  if (slot >= engines_.size() || !index_.contains(slot)) return std::nullopt;
  return slot;
}

}  // namespace camshaft::sched
