#include "sched/reconciler.hpp"

#include <iterator>

namespace camshaft::sched {

void Reconciler::expect(std::vector<EngineId> engines, TimePoint until) {
  for (EngineId& engine : engines) {
    earlier_.insert(engine);
    if (!here_.contains(engine)) expected_.insert(std::move(engine));
  }
  if (!expected_.empty()) until_ = until;
}

void Reconciler::engine_back(const EngineId& engine, bool answers, Out& out) {
  const bool was_expected = expected_.erase(engine) > 0;
  if (expected_.empty()) until_.reset();
  here_.insert_or_assign(engine, answers);
  if (was_expected && !answers) missing_.insert(engine);
  for (auto round = rounds_.begin(); round != rounds_.end();) {
    if (round->second.awaited.contains(engine)) {
      if (answers) {
        out.push_back(AskEngine{engine, round->first, round->second.ids});
      } else {
        round->second.awaited.erase(engine);
        round->second.missing.insert(engine);
      }
    }
    round = check(round, out);
  }
}

void Reconciler::engine_gone(const EngineId& engine, Out& out) {
  here_.erase(engine);
  expected_.erase(engine);
  if (earlier_.contains(engine)) missing_.insert(engine);
  if (expected_.empty()) until_.reset();
  for (auto round = rounds_.begin(); round != rounds_.end();) {
    Round& open = round->second;
    if (open.awaited.erase(engine) > 0) open.missing.insert(engine);
    for (auto& [id, fate] : open.fates) {
      if (fate.found < Found::done || fate.where != engine) continue;
      if (fate.found == Found::held) ++open.not_held;
      fate = {};
      open.missing.insert(engine);
    }
    round = check(round, out);
  }
}

std::uint64_t Reconciler::ask(const std::vector<MsgId>& ids, Out& out) {
  Round round;
  for (const MsgId& id : ids)
    if (round.fates.try_emplace(id).second) round.ids.push_back(id);
  round.not_held = round.ids.size();
  round.missing = missing_;
  round.awaited = expected_;
  const std::uint64_t number = ++last_round_;
  for (const auto& [engine, answers] : here_) {
    if (!answers) continue;
    round.awaited.insert(engine);
    out.push_back(AskEngine{engine, number, round.ids});
  }
  check(rounds_.emplace(number, std::move(round)).first, out);
  return number;
}

void Reconciler::answered(const EngineId& engine, std::uint64_t number, const Told& told, Out& out) {
  const auto found = rounds_.find(number);
  if (found == rounds_.end() || found->second.awaited.erase(engine) == 0) return;
  Round& round = found->second;
  const auto note = [&](const std::vector<MsgId>& ids, Found what) {
    for (const MsgId& id : ids) {
      const auto fate = round.fates.find(id);
      if (fate == round.fates.end() || fate->second.found >= what) continue;
      fate->second = {what, engine};
      if (what == Found::held) --round.not_held;
    }
  };
  note(told.held, Found::held);
  note(told.done, Found::done);
  note(told.lost, Found::lost);
  check(found, out);
}

void Reconciler::ask_again(Out& out) const {
  for (const auto& [number, round] : rounds_)
    for (const EngineId& engine : round.awaited)
      if (here_.contains(engine)) out.push_back(AskEngine{engine, number, round.ids});
}

void Reconciler::tick(TimePoint now, Out& out) {
  if (!until_ || now < *until_) return;
  const std::set<EngineId> missing = expected_;
  for (const EngineId& engine : missing) engine_gone(engine, out);
}

std::optional<TimePoint> Reconciler::next_deadline() const { return until_; }

/// Concludes the round when there is nothing left to learn; returns the one after it.
Reconciler::Rounds::iterator Reconciler::check(Rounds::iterator round, Out& out) {
  if (!round->second.awaited.empty() && round->second.not_held > 0) return std::next(round);
  conclude(round, out);
  return rounds_.erase(round);
}

void Reconciler::conclude(Rounds::iterator at, Out& out) {
  Round& round = at->second;
  Concluded concluded{at->first, {}, {}, {}, {}, {}};
  for (MsgId& id : round.ids) {
    Fate& fate = round.fates.at(id);
    if (fate.found >= Found::done) {
      concluded.held.emplace_back(std::move(id), std::move(fate.where));
    } else {
      (fate.found == Found::lost ? concluded.lost
       : round.missing.empty()   ? concluded.unknown
                                 : concluded.doubtful)
          .push_back(std::move(id));
    }
  }
  if (!concluded.doubtful.empty()) concluded.missing.assign(round.missing.begin(), round.missing.end());
  out.push_back(std::move(concluded));
}

}  // namespace camshaft::sched
