// Tasks that have not started go from engines that have many to those that have none. Only with hwm auto, and only
// between engines that can hand tasks back: the scheduler asks for the newest ones, and places those that come.
#include <algorithm>

#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

constexpr Duration kPatience = std::chrono::milliseconds(5);  // between two looks at engines that have too much
constexpr std::size_t kMostAtOnce = 64;

}  // namespace

/// Asks for the task back, once.
void Scheduler::recall(Slot slot) {
  Running& here = *running(slot);
  if (here.recalled) return;
  here.recalled = true;
  Engine& engine = engines_[here.engine];
  ++engine.recalling;
  out_->push_back(Recall{tasks_[slot].id, engine.id});
  index_.rebound(here.engine, bound_of(engine));
  note_crowd(here.engine);
}

/// Asks for everything back but the engine's oldest task, which it runs.
void Scheduler::recall_unstarted(Slot at) {
  const Engine& engine = engines_[at];
  if (engine.serial == 0 || !engine.recalls || engine.load == 0 || !index_.contains(at)) return;
  for (Slot slot = running(engine.oldest)->newer; slot != kNoSlot; slot = running(slot)->newer) recall(slot);
}

/// Keeps crowded_ true after a change of the engine's tasks.
void Scheduler::note_crowd(Slot at) {
  Engine& engine = engines_[at];
  const bool crowded =
      options_.hwm == kAutoHwm && engine.recalls && index_.contains(at) && engine.load > engine.recalling + 1;
  if (crowded == (engine.crowd_at != 0)) return;
  if (crowded) {
    crowded_.push_back(at);
    engine.crowd_at = crowded_.size();
    if (!rob_at_ && phase_ == Phase::open) rob_at_ = now_ + kPatience;
    return;
  }
  engines_[crowded_.back()].crowd_at = engine.crowd_at;
  crowded_[engine.crowd_at - 1] = crowded_.back();
  crowded_.pop_back();
  engine.crowd_at = 0;
}

/// Whether its tasks would still be there when the order arrives, as far as one can tell.
bool Scheduler::worth_robbing(const Engine& victim) const {
  const Micros first = running(victim.oldest)->expected;
  const Micros trip = victim.credit.round_trip();
  return victim.expected - first >= trip ||
         now_ - victim.busy_since >= std::chrono::microseconds(first) + 2 * std::chrono::microseconds(trip);
}

/// Asks the engine with the most unstarted tasks for half of these, the newest, as far as `thief` may run them.
bool Scheduler::rob_for(Slot thief) {
  if (!index_.open(thief)) return false;
  std::vector<Slot> victims;
  for (Slot slot : crowded_) {
    if (worth_robbing(engines_[slot])) victims.push_back(slot);
  }
  const auto surplus = [&](Slot slot) { return engines_[slot].load - 1 - engines_[slot].recalling; };
  std::sort(victims.begin(), victims.end(), [&](Slot a, Slot b) {
    return surplus(a) != surplus(b) ? surplus(a) > surplus(b) : engines_[a].serial < engines_[b].serial;
  });
  for (Slot victim : victims) {
    const Engine& engine = engines_[victim];
    std::size_t wanted = std::min<std::size_t>((surplus(victim) + 1) / 2, kMostAtOnce), looks = 2 * kMostAtOnce;
    bool robbed = false;
    for (Slot slot = engine.newest; slot != engine.oldest && wanted > 0 && looks > 0; --looks) {
      const Slot older = running(slot)->older;
      if (!running(slot)->recalled && may_run_on(tasks_[slot], thief)) {
        recall(slot);
        robbed = true;
        --wanted;
      }
      slot = older;
    }
    if (robbed) return true;
  }
  return false;
}

void Scheduler::rob_for_the_idle() {
  for (Slot slot = 0; slot < engines_.size() && !crowded_.empty(); ++slot) {
    if (index_.contains(slot) && engines_[slot].load == 0) rob_for(slot);
  }
}

/// Ends an event: an engine that has run dry gets what others have too much of, now or at the next look.
void Scheduler::balance(std::optional<Slot> opened) {
  if (crowded_.empty() || phase_ != Phase::open) return;
  if (opened && index_.contains(*opened) && engines_[*opened].load == 0) rob_for(*opened);
  if (!crowded_.empty() && !rob_at_) rob_at_ = now_ + kPatience;
}

}  // namespace camshaft::sched
