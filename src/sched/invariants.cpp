// What is always true of a scheduler between two events, as one function.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "sched/scheduler.hpp"

namespace camshaft::sched {

std::string Scheduler::describe(const Task& task) const {
  std::string text = fmt::format("task '{}' (submission {}, {} dispatches, {} deaths, {} retries left", task.id.value,
                                 task.arrival, task.dispatches, task.deaths, task.retries_left);
  const auto names = [&](const std::vector<Serial>& serials) {
    std::vector<std::string> out;
    for (Serial serial : serials) {
      const auto slot = live_slot(serial);
      out.push_back(slot ? engines_[*slot].id.value : fmt::format("gone engine #{}", serial));
    }
    return fmt::format("{}", fmt::join(out, ", "));
  };
  if (task.conditions) {
    const Conditions& c = *task.conditions;
    text += fmt::format(", after {}+{} of {}, follow {}+{} of {}, ran not on [{}]", c.after.good, c.after.bad,
                        c.after.total, c.follow.good, c.follow.bad, c.follow.total, names(c.blacklist));
  }
  text += ") ";
  if (const auto* running = std::get_if<Running>(&task.state)) {
    text += fmt::format("runs on {}", name_of(engines_[running->engine]));
  } else if (const auto* waiting = std::get_if<Waiting>(&task.state)) {
    text += waiting->lane ? "waits for any engine" : fmt::format("waits for one of [{}]", names(waiting->allowed));
  } else {
    text += "waits for its dependencies";
  }
  return text;
}

std::string Scheduler::story(const MsgId& id) const {
  const Known known = table_.find(table_.fingerprint(id.value));
  switch (known.kind) {
    case Known::nothing:
      return {};
    case Known::live:
      return describe(tasks_[known.where]);
    case Known::succeeded:
      return fmt::format("task '{}' has succeeded", id.value);
    case Known::failed:
      return fmt::format("task '{}' has failed", id.value);
  }
  return {};
}

std::string Scheduler::why(const MsgId& id) const { return story(id); }

std::optional<std::string> Scheduler::check() const {
  const auto has = [](const auto& values, const auto& value) {
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  std::size_t live = 0, running = 0, timers = 0, restricted = 0, anywhere = 0, in_lanes = 0;
  std::vector<std::size_t> reserved(engines_.size(), 0);

  std::vector<Slot> open;
  for (Slot slot = 0; slot < engines_.size(); ++slot) {
    if (index_.open(slot)) open.push_back(slot);
  }

  for (Slot slot = 0; slot < tasks_.size(); ++slot) {
    const Task& task = tasks_[slot];
    if (task.arrival == 0) continue;
    ++live;
    const auto broken = [&](std::string_view rule) { return fmt::format("{}: {}", rule, describe(task)); };
    const Known known = table_.find(task.fingerprint);
    if (known.kind != Known::live || known.where != slot) return broken("the table does not lead to a live task");

    const Conditions* c = task.conditions.get();
    if (c && c->deadline) {
      ++timers;
      if (!timers_.count({*c->deadline, {task.arrival, slot}})) return broken("a deadline has no timer");
    }
    if (const auto* on = std::get_if<Running>(&task.state)) {
      ++running;
      const Engine& engine = engines_[on->engine];
      if (on->position >= engine.in_flight.size() || engine.in_flight[on->position] != slot) {
        return broken("a running task is not in its engine's in_flight");
      }
      if (c && c->deadline) return broken("a running task has a timer");
      continue;
    }
    if (phase_ != Phase::open) return broken("a task is queued while draining");
    if (c && c->timeout != Duration{} && !c->deadline) return broken("a queued task with a timeout has no timer");
    if (auto why = why_impossible(task, nullptr)) return broken(*why);
    const bool met = !c || (c->after.met() && c->follow.met());
    if (std::holds_alternative<Blocked>(task.state)) {
      if (met) return broken("a task is blocked though its dependencies are met");
      continue;
    }
    if (!met) return broken("a task waits for an engine before its dependencies are met");
    const auto& waiting = std::get<Waiting>(task.state);
    if ((waiting.lane == nullptr) != (c && c->restricted())) return broken("a task waits in the wrong kind of queue");
    if (!waiting.lane) {
      ++restricted;
      if (waiting.allowed != allowed_engines(*c)) return broken("a task waits for other engines than it may run on");
      for (Serial serial : waiting.allowed) {
        ++reserved[*live_slot(serial)];
        if (index_.open(*live_slot(serial))) return broken("a task waits though an engine it may run on is open");
      }
      continue;
    }
    waiting.lane == &anywhere_ ? ++anywhere : ++in_lanes;
    if (waiting.lane->excluded != (c ? c->blacklist : std::vector<Serial>{}))
      return broken("a task is in a wrong lane");
    for (Slot engine : open) {
      if (!has(waiting.lane->excluded, engines_[engine].serial)) {
        return broken("a task waits though an engine it may run on is open");
      }
    }
  }

  if (live != live_ || live + free_tasks_.size() != tasks_.size()) return "live and free task slots do not add up";
  if (live + table_.finished() != table_.size()) return "the table does not hold live and remembered tasks exactly";
  if (table_.finished() > 2 * options_.remembered) return "more finished tasks are remembered than the limit";
  if (running != running_) return "the count of running tasks is wrong";
  if (timers != timers_.size()) return "a timer has no queued task";
  if (restricted != restricted_waiting_) return "the count of restricted waiting tasks is wrong";
  if (anywhere != anywhere_.fifo.size()) return "the common queue does not hold the tasks that wait in it";
  if (phase_ == Phase::closed && live > 0) return "the scheduler is closed and has tasks";
  if (!ended_.empty() || !ready_.empty()) return "work is left over after an event";

  for (const auto& [excluded, lane] : lanes_) {
    in_lanes -= lane.fifo.size();
    if (lane.fifo.size() == 0 || lane.excluded != excluded) return "a lane is empty or misnamed";
    const auto listed = lane.listed ? lane_heads_.find(*lane.listed) : lane_heads_.end();
    if (listed == lane_heads_.end() || listed->second != &lane) return "a lane is not listed by its head";
    const Lane* self = &lane;
    const auto waiting = lane.fifo.all([&](const Entry& e) { return waits_in(*self, e); });
    if (waiting.front() != *lane.listed) return "a lane is listed by another task than its oldest";
  }
  if (in_lanes != 0 || lane_heads_.size() != lanes_.size()) return "the lanes do not hold the tasks that wait in them";

  std::size_t present = 0, in_flight = 0;
  for (Slot slot = 0; slot < engines_.size(); ++slot) {
    const Engine& engine = engines_[slot];
    if (engine.serial == 0) continue;
    ++present;
    in_flight += engine.in_flight.size();
    const auto broken = [&](std::string_view rule) { return fmt::format("{}: {}", rule, name_of(engine)); };
    const auto known = engine_slots_.find(engine.id);
    if (known == engine_slots_.end() || known->second != slot) return broken("an engine is not found by its id");
    if (slot_of_serial_[engine.serial] != slot) return broken("an engine is not found by its serial");
    if (engine.dies_at.has_value() == index_.contains(slot))
      return broken("an engine that left takes tasks, or vice versa");
    if (engine.dies_at.has_value() != (leaving_.count(slot) > 0)) return broken("a lost engine has no funeral");
    if (engine.dies_at && engine.in_flight.empty()) return broken("an engine that left has nothing to wait for");
    if (engine.reserved.size() != reserved[slot]) return broken("the engine's own queue does not hold its tasks");
    if (!index_.contains(slot)) continue;
    if (index_.load(slot) != engine.in_flight.size()) return broken("the load is not the number of tasks in flight");
  }
  if (present != engine_slots_.size() || in_flight != running_) return "engines and tasks in flight do not add up";
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
