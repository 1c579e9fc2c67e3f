// Tasks that have not started go from engines that have many to those that have none. Only with hwm auto, and only
// from engines that can hand tasks back: the scheduler asks for the newest ones, and places those that come. An engine
// may also be busy with direct work, of which the scheduler knows nothing; so it asks for a single task, too.
#include <algorithm>

#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

constexpr Duration kPatience = std::chrono::milliseconds(5);  // between two looks at engines that have too much
constexpr std::size_t kMostAtOnce = 64;
constexpr std::uint32_t kMostDoublings = 8;  // of kPatience, for a task that goes from one engine to the next

}  // namespace

/// Asks for the task back, once.
void Scheduler::recall(Slot slot) {
  Running& here = *running(slot);
  if (here.recalled) return;
  here.recalled = true;
  Engine& engine = engines_[here.engine];
  ++engine.recalling;
  out_->push_back(Recall{id_of(tasks_[slot]), engine.id});
  index_.rebound(here.engine, bound_of(engine));
  note_crowd(here.engine);
}

/// Asks for everything back but the engine's oldest task, which it runs.
void Scheduler::recall_unstarted(Slot at) {
  const Engine& engine = engines_[at];
  if (engine.serial == 0 || !engine.recalls || engine.load == 0 || !index_.contains(at)) return;
  for (Slot slot = running(engine.oldest)->newer; slot != kNoSlot; slot = running(slot)->newer) recall(slot);
}

/// Keeps crowded_ and its fellows true after a change of the engine's tasks.
void Scheduler::note_crowd(Slot at) {
  if (options_.hwm != kAutoHwm) return;
  Engine& engine = engines_[at];
  bool news = false;
  const auto count = [&](bool& before, bool now, std::size_t& counter) {
    counter += now ? 1 : 0;
    counter -= before ? 1 : 0;
    news = news || (now && !before);
    before = now;
  };
  const bool here = index_.contains(at), asked_for = engine.recalls && here;
  count(engine.idle, here && engine.load == 0, idle_);
  count(engine.unsure, asked_for && engine.load > 0 && !running(engine.oldest)->recalled, unsure_);
  const bool crowded = asked_for && engine.load > engine.recalling + 1;
  if (crowded && engine.crowd_at == 0) {
    crowded_.push_back(at);
    engine.crowd_at = crowded_.size();
  } else if (!crowded && engine.crowd_at != 0) {
    engines_[crowded_.back()].crowd_at = engine.crowd_at;
    crowded_[engine.crowd_at - 1] = crowded_.back();
    crowded_.pop_back();
    engine.crowd_at = 0;
  }
  if (news && idle_ > 0 && unsure_ > 0 && vain_looks_ > 0) {
    vain_looks_ = 0;
    rob_at_.reset();
  }
  plan_robbery();
}

/// While there is something to be moved, somebody looks again: soon, or, where each look was in vain, less and less
/// often.
void Scheduler::plan_robbery() {
  if (rob_at_ || phase_ != Phase::open) return;
  if (!crowded_.empty()) {
    rob_at_ = now_ + kPatience;
  } else if (idle_ > 0 && unsure_ > 0) {
    rob_at_ = now_ + kPatience * (1 << std::min(vain_looks_, kMostDoublings));
  }
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

/// Whether the engine's oldest task has been there so long that an engine without direct work had begun it for certain.
/// Whoever begins has no answer to a recall, so asking costs one small message. Each engine that hands a task back
/// doubles the wait at the next: when all of them are busy with direct work, a task does not run around among them.
bool Scheduler::overdue(const Engine& victim) const {
  if (!victim.unsure) return false;
  const std::uint32_t doublings = std::min(tasks_[victim.oldest].dispatches - 1, kMostDoublings);
  const Duration trips = 2 * std::chrono::microseconds(victim.credit.round_trip());
  return now_ - running(victim.oldest)->sent >= std::max(kPatience * (1 << doublings), trips);
}

/// Asks an engine for its oldest task, which has not started if the engine is busy with direct work.
void Scheduler::rob_oldest_for(Slot thief) {
  const Engine* victim = nullptr;
  for (const Engine& engine : engines_) {
    if (!overdue(engine) || !may_run_on(tasks_[engine.oldest], thief)) continue;
    if (!victim || engine.serial < victim->serial) victim = &engine;
  }
  if (victim) recall(victim->oldest);
  vain_looks_ = victim ? 0 : vain_looks_ + 1;
}

void Scheduler::rob_for_the_idle() {
  for (Slot slot = 0; slot < engines_.size() && (!crowded_.empty() || unsure_ > 0); ++slot) {
    if (index_.open(slot) && engines_[slot].load == 0 && !rob_for(slot)) rob_oldest_for(slot);
  }
  rob_at_.reset();
  plan_robbery();
}

/// Ends an event: an engine that has run dry gets what others have too much of, now or at the next look.
void Scheduler::balance(std::optional<Slot> opened) {
  if (phase_ != Phase::open) return;
  if (opened && !crowded_.empty() && index_.contains(*opened) && engines_[*opened].load == 0) rob_for(*opened);
  plan_robbery();
}

}  // namespace camshaft::sched
