#include "sched/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace camshaft::sched {
namespace {

constexpr Slot kNoSlot = ~Slot{0};

template <class T>
void insert_sorted(std::vector<T>& values, T value) {
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  if (at == values.end() || *at != value) values.insert(at, value);
}

std::vector<MsgId> distinct(std::vector<MsgId> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool trivial(const Requirements& wanted) {
  return wanted.targets.empty() && wanted.timeout == Duration{} && wanted.after == Dependency{} &&
         wanted.follow == Dependency{};
}

}  // namespace

Scheduler::Scheduler(Options options, std::uint64_t seed)
    : options_(options),
      rng_(seed),
      index_(options.scheme, options.hwm, options.chooser),
      table_(options.remembered, seed),
      slot_of_serial_{kNoSlot} {}  // serial 0 is nobody

Scheduler::~Scheduler() = default;

std::vector<Action> Scheduler::handle(Event event, TimePoint now) {
  std::vector<Action> out;
  handle(std::move(event), now, out);
  return out;
}

void Scheduler::handle(Event event, TimePoint now, std::vector<Action>& out) {
  now_ = now;
  out_ = &out;
  std::visit([this](auto& e) { on(std::move(e)); }, event);
  if (phase_ == Phase::draining && live_ == 0) {
    phase_ = Phase::closed;
    out.push_back(Closed{});
  }
  out_ = nullptr;
  check_in_debug_builds();
}

std::optional<TimePoint> Scheduler::next_deadline() const {
  std::optional<TimePoint> next;
  if (!timers_.empty()) next = timers_.begin()->first;
  for (Slot engine : leaving_) {
    if (!next || *engines_[engine].dies_at < *next) next = engines_[engine].dies_at;
  }
  return next;
}

// ---- events ----------------------------------------------------------------------------------------------------

void Scheduler::on(Submit&& event) {
  const std::uint64_t fingerprint = table_.fingerprint(event.id.value);
  if (table_.find(fingerprint).kind != Known::nothing) {
    std::string text = fmt::format("Task '{}' was submitted twice: give each task an id of its own", event.id.value);
    out_->push_back(Fail{std::move(event.id), std::move(event.client), std::move(event.payload), FailureKind::duplicate,
                         std::move(text), std::nullopt});
    return;
  }
  const Slot slot = new_slot();
  Task& task = tasks_[slot];
  task.arrival = ++arrivals_;
  task.fingerprint = fingerprint;
  task.id = std::move(event.id);
  task.client = std::move(event.client);
  task.payload = std::move(event.payload);
  task.retries_left = std::max(event.requirements.retries, 0);
  table_.add_live(fingerprint, slot);
  ++live_;

  if (phase_ != Phase::open) {
    fail(slot, FailureKind::aborted, fmt::format("Task '{}' was refused: the controller is stopping", task.id.value));
    settle(std::nullopt);
  } else if (trivial(event.requirements)) {
    place(slot);
  } else {
    if (admit(slot, event.requirements)) {
      if (task.conditions->after.met() && task.conditions->follow.met()) {
        become_ready(slot);
      } else {
        start_timer(slot);
      }
    }
    settle(std::nullopt);
  }
}

void Scheduler::on(EngineJoined&& event) {
  const auto known = engine_slots_.find(event.engine);
  Slot slot;
  if (known != engine_slots_.end()) {
    // A uuid is one process: one that left and is back within its grace time still has its tasks.
    slot = known->second;
    if (!engines_[slot].dies_at) return;
    engines_[slot].dies_at.reset();
    leaving_.erase(slot);
  } else {
    if (free_engines_.empty()) {
      slot = static_cast<Slot>(engines_.size());
      engines_.emplace_back();
    } else {
      slot = free_engines_.back();
      free_engines_.pop_back();
    }
    engines_[slot].serial = static_cast<Serial>(slot_of_serial_.size());
    slot_of_serial_.push_back(slot);
    engine_slots_.emplace(event.engine, slot);
    engines_[slot].id = std::move(event.engine);
  }
  Engine& engine = engines_[slot];
  engine.number = event.number;
  index_.add(slot, static_cast<Load>(engine.in_flight.size()));

  // Tasks may have named this engine before it was here. Joins are rare enough for a look at every task.
  if (restricted_waiting_ > 0) {
    for (const Entry& entry : queue()) {
      Task& task = tasks_[entry.slot];
      auto* waiting = std::get_if<Waiting>(&task.state);
      if (!waiting || waiting->lane) continue;
      const std::vector<Serial> allowed = allowed_engines(*task.conditions);
      if (!std::binary_search(allowed.begin(), allowed.end(), engine.serial)) continue;
      insert_sorted(waiting->allowed, engine.serial);
      engine.reserved.push(entry);
    }
  }
  settle(slot);
}

void Scheduler::on(EngineLeft&& event) {
  const auto known = engine_slots_.find(event.engine);
  if (known == engine_slots_.end() || engines_[known->second].dies_at) return;
  const Slot slot = known->second;
  Engine& engine = engines_[slot];
  engine.dies_at = now_ + options_.engine_grace;
  leaving_.insert(slot);
  index_.remove(slot);

  const Serial serial = engine.serial;
  for (const Entry& entry : engine.reserved.all([&](const Entry& e) { return waits_at(serial, e); })) {
    Task& task = tasks_[entry.slot];
    auto& allowed = std::get<Waiting>(task.state).allowed;
    allowed.erase(std::lower_bound(allowed.begin(), allowed.end(), serial));
    if (auto why = why_impossible(task, nullptr)) {
      fail(entry.slot, FailureKind::impossible_dependency, std::move(*why));
    }
  }
  engine.reserved = Fifo();
  if (engine.in_flight.empty() || options_.engine_grace <= Duration{}) bury(slot);
  settle(std::nullopt);
}

void Scheduler::on(Finished&& event) {
  const Known known = table_.find(table_.fingerprint(event.id.value));
  const Running* running = known.kind == Known::live ? std::get_if<Running>(&tasks_[known.where].state) : nullptr;
  if (!running || engines_[running->engine].id != event.engine) {
    out_->push_back(Hide{std::move(event.id), std::move(event.engine), HideReason::late});
    return;
  }
  const Slot slot = known.where, engine = running->engine;
  const Serial serial = engines_[engine].serial;
  Task& task = tasks_[slot];
  undispatch(slot);

  const bool open = phase_ == Phase::open;
  if (event.outcome == Outcome::unmet) {
    out_->push_back(Hide{std::move(event.id), std::move(event.engine), HideReason::unmet});
    if (open) {
      if (!task.conditions) task.conditions = std::make_unique<Conditions>();
      insert_sorted(task.conditions->blacklist, serial);
      become_ready(slot);
    } else {
      fail(slot, FailureKind::aborted,
           fmt::format("Task '{}' found no engine before the controller stopped", task.id.value));
    }
  } else if (event.outcome == Outcome::recalled) {
    out_->push_back(Hide{std::move(event.id), std::move(event.engine), HideReason::recalled});
    if (open) {
      become_ready(slot);
    } else {
      fail(slot, FailureKind::aborted,
           fmt::format("Task '{}' was not started: the controller is stopping", task.id.value));
    }
  } else if (event.outcome != Outcome::ok && task.retries_left > 0 && open) {
    --task.retries_left;
    out_->push_back(Hide{std::move(event.id), std::move(event.engine), HideReason::retry});
    if (!task.conditions) task.conditions = std::make_unique<Conditions>();
    insert_sorted(task.conditions->blacklist, serial);
    become_ready(slot);
  } else {
    out_->push_back(Forward{std::move(event.id), std::move(event.engine), std::move(task.client)});
    end(slot, event.outcome == Outcome::ok, serial);
  }
  if (engines_[engine].dies_at) {
    if (engines_[engine].in_flight.empty()) bury(engine);
    settle(std::nullopt);
  } else {
    settle(engine);
  }
}

void Scheduler::on(Tick&&) {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    const Slot slot = timers_.begin()->second.slot;
    const Task& task = tasks_[slot];
    const double seconds = std::chrono::duration<double>(task.conditions->timeout).count();
    std::string text = fmt::format("Task '{}' could not be started within its timeout of {} s", task.id.value, seconds);
    fail(slot, FailureKind::task_timeout, std::move(text));
  }
  const std::set<Slot> leaving = leaving_;
  for (Slot engine : leaving) {
    if (*engines_[engine].dies_at <= now_) bury(engine);
  }
  settle(std::nullopt);
}

