// When a task may run, and whether it ever may: the tasks that it waits for, and the engines that are left to it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sched/scheduler.hpp"
#include "sched/sorted.hpp"

namespace camshaft::sched {
namespace {

bool wants_more_than_after(const Requirements& wanted) {
  return !wanted.targets.empty() || wanted.timeout != Duration{} || wanted.time_limit != Duration{} ||
         wanted.follow != Dependency{} || !wanted.where.empty() || !wanted.resources.empty();
}

}  // namespace

const Scheduler::Progress Scheduler::kNothing{};

/// Takes in what the task asks for. False when it has failed.
bool Scheduler::admit(Slot slot, const Requirements& wanted) {
  Task& task = tasks_[slot];
  if (wants_more_than_after(wanted)) {
    Conditions& conditions = conditions_of(task);
    conditions.targets = wanted.targets;
    conditions.timeout = wanted.timeout;
    conditions.time_limit = wanted.time_limit;
    conditions.kill_after = wanted.kill_after;
    conditions.demand = demands_.take(wanted.where, wanted.resources);
  }

  look_up(wanted.after.ids, after_);
  look_up(wanted.follow.ids, follow_);
  for (const Dependency* dependency : {&wanted.after, &wanted.follow}) {
    const std::string_view key = dependency == &wanted.after ? "after" : "follow";
    std::string text;
    if (!dependency->success && !dependency->failure) {
      text = fmt::format("Task '{}': '{}' has success and failure both false, so nothing can meet it",
                         id_of(task).value, key);
    }
    for (const Looked& one : dependency == &wanted.after ? after_ : follow_) {
      if (!text.empty()) break;
      const std::string& id = one.id->value;
      if (one.fingerprint == task.fingerprint) {
        text = fmt::format("Task '{}' depends on itself ('{}')", id_of(task).value, key);
      } else if (one.known.kind == Known::nothing) {
        text =
            fmt::format("Task '{}': '{}' names '{}', which is no task of the load-balanced queue (or ended long ago)",
                        id_of(task).value, key, id);
      }
    }
    if (!text.empty()) {
      fail(slot, FailureKind::invalid_dependency, std::move(text));
      return false;
    }
  }
  const auto progress = [](const Dependency& d) { return Progress{0, 0, 0, d.all, d.success, d.failure}; };
  std::optional<MsgId> because;
  task.after = progress(wanted.after);
  wire(slot, after_, false, because);
  if (task.conditions) {
    task.conditions->follow = progress(wanted.follow);
    wire(slot, follow_, true, because);
  }
  if (auto why = why_impossible(task, because ? &*because : nullptr)) {
    fail(slot, FailureKind::impossible_dependency, std::move(*why));
    return false;
  }
  return true;
}

/// The ids once each, in the order of their first mention, with what is known of them. In a large graph each look is a
/// miss of every cache: there is one for each id, and they overlap.
void Scheduler::look_up(const std::vector<MsgId>& ids, std::vector<Looked>& found) const {
  found.clear();
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
  for (Looked& one : found) {
    one.known = table_.find(one.fingerprint);
    if (one.known.kind == Known::live) __builtin_prefetch(&tasks_[one.known.where].first_dependent, 1);
  }
}

/// Counts what has finished and asks the others to tell; `because` becomes the first that ended the wrong way.
void Scheduler::wire(Slot slot, const std::vector<Looked>& dependencies, bool follow, std::optional<MsgId>& because) {
  Task& task = tasks_[slot];
  Progress& progress = follow ? task.conditions->follow : task.after;
  progress.total = static_cast<std::uint32_t>(dependencies.size());
  for (const Looked& one : dependencies) {
    if (one.known.kind == Known::live) {
      Task& other = tasks_[one.known.where];
      const Slot edge = edges_.take();
      edges_[edge] = {{task.arrival, slot, follow}, kNoSlot};
      (other.first_dependent == kNoSlot ? other.first_dependent : edges_[other.last_dependent].next) = edge;
      other.last_dependent = edge;
      continue;
    }
    learn(task, follow, one.known.kind == Known::succeeded, one.known.where);
    if (progress.bad > 0 && !because) because = *one.id;
  }
}

/// One of the tasks waited for has ended.
void Scheduler::learn(Task& task, bool follow, bool success, Serial home) const {
  Progress& progress = follow ? task.conditions->follow : task.after;
  if (!(success ? progress.success : progress.failure)) {
    ++progress.bad;
    return;
  }
  ++progress.good;
  if (!follow) return;
  if (home == MsgTable::kNowhere) {
    task.conditions->homeless = true;
  } else {
    insert_sorted(task.conditions->homes, home);
  }
}

/// Why the task can never run, if that is certain by now; `because` is the dependency that has just ended.
std::optional<std::string> Scheduler::why_impossible(const Task& task, const MsgId* because) const {
  for (const Progress* p : {&task.after, &task.follow()}) {
    if (!p->hopeless()) continue;
    return fmt::format(
        "Task '{}' can never run: '{}' asks that {} of its "
        "tasks {}, and {}{} did not",
        id_of(task).value, p == &task.after ? "after" : "follow", p->all ? "all" : "any",
        p->success ? "succeed" : "fail", p->all ? "" : "the last, ", because ? "'" + because->value + "'" : "one");
  }
  if (!task.conditions) return std::nullopt;
  const Conditions& c = *task.conditions;
  if (c.follow.all && c.follow.total > 0) {
    if (c.homes.size() > 1) {
      return fmt::format(
          "Task '{}' can never run: the tasks it follows ran on "
          "more than one engine",
          id_of(task).value);
    }
    if (c.homeless) {
      return fmt::format(
          "Task '{}' can never run: a task it follows ended "
          "without running on an engine",
          id_of(task).value);
    }
  }
  if (c.restricted() && task.may_run() && !may_grow(c) && allowed_engines(c).empty()) {
    return fmt::format("Task '{}' can never run: {}", id_of(task).value,
                       c.targets.empty()     ? "the engine of the tasks it follows is gone or has "
                                               "refused or failed it"
                       : c.follow.total == 0 ? "each of its target engines is gone or has refused or failed it"
                                             : "none of its target engines is where the tasks it follows ran");
  }
  return std::nullopt;
}

/// Tells the dependents of every ended task, and the dependents of those that this ends in turn.
void Scheduler::propagate() {
  for (std::size_t at = 0; at < ended_.size(); ++at) {  // it grows meanwhile
    const Ended ended = ended_[at];
    for (Slot next = ended.first_dependent; next != kNoSlot; next = edges_[next].next) {
      tasks_.prefetch(edges_[next].edge.task);
    }
    for (Slot listed = ended.first_dependent; listed != kNoSlot;) {
      const auto [edge, next] = edges_[listed];
      edges_.give(listed);
      listed = next;
      if (!is_task(edge.task, edge.arrival)) continue;
      learn(tasks_[edge.task], edge.follow, ended.success, ended.home);
      reconsider(edge.task, edge, ended.id);
    }
    ids_.drop(ended.id);
  }
  ended_.clear();
}

void Scheduler::reconsider(Slot slot, const Edge& edge, ShortId because) {
  Task& task = tasks_[slot];
  if (running(slot)) return;  // a dependency on any of several: one was enough
  if (why_impossible(task, nullptr)) {
    const MsgId id = ids_.text(because);
    fail(slot, FailureKind::impossible_dependency, *why_impossible(task, &id));
    return;
  }
  if (!task.may_run()) return;
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
