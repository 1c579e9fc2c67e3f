// What the scheduler takes over from an earlier controller, and how it settles with an engine that was out of reach.
#include <fmt/format.h>

#include <utility>

#include "sched/scheduler.hpp"

namespace camshaft::sched {

void Scheduler::adopt(Submit task, const EngineId& engine, TimePoint now, std::vector<Action>& out) {
  const std::uint64_t fingerprint = table_.fingerprint(task.id.value);
  if (table_.find(fingerprint).kind != Known::nothing) return;
  const auto here = engine_slots_.find(engine);
  if (here == engine_slots_.end() || engines_[here->second].dies_at || phase_ != Phase::open) {
    if (task.requirements.retries > 0 && phase_ == Phase::open) {
      --task.requirements.retries;
      handle(std::move(task), now, out);
    } else {
      out.push_back(Fail{task.id, task.client, task.payload, FailureKind::engine_died,
                         fmt::format("Engine {} died while running task '{}'", engine.value, task.id.value), engine});
    }
    return;
  }
  begin(now, out);
  const Slot slot = enlist(task, fingerprint);
  // It was placed by the rules once; what it waited for then may be long forgotten.
  task.requirements.after = {};
  task.requirements.follow = {};
  if (admit(slot, task.requirements)) {
    const std::size_t unsent = out.size();
    dispatch(slot, here->second);
    out.resize(unsent);  // the engine has it
  }
  settle(std::nullopt);
  finish_event();
}

void Scheduler::remember(const MsgId& id, bool success) {
  const std::uint64_t fingerprint = table_.fingerprint(id.value);
  if (table_.find(fingerprint).kind != Known::nothing) return;
  table_.add_live(fingerprint, 0);
  table_.finish(fingerprint, success, MsgTable::kNowhere);
}

std::vector<Scheduler::InFlight> Scheduler::in_flight(const EngineId& engine) const {
  std::vector<InFlight> tasks;
  const auto here = engine_slots_.find(engine);
  if (here == engine_slots_.end()) return tasks;
  for (Slot slot = engines_[here->second].oldest; slot != kNoSlot; slot = running(slot)->newer)
    tasks.push_back({id_of(tasks_[slot]), tasks_[slot].dispatches});
  return tasks;
}

/// The task's slot, if it still runs there and has not been sent again meanwhile.
std::optional<Slot> Scheduler::sent_to(const InFlight& task, const EngineId& engine) const {
  const Known known = table_.find(table_.fingerprint(task.id.value));
  if (known.kind != Known::live || tasks_[known.where].dispatches != task.dispatches) return std::nullopt;
  const Running* there = running(known.where);
  if (there == nullptr || engines_[there->engine].id != engine) return std::nullopt;
  return known.where;
}

void Scheduler::give_back(const InFlight& task, const EngineId& engine, TimePoint now, std::vector<Action>& out) {
  if (!sent_to(task, engine)) return;
  const std::size_t first = out.size();
  handle(Finished{task.id, engine, Outcome::recalled}, now, out);
  out.erase(out.begin() + static_cast<std::ptrdiff_t>(first));  // there is no reply to hide
}

void Scheduler::lose_result(const InFlight& task, const EngineId& engine, TimePoint now, std::vector<Action>& out) {
  const auto slot = sent_to(task, engine);
  if (!slot) return;
  begin(now, out);
  const Slot home = undispatch(*slot).engine;
  Task& lost = tasks_[*slot];
  if (lost.retries_left > 0 && phase_ == Phase::open) {
    --lost.retries_left;
    become_ready(*slot, home);
  } else {
    fail(*slot, FailureKind::engine_died,
         fmt::format("Task '{}' has run on {}, but its result was lost on the way", task.id.value,
                     name_of(engines_[home])),
         engine);
  }
  if (engines_[home].dies_at) {
    if (engines_[home].load == 0) bury(home);
    settle(std::nullopt);
  } else {
    settle(home);
  }
  finish_event();
}

std::optional<bool> Scheduler::is_live(const MsgId& id) const {
  const Known known = table_.find(table_.fingerprint(id.value));
  if (known.kind == Known::nothing) return std::nullopt;
  return known.kind == Known::live;
}

}  // namespace camshaft::sched
