// When a task may run, and whether it ever may: the tasks that it waits for, and the engines that are left to it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sched/scheduler.hpp"
#include "sched/sorted.hpp"

namespace camshaft::sched {
/// Takes in what the task asks for. False when it has failed.
bool Scheduler::admit(Slot slot, const Requirements& wanted) {
  Task& task = tasks_[slot];
  Conditions& conditions = conditions_of(task);
  conditions.targets = wanted.targets;
  conditions.timeout = wanted.timeout;
  conditions.time_limit = wanted.time_limit;
  conditions.kill_after = wanted.kill_after;
  conditions.demand = demands_.take(wanted.where, wanted.resources);

  const std::vector<Looked> after = look_up(wanted.after.ids), follow = look_up(wanted.follow.ids);
  for (const Dependency* dependency : {&wanted.after, &wanted.follow}) {
    const std::string_view key = dependency == &wanted.after ? "after" : "follow";
    std::string text;
    if (!dependency->success && !dependency->failure) {
      text =
          fmt::format("Task '{}': '{}' has success and failure both false, so nothing can meet it", task.id.value, key);
    }
    for (const Looked& one : dependency == &wanted.after ? after : follow) {
      if (!text.empty()) break;
      const std::string& id = one.id->value;
      if (one.fingerprint == task.fingerprint) {
        text = fmt::format("Task '{}' depends on itself ('{}')", task.id.value, key);
      } else if (one.known.kind == Known::nothing) {
        text =
            fmt::format("Task '{}': '{}' names '{}', which is no task of the load-balanced queue (or ended long ago)",
                        task.id.value, key, id);
      }
    }
    if (!text.empty()) {
      fail(slot, FailureKind::invalid_dependency, std::move(text));
      return false;
    }
  }
  const auto progress = [](const Dependency& d) { return Progress{d.all, d.success, d.failure, 0, 0, 0}; };
  conditions.after = progress(wanted.after);
  conditions.follow = progress(wanted.follow);
  std::optional<MsgId> because;
  wire(slot, after, false, because);
  wire(slot, follow, true, because);
  if (auto why = why_impossible(task, because ? &*because : nullptr)) {
    fail(slot, FailureKind::impossible_dependency, std::move(*why));
    return false;
  }
  return true;
}

/// The ids once each, in the order of their first mention, with what is known of them. In a large graph each look is a
/// miss of every cache: there is one for each id, and they overlap.
std::vector<Scheduler::Looked> Scheduler::look_up(const std::vector<MsgId>& ids) const {
  std::vector<Looked> found;
  found.reserve(ids.size());
  for (const MsgId& id : ids) {
    found.push_back({&id, table_.fingerprint(id.value), {}});
    table_.prefetch(found.back().fingerprint);
  }
  if (found.size() > 1) {
    const auto lower = [](const Looked& a, const Looked& b) {
      return a.fingerprint != b.fingerprint ? a.fingerprint < b.fingerprint : a.id < b.id;
    };
    const auto same = [](const Looked& a, const Looked& b) { return a.fingerprint == b.fingerprint; };
    std::sort(found.begin(), found.end(), lower);
    found.erase(std::unique(found.begin(), found.end(), same), found.end());
    std::sort(found.begin(), found.end(), [](const Looked& a, const Looked& b) { return a.id < b.id; });
  }
  for (Looked& one : found) one.known = table_.find(one.fingerprint);
  return found;
}

/// Counts what has finished and asks the others to tell; `because` becomes the first that ended the wrong way.
void Scheduler::wire(Slot slot, const std::vector<Looked>& dependencies, bool follow, std::optional<MsgId>& because) {
  Conditions& conditions = *tasks_[slot].conditions;
  Progress& progress = follow ? conditions.follow : conditions.after;
  progress.total = static_cast<std::uint32_t>(dependencies.size());
  for (const Looked& one : dependencies) {
    if (one.known.kind == Known::live) {
      tasks_[one.known.where].dependents.push_back(Edge{tasks_[slot].arrival, slot, follow});
      continue;
    }
    learn(conditions, follow, one.known.kind == Known::succeeded, one.known.where);
    if (progress.bad > 0 && !because) because = *one.id;
  }
}

/// One of the tasks waited for has ended.
void Scheduler::learn(Conditions& conditions, bool follow, bool success, Serial home) const {
  Progress& progress = follow ? conditions.follow : conditions.after;
  if (!(success ? progress.success : progress.failure)) {
    ++progress.bad;
    return;
  }
  ++progress.good;
  if (!follow) return;
  if (home == MsgTable::kNowhere) {
    conditions.homeless = true;
  } else {
    insert_sorted(conditions.homes, home);
  }
}

/// Why the task can never run, if that is certain by now; `because` is the dependency that has just ended.
std::optional<std::string> Scheduler::why_impossible(const Task& task, const MsgId* because) const {
  if (!task.conditions) return std::nullopt;
  const Conditions& c = *task.conditions;
  for (const Progress* p : {&c.after, &c.follow}) {
    if (!p->hopeless()) continue;
    return fmt::format(
        "Task '{}' can never run: '{}' asks that {} of its "
        "tasks {}, and {}{} did not",
        task.id.value, p == &c.after ? "after" : "follow", p->all ? "all" : "any", p->success ? "succeed" : "fail",
        p->all ? "" : "the last, ", because ? "'" + because->value + "'" : "one");
  }
  if (c.follow.all && c.follow.total > 0) {
    if (c.homes.size() > 1) {
      return fmt::format(
          "Task '{}' can never run: the tasks it follows ran on "
          "more than one engine",
          task.id.value);
    }
    if (c.homeless) {
      return fmt::format(
          "Task '{}' can never run: a task it follows ended "
          "without running on an engine",
          task.id.value);
    }
  }
  if (c.restricted() && c.after.met() && c.follow.met() && !may_grow(c) && allowed_engines(c).empty()) {
    return fmt::format("Task '{}' can never run: {}", task.id.value,
                       c.targets.empty()     ? "the engine of the tasks it follows is gone or has "
                                               "refused or failed it"
                       : c.follow.total == 0 ? "each of its target engines is gone or has refused or failed it"
                                             : "none of its target engines is where the tasks it follows ran");
  }
  return std::nullopt;
}

/// Tells the dependents of every ended task, and the dependents of those that this ends in turn.
void Scheduler::propagate() {
  while (!ended_.empty()) {
    const std::vector<Ended> batch = std::exchange(ended_, {});
    for (const Ended& ended : batch) {
      for (const Edge& edge : ended.dependents) {
        if (tasks_[edge.task].arrival != edge.arrival) continue;
        learn(*tasks_[edge.task].conditions, edge.follow, ended.success, ended.home);
        reconsider(edge.task, edge, ended.id);
      }
    }
  }
}

void Scheduler::reconsider(Slot slot, const Edge& edge, const MsgId& because) {
  Task& task = tasks_[slot];
  if (running(slot)) return;  // a dependency on any of several: one was enough
  if (auto why = why_impossible(task, &because)) {
    fail(slot, FailureKind::impossible_dependency, std::move(*why));
    return;
  }
  const Conditions& conditions = *task.conditions;
  if (!conditions.after.met() || !conditions.follow.met()) return;
  if (std::holds_alternative<Waiting>(task.state)) {
    if (!edge.follow) return;
    leave_queue(slot);  // there may be one engine more to wait at
  }
  become_ready(slot);
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
  const auto unfit = [&](Serial serial) {
    return !live_slot(serial) || has_sorted(conditions.blacklist, serial) ||
           (conditions.follow.total > 0 && !has_sorted(conditions.homes, serial));
  };
  allowed.erase(std::remove_if(allowed.begin(), allowed.end(), unfit), allowed.end());
  return allowed;
}

/// Whether a task that is still to end may add to where this one may run.
bool Scheduler::may_grow(const Conditions& conditions) const {
  const Progress& follow = conditions.follow;
  return follow.total > 0 && follow.good + follow.bad < follow.total;
}

Scheduler::Conditions& Scheduler::conditions_of(Task& task) {
  if (!task.conditions) task.conditions = std::make_unique<Conditions>();
  return *task.conditions;
}

}  // namespace camshaft::sched
