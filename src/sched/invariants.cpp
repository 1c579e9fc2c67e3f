// What is always true of a scheduler between two events, as one function.
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "sched/scheduler.hpp"
#include "sched/sorted.hpp"

namespace camshaft::sched {

std::optional<std::string> Scheduler::check() const {
  std::size_t live = 0, running_tasks = 0, timers = 0, restricted = 0, anywhere = 0, in_lanes = 0, edges = 0;
  std::optional<std::string> broken;
  tasks_.each([&](Slot slot, const Task& task) {
    if (broken) return;
    if (task.arrival == 0) broken = "a task slot is taken and has no task";
    if (auto wrong = check_task(slot)) broken = fmt::format("{}: {}", *wrong, describe(task));
    ++live;
    if (task.conditions && task.conditions->deadline) ++timers;
    if (running(slot)) ++running_tasks;
    if (const auto* waiting = std::get_if<Waiting>(&task.state)) {
      waiting->lane == &anywhere_ ? ++anywhere : ++in_lanes;
      if (task.conditions && task.conditions->restricted()) ++restricted;
    }
    for (Slot next = task.first_dependent; next != kNoSlot; next = edges_[next].next) {
      ++edges;
      if (edges_[next].next == kNoSlot && next != task.last_dependent) broken = "a list of dependents has another end";
    }
  });
  if (broken) return broken;
  if (live != tasks_.size()) return "live and free task slots do not add up";
  if (edges != edges_.size()) return "an edge belongs to no task";
  if (live + table_.finished() != table_.size()) return "the table does not hold live and remembered tasks exactly";
  if (table_.finished() > 2 * options_.remembered) return "more finished tasks are remembered than the limit";
  if (running_tasks != running_) return "the count of running tasks is wrong";
  if (timers != timers_.size()) return "a timer has no task";
  if (restricted != restricted_waiting_) return "the count of restricted waiting tasks is wrong";
  if (anywhere != anywhere_.fifo.size()) return "the common queue does not hold the tasks that wait in it";
  if (phase_ == Phase::closed && live > 0) return "the scheduler is closed and has tasks";
  if (!ended_.empty() || !ready_.empty()) return "work is left over after an event";
  if (phase_ != Phase::open && rob_at_) return "tasks are to be moved while draining";
  for (const auto& [key, lane] : lanes_) in_lanes -= lane.fifo.size();
  if (in_lanes != 0) return "the lanes do not hold the tasks that wait in them";
  if (auto wrong = check_lanes()) return wrong;
  return check_engines();
}

/// What is wrong with a live task, if anything.
std::optional<std::string> Scheduler::check_task(Slot slot) const {
  const Task& task = tasks_[slot];
  const Known known = table_.find(task.fingerprint);
  if (known.kind != Known::live || known.where != slot) return "the table does not lead to a live task";

  const Conditions* c = task.conditions.get();
  if (c && c->deadline && !timers_.count({*c->deadline, entry_of(slot)})) return "a deadline has no timer";
  if (c && c->demand && c->demand->users == 0) return "a demand does not know its task";
  if (const Running* here = running(slot)) {
    const Engine& engine = engines_[here->engine];
    if (engine.serial == 0) return "a running task is on no engine";
    const bool first = engine.oldest == slot;
    if (first != (here->older == kNoSlot))
      return "a running task is first of its engine, or not, and says "
             "otherwise";
    const bool limited = c && c->time_limit != Duration{} && first && index_.contains(here->engine);
    if ((c && c->deadline) != limited)
      return "a timer runs for other tasks than the oldest of an engine with a "
             "limit";
    if (here->over_limit && here->stop == Stop::none) return "a task is over its limit and nobody stops it";
    if (here->aborted && task.retries_left > 0) return "an aborted task has retries";
    return std::nullopt;
  }
  if (phase_ != Phase::open) return "a task is queued while draining";
  if (c && c->timeout != Duration{} && !c->deadline) return "a queued task with a timeout has no timer";
  if (c && c->timeout == Duration{} && c->deadline) return "a queued task without a timeout has a timer";
  if (auto why = why_impossible(task, nullptr)) return why;
  const bool met = task.may_run();
  const auto* waiting = std::get_if<Waiting>(&task.state);
  if (!waiting)
    return met ? std::optional<std::string>("a task is blocked though its dependencies are met") : std::nullopt;
  if (!met) return "a task waits for an engine before its dependencies are met";
  if (waiting->lane == &anywhere_) {
    if (c && (c->restricted() || c->demand || !c->blacklist.empty())) return "a task waits for any engine and must not";
    return std::nullopt;
  }
  const LaneKey& key = *waiting->lane->key;
  if (!c || waiting->lane->demand != c->demand || key.restricted != c->restricted()) return "a task is in a wrong lane";
  if (key.engines != (c->restricted() ? allowed_engines(*c) : c->blacklist)) {
    return "a task waits for other engines than it may run on";
  }
  return std::nullopt;
}

/// The lanes and their listings; and the rule on which placement rests: who waits cannot run anywhere now.
std::optional<std::string> Scheduler::check_lanes() const {
  std::vector<Slot> open;
  for (Slot slot = 0; slot < engines_.size(); ++slot) {
    if (index_.open(slot)) open.push_back(slot);
  }
  if (anywhere_.fifo.size() > 0 && !open.empty()) return "a task waits for any engine though one is open";
  std::size_t broad = 0;
  std::vector<std::size_t> restricted(engines_.size(), 0);
  for (const auto& [key, lane] : lanes_) {
    const Lane* self = &lane;
    if (lane.key != &key || (lane.demand ? lane.demand->number : 0) != key.demand) return "a lane is misnamed";
    const auto waiting = lane.fifo.all([&](const Entry& e) { return waits_in(*self, e); });
    if (waiting.empty() || waiting.size() != lane.fifo.size()) return "a lane is empty or miscounted";
    if (!lane.listed || waiting.front() != *lane.listed) return "a lane is listed by another task than its first";
    const auto listed = [&](const std::map<Entry, Lane*>& heads) {
      const auto at = heads.find(*self->listed);
      return at != heads.end() && at->second == self;
    };
    if (!key.restricted && (++broad, !listed(lane_heads_))) return "a lane is not in the common list";
    for (Serial serial : key.engines) {
      if (!key.restricted) break;
      const auto slot = live_slot(serial);
      if (!slot || !listed(engines_[*slot].heads)) return "a lane is not listed at an engine of its own";
      ++restricted[*slot];
    }
    for (Slot slot : open) {
      if (has_sorted(key.engines, engines_[slot].serial) != key.restricted) continue;
      if (lane.demand && !demands_.fits_now(*lane.demand, slot)) continue;
      return fmt::format("a task waits though an engine it may run on is open: {} and {}",
                         describe(tasks_[waiting.front().slot]), name_of(engines_[slot]));
    }
  }
  if (broad != lane_heads_.size()) return "a lane is listed that is not there";
  for (Slot slot = 0; slot < engines_.size(); ++slot) {
    if (engines_[slot].heads.size() != restricted[slot]) return "an engine lists a lane that is not there";
  }
  return std::nullopt;
}

std::optional<std::string> Scheduler::check_engines() const {
  std::size_t present = 0, in_flight = 0, crowded = 0, idle = 0, unsure = 0;
  for (Slot slot = 0; slot < engines_.size(); ++slot) {
    const Engine& engine = engines_[slot];
    if (engine.serial == 0) continue;
    ++present;
    const auto broken = [&](std::string_view rule) { return fmt::format("{}: {}", rule, name_of(engine)); };
    const auto known = engine_slots_.find(engine.id);
    if (known == engine_slots_.end() || known->second != slot) return broken("an engine is not found by its id");
    if (slot_of_serial_[engine.serial] != slot) return broken("an engine is not found by its serial");
    if (engine.dies_at.has_value() == index_.contains(slot)) {
      return broken("an engine that left takes tasks, or vice versa");
    }
    if (engine.dies_at.has_value() != (leaving_.count(slot) > 0)) return broken("a lost engine has no funeral");
    if (engine.dies_at && engine.load == 0) return broken("an engine that left has nothing to wait for");

    Load load = 0, recalling = 0, stopping = 0;
    std::uint64_t expected = 0;
    Slot older = kNoSlot;
    std::map<std::string, double> taken;
    for (Slot task = engine.oldest; task != kNoSlot; older = task, task = running(task)->newer) {
      const Running* here = running(task);
      if (!here || here->engine != slot || here->older != older) return broken("the list of an engine's tasks is torn");
      ++load;
      expected += here->expected;
      recalling += here->recalled ? 1 : 0;
      stopping += here->stop != Stop::none ? 1 : 0;
      const Conditions* c = tasks_[task].conditions.get();
      if (!c || !c->demand) continue;
      for (const Resource& resource : c->demand->resources) taken[resource.name] += resource.amount;
    }
    in_flight += load;
    if (engine.newest != older) return broken("the list of an engine's tasks has another end");
    if (load != engine.load || recalling != engine.recalling || stopping != engine.stopping ||
        expected != engine.expected) {
      return broken("the sums over an engine's tasks are wrong");
    }
    for (const auto& [name, amount] : taken) {
      if (std::abs(demands_.taken(slot, name) - amount) > 1e-3)
        return broken("a resource is not counted as it is used");
    }
    if (taken.empty() && demands_.takes(slot) > 0) return broken("a resource is taken and nobody has it");
    const bool counted = options_.hwm == kAutoHwm && index_.contains(slot);
    if (engine.idle != (counted && load == 0)) return broken("an engine is idle, or not, by mistake");
    if (engine.unsure != (counted && engine.recalls && load > 0 && !running(engine.oldest)->recalled)) {
      return broken("an engine's oldest task may be asked for, or not, by mistake");
    }
    idle += engine.idle ? 1 : 0;
    unsure += engine.unsure ? 1 : 0;
    const bool crowd = options_.hwm == kAutoHwm && engine.recalls && index_.contains(slot) && load > recalling + 1;
    if (crowd != (engine.crowd_at != 0)) return broken("an engine is in the crowd, or not, by mistake");
    if (crowd && crowded_.at(engine.crowd_at - 1) != slot) return broken("an engine is not where it is in the crowd");
    crowded += crowd ? 1 : 0;
    if (!index_.contains(slot)) continue;
    if (index_.load(slot) != load) return broken("the load is not the number of tasks in flight");
    if (index_.open(slot) != (load < bound_of(engine))) return broken("an engine is open, or not, against its bound");
  }
  if (present != engine_slots_.size() || in_flight != running_) return "engines and tasks in flight do not add up";
  if (crowded != crowded_.size()) return "the crowd has engines that are not there";
  if (idle != idle_ || unsure != unsure_) return "idle engines are miscounted, or those whose work is not known";
  const bool movable = !crowded_.empty() || (idle_ > 0 && unsure_ > 0);
  if (movable && phase_ == Phase::open && !rob_at_) return "nobody will look at crowded engines";
  return std::nullopt;
}

void Scheduler::check_in_debug_builds() {
#ifndef NDEBUG
  // After every event while the scheduler is small; then so rarely that the cost per event stays bounded.
  if (++unchecked_events_ < (tasks_.size() + engines_.size()) / 64) return;
  unchecked_events_ = 0;
  if (const auto violation = check()) throw std::logic_error("scheduler invariant broken: " + *violation);
#endif
}

}  // namespace camshaft::sched
