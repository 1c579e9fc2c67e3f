// Where tasks wait: tasks that may run on the same engines share a lane, in order of their turn. Restricted lanes are
// listed by their first task at each engine they may run on, the others in one list that every engine walks along. What
// a dispatch costs grows with the number of different demands that wait, never with that of the tasks.
#include <algorithm>
#include <utility>

#include "sched/scheduler.hpp"
#include "sched/sorted.hpp"

namespace camshaft::sched {

/// The first waiting task that may run on the engine now.
std::optional<Entry> Scheduler::next_for(Slot slot) {
  const Engine& engine = engines_[slot];
  std::optional<Entry> best = anywhere_.fifo.head([&](const Entry& e) { return waits_in(anywhere_, e); });
  for (const auto& [head, lane] : engine.heads) {
    if (best && *best < head) break;
    if (lane->demand && !demands_.fits_now(*lane->demand, slot)) continue;
    best = head;
    break;
  }
  for (const auto& [head, lane] : lane_heads_) {
    if (best && *best < head) break;
    if (has_sorted(lane->key->engines, engine.serial)) continue;
    if (lane->demand && !demands_.fits_now(*lane->demand, slot)) continue;
    return head;
  }
  return best;
}

void Scheduler::wait(Slot slot) {
  Task& task = tasks_[slot];
  Lane* lane = &anywhere_;
  const Conditions* c = task.conditions.get();
  if (c && (c->restricted() || c->demand || !c->blacklist.empty())) {
    LaneKey key{c->restricted(), c->demand ? c->demand->number : 0,
                c->restricted() ? allowed_engines(*c) : c->blacklist};
    const auto [at, fresh] = lanes_.try_emplace(std::move(key));
    lane = &at->second;
    if (fresh) {
      lane->key = &at->first;
      lane->demand = c->demand;
    }
    if (c->restricted()) ++restricted_waiting_;
  }
  task.state = Waiting{lane};
  lane->fifo.push(entry_of(slot));
  if (lane != &anywhere_) refresh(*lane);
  start_timer(slot);
}

/// The task stops waiting; it keeps its timer.
void Scheduler::leave_queue(Slot slot) {
  Lane& lane = *std::get<Waiting>(tasks_[slot].state).lane;
  tasks_[slot].state = Blocked{};
  lane.fifo.forget([&](const Entry& e) { return waits_in(lane, e); });
  if (&lane == &anywhere_) return;
  if (lane.key->restricted) --restricted_waiting_;
  refresh(lane);
}

/// Keeps the listing true after a change of the lane, which goes when it is empty.
void Scheduler::refresh(Lane& lane) {
  const auto head = lane.fifo.head([&](const Entry& e) { return waits_in(lane, e); });
  if (head != lane.listed) {
    const auto relist = [&](std::map<Entry, Lane*>& heads) {
      if (lane.listed) heads.erase(*lane.listed);
      if (head) heads.emplace(*head, &lane);
    };
    if (!lane.key->restricted) {
      relist(lane_heads_);
    } else {
      for (Serial serial : lane.key->engines) relist(engines_[slot_of_serial_[serial]].heads);
    }
    lane.listed = head;
  }
  if (!head) lanes_.erase(lanes_.find(*lane.key));
}

/// The restricted tasks that wait for this engine, and maybe for others.
std::vector<Entry> Scheduler::waiting_on(Slot engine) const {
  std::vector<Entry> entries;
  for (const auto& [head, lane] : engines_[engine].heads) {
    const Lane& here = *lane;
    const std::vector<Entry> tasks = here.fifo.all([&](const Entry& e) { return waits_in(here, e); });
    entries.insert(entries.end(), tasks.begin(), tasks.end());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool Scheduler::waits_in(const Lane& lane, const Entry& entry) const {
  if (!is_task(entry.slot, entry.arrival)) return false;
  const auto* waiting = std::get_if<Waiting>(&tasks_[entry.slot].state);
  return waiting && waiting->lane == &lane;
}

}  // namespace camshaft::sched
