#include "sched/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "sched/sorted.hpp"

namespace camshaft::sched {
namespace {

constexpr std::int64_t kHighestPriority = 1'000'000;

bool trivial(const Requirements& wanted) {
  return wanted.targets.empty() && wanted.timeout == Duration{} && wanted.after == Dependency{} &&
         wanted.follow == Dependency{} && wanted.where.empty() && wanted.resources.empty() &&
         wanted.time_limit == Duration{};
}

/// Whether the engine's properties say that it is to be left alone.
bool asks_for_rest(const Properties& properties) {
  const auto found = properties.find(kDraining);
  const bool* flag = found == properties.end() ? nullptr : std::get_if<bool>(&found->second.is);
  return flag != nullptr && *flag;
}

/// The bound of an engine of which nothing is known.
std::uint32_t first_bound(std::uint32_t hwm) { return hwm == kAutoHwm ? 1 : hwm; }

}  // namespace

Scheduler::Scheduler(Options options, std::uint64_t seed)
    : options_(std::move(options)),
      rng_(seed),
      index_(options_.scheme, first_bound(options_.hwm), options_.chooser),
      table_(options_.remembered, seed),
      slot_of_serial_{kNoSlot} {}  // serial 0 is nobody

Scheduler::~Scheduler() = default;

std::vector<Action> Scheduler::handle(Event event, TimePoint now) {
  std::vector<Action> out;
  handle(std::move(event), now, out);
  return out;
}

void Scheduler::handle(Event event, TimePoint now, std::vector<Action>& out) {
  begin(now, out);
  std::visit([this](auto& e) { on(std::move(e)); }, event);
  finish_event();
}

void Scheduler::begin(TimePoint now, std::vector<Action>& out) {
  now_ = now;
  out_ = &out;
}

void Scheduler::finish_event() {
  if (phase_ == Phase::draining && tasks_.size() == 0) {
    phase_ = Phase::closed;
    out_->push_back(Closed{});
  }
  out_ = nullptr;
  check_in_debug_builds();
}

std::optional<TimePoint> Scheduler::next_deadline() const {
  std::optional<TimePoint> next = rob_at_;
  if (!timers_.empty() && (!next || timers_.begin()->first < *next)) next = timers_.begin()->first;
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
  const Slot slot = enlist(event, fingerprint);
  Task& task = tasks_[slot];
  if (phase_ != Phase::open) {
    fail(slot, FailureKind::aborted,
         fmt::format("Task '{}' was refused: the controller is stopping", id_of(task).value));
    settle(std::nullopt);
  } else if (trivial(event.requirements)) {
    place(slot, kNoSlot);
  } else {
    if (admit(slot, event.requirements)) {
      if (task.may_run()) {
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
  Slot slot = known == engine_slots_.end() ? kNoSlot : known->second;
  if (slot != kNoSlot && !engines_[slot].dies_at) {  // here already: it has told once more what it is
    on(EngineChanged{std::move(event.engine), std::move(event.properties)});
    return;
  }
  admit_engine(std::move(event), slot);

  // Tasks may have named this engine before it was here. Joins are rare enough for a look at each of these tasks.
  if (restricted_waiting_ > 0) {
    std::vector<Entry> newly_allowed;
    for (auto& [key, lane] : lanes_) {
      if (!key.restricted) continue;
      const Lane& here = lane;
      for (const Entry& entry : lane.fifo.all([&](const Entry& e) { return waits_in(here, e); })) {
        const auto allowed = allowed_engines(*tasks_[entry.slot].conditions);
        if (has_sorted(allowed, engines_[slot].serial)) newly_allowed.push_back(entry);
      }
    }
    for (const Entry& entry : newly_allowed) {
      leave_queue(entry.slot);
      wait(entry.slot);
    }
  }
  settle(slot);
}

/// A slot for a task that was not known before.
Slot Scheduler::enlist(Submit& event, std::uint64_t fingerprint) {
  const Slot slot = tasks_.take();
  Task& task = tasks_[slot];
  task.arrival = ++arrivals_;
  // A task with priority stands where it would if it had come so much earlier: whoever waits is overtaken by those who
  // come within that time, and by nobody who comes later.
  last_turn_ = std::max(last_turn_, static_cast<std::int64_t>(now_.time_since_epoch().count()));
  const std::int64_t priority =
      std::clamp<std::int64_t>(event.requirements.priority, -kHighestPriority, kHighestPriority);
  task.turn = last_turn_ - priority * static_cast<std::int64_t>(options_.aging.count());
  task.fingerprint = fingerprint;
  task.id = ids_.take(event.id.value);
  task.client = clients_.take(event.client.value);
  task.payload = std::move(event.payload);
  task.retries_left = std::max(event.requirements.retries, 0);
  task.label = label_fingerprint(event.requirements.label);
  table_.add_live(fingerprint, slot);
  return slot;
}

/// A new engine, or one that left and is back within its grace time, gets its slot and its place in the index.
void Scheduler::admit_engine(EngineJoined&& event, Slot& slot) {
  if (slot != kNoSlot) {
    // A uuid is one process: it still has its tasks.
    engines_[slot].dies_at.reset();
    engines_[slot].why.clear();
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
  engine.recalls = event.recalls;
  engine.retiring = asks_for_rest(event.properties);
  demands_.engine_is(slot, std::move(event.properties));
  index_.add(slot, engine.load, bound_of(engine));
  note_crowd(slot);
  if (engine.oldest != kNoSlot) start_limit(engine.oldest);
}

void Scheduler::on(EngineChanged&& event) {
  const auto known = engine_slots_.find(event.engine);
  if (known == engine_slots_.end()) return;
  retire(known->second, asks_for_rest(event.properties));
  demands_.engine_is(known->second, std::move(event.properties));
  settle(index_.contains(known->second) ? std::optional(known->second) : std::nullopt);
}

/// An engine that is to leave gets no more tasks and hands back those that it has not started.
void Scheduler::retire(Slot slot, bool now) {
  Engine& engine = engines_[slot];
  if (engine.retiring == now) return;
  engine.retiring = now;
  if (!index_.contains(slot)) return;
  index_.rebound(slot, bound_of(engine));
  if (now) recall_unstarted(slot);
}

void Scheduler::on(EngineLeft&& event) {
  const auto known = engine_slots_.find(event.engine);
  if (known == engine_slots_.end() || engines_[known->second].dies_at) return;
  const Slot slot = known->second;
  Engine& engine = engines_[slot];

  const std::vector<Entry> named_it = waiting_on(slot);
  for (const Entry& entry : named_it) leave_queue(entry.slot);
  engine.dies_at = now_ + options_.engine_grace;
  engine.why = std::move(event.why);
  leaving_.insert(slot);
  index_.remove(slot);
  note_crowd(slot);
  if (engine.oldest != kNoSlot) stop_timer(engine.oldest);
  for (const Entry& entry : named_it) {
    if (auto why = why_impossible(tasks_[entry.slot], nullptr)) {
      fail(entry.slot, FailureKind::impossible_dependency, std::move(*why));
    } else {
      wait(entry.slot);
    }
  }
  if (engine.load == 0 || options_.engine_grace <= Duration{}) bury(slot);
  settle(std::nullopt);
}

void Scheduler::on(Finished&& event) {
  const Known known = table_.find(table_.fingerprint(event.id.value));
  const Running* there = known.kind == Known::live ? running(known.where) : nullptr;
  if (!there || engines_[there->engine].id != event.engine) {
    out_->push_back(Hide{std::move(event.id), std::move(event.engine), HideReason::late});
    return;
  }
  const Slot slot = known.where, at = there->engine;
  Engine& engine = engines_[at];
  const Serial serial = engine.serial;
  Task& task = tasks_[slot];
  const bool ran = event.outcome == Outcome::ok || event.outcome == Outcome::error;  // what did not says nothing
  if (ran && event.took && options_.hwm == kAutoHwm && engine.recalls) {
    const Micros took = micros(*event.took);
    engine.credit.answered(there->expected, took, there->alone, micros(now_ - there->sent));
    durations_.learn(task.label, serial, took);
  }
  const Running was = undispatch(slot);

  const bool failed = event.outcome != Outcome::ok;
  const bool again = failed && task.retries_left > 0 && phase_ == Phase::open;
  if (event.outcome == Outcome::unmet || event.outcome == Outcome::recalled || again || (failed && was.over_limit)) {
    requeue_or_fail(slot, event, was, serial);
  } else {
    out_->push_back(Forward{std::move(event.id), std::move(event.engine), ClientId(clients_[task.client])});
    end(slot, !failed, serial);
  }
  if (engine.dies_at) {
    if (engine.load == 0) bury(at);
    settle(std::nullopt);
  } else {
    settle(at);
  }
}

/// The reply is not for the client: the task goes elsewhere, or fails for a reason of our own.
void Scheduler::requeue_or_fail(Slot slot, const Finished& event, const Running& was, Serial serial) {
  Task& task = tasks_[slot];
  const bool unmet = event.outcome == Outcome::unmet, recalled = event.outcome == Outcome::recalled;
  const bool free_of_cost = unmet || recalled;
  const bool again = phase_ == Phase::open && (free_of_cost ? !was.aborted : task.retries_left > 0);
  out_->push_back(Hide{event.id, event.engine,
                       unmet      ? HideReason::unmet
                       : recalled ? HideReason::recalled
                       : again    ? HideReason::retry
                                  : HideReason::time_limit});
  if (again) {
    if (!free_of_cost) --task.retries_left;
    if (!recalled) insert_sorted(conditions_of(task).blacklist, serial);
    become_ready(slot, recalled ? was.engine : kNoSlot);
  } else if (!free_of_cost) {
    const double seconds = std::chrono::duration<double>(task.conditions->time_limit).count();
    fail(slot, FailureKind::time_limit,
         fmt::format("Task '{}' ran longer than its time limit of {} s and was "
                     "interrupted",
                     id_of(task).value, seconds));
  } else if (was.aborted) {
    fail(slot, FailureKind::aborted, fmt::format("Task '{}' was aborted before it started", id_of(task).value));
  } else {
    fail(slot, FailureKind::aborted,
         fmt::format("Task '{}' found no engine before the controller stopped", id_of(task).value));
  }
}

void Scheduler::on(Drain&&) {
  if (phase_ != Phase::open) return;
  phase_ = Phase::draining;
  for (const Entry& entry : queue()) {
    const Task& task = tasks_[entry.slot];
    fail(entry.slot, FailureKind::aborted,
         fmt::format("Task '{}' was not started: the controller is stopping", id_of(task).value));
  }
  rob_at_.reset();
  for (Slot slot = 0; slot < engines_.size(); ++slot) recall_unstarted(slot);
  settle(std::nullopt);
}

// ---- the end of a task -----------------------------------------------------------------------------------------

/// The engine is not coming back: its tasks go elsewhere or fail.
void Scheduler::bury(Slot slot) {
  Engine& engine = engines_[slot];
  const Slot first = engine.oldest;
  std::vector<Entry> lost;
  for (Slot task = first; task != kNoSlot; task = running(task)->newer) lost.push_back(entry_of(task));
  std::sort(lost.begin(), lost.end());
  for (const Entry& entry : lost) lose(entry.slot, slot, entry.slot == first);
  slot_of_serial_[engine.serial] = kNoSlot;
  engine_slots_.erase(engine.id);
  leaving_.erase(slot);
  demands_.engine_gone(slot);
  engine = Engine{};
  free_engines_.push_back(slot);
}

/// A task of an engine that died. Engines run tasks in the order in which they got them, so only the first has run for
/// certain, and only it can have been the reason of the death. The others may have started too, when its answer was
/// lost with the engine, so that they are not run again unless their retries allow it.
void Scheduler::lose(Slot slot, Slot at, bool was_first) {
  const Engine& engine = engines_[at];
  Task& task = tasks_[slot];
  const Running was = undispatch(slot);
  const bool by_us = was.stop == Stop::killed;
  if (was_first && !by_us) ++task.deaths;
  std::string what = was_first ? fmt::format("{} died while running task '{}'", name_of(engine), id_of(task).value)
                               : fmt::format("{} died before it answered task '{}', which may have started",
                                             name_of(engine), id_of(task).value);
  if (!engine.why.empty()) what += ": " + engine.why;
  if (was_first && task.deaths >= options_.poison_deaths) {
    fail(slot, FailureKind::poison,
         fmt::format("{}, the engine number {} to die so: it is not run again", what, task.deaths), engine.id);
  } else if (task.retries_left > 0 && phase_ == Phase::open) {
    --task.retries_left;
    become_ready(slot);
  } else if (was.over_limit) {
    const double seconds = std::chrono::duration<double>(task.conditions->time_limit).count();
    fail(slot, FailureKind::time_limit,
         fmt::format("Task '{}' ran longer than its time limit of {} s, and {} "
                     "was killed for it",
                     id_of(task).value, seconds, name_of(engine)),
         engine.id);
  } else if (by_us) {
    fail(slot, FailureKind::aborted,
         fmt::format("Task '{}' was aborted: {}, which ran it, was killed", id_of(task).value, name_of(engine)),
         engine.id);
  } else {
    fail(slot, FailureKind::engine_died, what, engine.id);
  }
}

void Scheduler::fail(Slot slot, FailureKind kind, std::string text, std::optional<EngineId> engine) {
  Task& task = tasks_[slot];
  out_->push_back(Fail{id_of(task), ClientId(clients_[task.client]), std::move(task.payload), kind, std::move(text),
                       std::move(engine)});
  end(slot, false, MsgTable::kNowhere);
}

/// After the one terminal action: the task becomes a remembered outcome. It is not running any more.
void Scheduler::end(Slot slot, bool success, Serial home) {
  Task& task = tasks_[slot];
  if (std::holds_alternative<Waiting>(task.state)) leave_queue(slot);
  stop_timer(slot);
  if (task.conditions) demands_.drop(task.conditions->demand);
  table_.finish(task.fingerprint, success, home);
  clients_.drop(task.client);
  if (task.first_dependent != kNoSlot) {
    ended_.push_back({task.id, task.first_dependent, success, home});
  } else {
    ids_.drop(task.id);
  }
  tasks_.give(slot);
}

// ---- look-ups -----------------------------------------------------------------------------------------------------

std::vector<Entry> Scheduler::queue() const {
  std::vector<Entry> entries;
  tasks_.each([&](Slot slot, const Task&) {
    if (!running(slot)) entries.push_back(entry_of(slot));
  });
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The slot of an engine that has not left.
std::optional<Slot> Scheduler::live_slot(Serial engine) const {
  const Slot slot = slot_of_serial_[engine];
  if (slot >= engines_.size() || !index_.contains(slot)) return std::nullopt;
  return slot;
}

}  // namespace camshaft::sched