void Scheduler::on(Abort&& event) {
  for (const MsgId& id : event.ids) {
    const Known known = table_.find(table_.fingerprint(id.value));
    if (known.kind != Known::live) continue;
    Task& task = tasks_[known.where];
    if (std::holds_alternative<Running>(task.state)) {
      task.retries_left = 0;
    } else {
      fail(known.where, FailureKind::aborted, fmt::format("Task '{}' was aborted before it started", task.id.value));
    }
  }
  settle(std::nullopt);
}

void Scheduler::on(Drain&&) {
  if (phase_ != Phase::open) return;
  phase_ = Phase::draining;
  for (const Entry& entry : queue()) {
    const Task& task = tasks_[entry.slot];
    fail(entry.slot, FailureKind::aborted,
         fmt::format("Task '{}' was not started: the controller is stopping", task.id.value));
  }
  settle(std::nullopt);
}

void Scheduler::on(EngineChanged&&) {}

// ---- dependencies ----------------------------------------------------------------------------------------------

/// Takes in what the task asks for. False when it has failed.
bool Scheduler::admit(Slot slot, const Requirements& wanted) {
  Task& task = tasks_[slot];
  task.conditions = std::make_unique<Conditions>();
  Conditions& conditions = *task.conditions;
  conditions.targets = wanted.targets;
  conditions.timeout = wanted.timeout;

  for (const Dependency* dependency : {&wanted.after, &wanted.follow}) {
    const std::string_view key = dependency == &wanted.after ? "after" : "follow";
    std::string text;
    if (!dependency->success && !dependency->failure) {
      text =
          fmt::format("Task '{}': '{}' has success and failure both false, so nothing can meet it", task.id.value, key);
    }
    for (const MsgId& id : dependency->ids) {
      if (!text.empty()) break;
      if (id == task.id) {
        text = fmt::format("Task '{}' depends on itself ('{}')", task.id.value, key);
      } else if (table_.find(table_.fingerprint(id.value)).kind == Known::nothing) {
        text =
            fmt::format("Task '{}': '{}' names '{}', which is no task of the load-balanced queue (or ended long ago)",
                        task.id.value, key, id.value);
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
  wire(slot, wanted.after.ids, false, because);
  wire(slot, wanted.follow.ids, true, because);
  if (auto why = why_impossible(task, because ? &*because : nullptr)) {
    fail(slot, FailureKind::impossible_dependency, std::move(*why));
    return false;
  }
  return true;
}

/// Counts what has finished and asks the others to tell; `because` becomes the first that ended the wrong way.
void Scheduler::wire(Slot slot, const std::vector<MsgId>& all_ids, bool follow, std::optional<MsgId>& because) {
  const std::vector<MsgId> ids = distinct(all_ids);
  Conditions& conditions = *tasks_[slot].conditions;
  Progress& progress = follow ? conditions.follow : conditions.after;
  progress.total = static_cast<std::uint32_t>(ids.size());
  for (const MsgId& id : ids) {
    const Known known = table_.find(table_.fingerprint(id.value));
    if (known.kind == Known::live) {
      tasks_[known.where].dependents.push_back(Edge{tasks_[slot].arrival, slot, follow});
      continue;
    }
    learn(conditions, follow, known.kind == Known::succeeded, known.where);
    if (progress.bad > 0 && !because) because = id;
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
    return fmt::format("Task '{}' can never run: '{}' asks that {} of its tasks {}, and {}{} did not", task.id.value,
                       p == &c.after ? "after" : "follow", p->all ? "all" : "any", p->success ? "succeed" : "fail",
                       p->all ? "" : "the last, ", because ? "'" + because->value + "'" : "one");
  }
  if (c.follow.all && c.follow.total > 0) {
    if (c.homes.size() > 1) {
      return fmt::format("Task '{}' can never run: the tasks it follows ran on more than one engine", task.id.value);
    }
    if (c.homeless) {
      return fmt::format("Task '{}' can never run: a task it follows ended without running on an engine",
                         task.id.value);
    }
  }
  if (c.restricted() && c.after.met() && c.follow.met() && !may_grow(c) && allowed_engines(c).empty()) {
    return fmt::format("Task '{}' can never run: {}", task.id.value,
                       c.targets.empty()     ? "the engine of the tasks it follows is gone or has refused or failed it"
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
        if (!is_task({edge.arrival, edge.task})) continue;
        learn(*tasks_[edge.task].conditions, edge.follow, ended.success, ended.home);
        reconsider(edge.task, edge, ended.id);
      }
    }
  }
}

void Scheduler::reconsider(Slot slot, const Edge& edge, const MsgId& because) {
  Task& task = tasks_[slot];
  if (std::holds_alternative<Running>(task.state)) return;  // a dependency on any of several: one was enough
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

// ---- the end of a task -----------------------------------------------------------------------------------------

/// The engine is not coming back: its tasks go elsewhere or fail.
void Scheduler::bury(Slot slot) {
  Engine& engine = engines_[slot];
  std::vector<Entry> lost;
  for (Slot task : engine.in_flight) lost.push_back({tasks_[task].arrival, task});
  std::sort(lost.begin(), lost.end());
  for (const Entry& entry : lost) {
    Task& task = tasks_[entry.slot];
    undispatch(entry.slot);
    ++task.deaths;
    const std::string what = fmt::format("{} died while running task '{}'", name_of(engine), task.id.value);
    if (task.deaths >= options_.poison_deaths) {
      fail(entry.slot, FailureKind::poison,
           fmt::format("{}, the engine number {} to die so: it is not run again", what, task.deaths), engine.id);
    } else if (task.retries_left > 0 && phase_ == Phase::open) {
      --task.retries_left;
      if (!task.conditions) task.conditions = std::make_unique<Conditions>();
      become_ready(entry.slot);
    } else {
      fail(entry.slot, FailureKind::engine_died, what, engine.id);
    }
  }
  slot_of_serial_[engine.serial] = kNoSlot;
  engine_slots_.erase(engine.id);
  leaving_.erase(slot);
  engine = Engine{};
  free_engines_.push_back(slot);
}

void Scheduler::fail(Slot slot, FailureKind kind, std::string text, std::optional<EngineId> engine) {
  Task& task = tasks_[slot];
  out_->push_back(
      Fail{task.id, std::move(task.client), std::move(task.payload), kind, std::move(text), std::move(engine)});
  end(slot, false, MsgTable::kNowhere);
}

/// After the one terminal action: the task becomes a remembered outcome. It is not running any more.
void Scheduler::end(Slot slot, bool success, Serial home) {
  Task& task = tasks_[slot];
  if (std::holds_alternative<Waiting>(task.state)) leave_queue(slot);
  stop_timer(task);
  table_.finish(task.fingerprint, success, home);
  if (!task.dependents.empty()) ended_.push_back({std::move(task.id), std::move(task.dependents), success, home});
  release(slot);
}

// ---- slots -----------------------------------------------------------------------------------------------------

Slot Scheduler::new_slot() {
  if (free_tasks_.empty()) {
    tasks_.emplace_back();
    return static_cast<Slot>(tasks_.size() - 1);
  }
  const Slot slot = free_tasks_.back();
  free_tasks_.pop_back();
  return slot;
}

void Scheduler::release(Slot slot) {
  tasks_[slot] = Task{};
  free_tasks_.push_back(slot);
  --live_;
}

std::vector<Entry> Scheduler::queue() const {
  std::vector<Entry> entries;
  for (Slot slot = 0; slot < tasks_.size(); ++slot) {
    const Task& task = tasks_[slot];
    if (task.arrival != 0 && !std::holds_alternative<Running>(task.state)) entries.push_back({task.arrival, slot});
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::string Scheduler::name_of(const Engine& engine) const {
  if (!engine.number) return fmt::format("Engine {}", engine.id.value);
  return fmt::format("Engine {} ({})", to_int(*engine.number), engine.id.value);
}

}  // namespace camshaft::sched
