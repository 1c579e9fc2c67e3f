#include "cluster/supervisor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace camshaft::cluster {

std::string describe(const Exit& exit) {
  if (exit.signal != 0) return fmt::format("killed by signal {} ({})", exit.signal, ::strsignal(exit.signal));
  return fmt::format("exit code {}", exit.code);
}

Actions Supervisor::handle(const Event& event, TimePoint now) {
  Actions out;
  std::visit([&](const auto& one) { on(one, now, out); }, event);
  settle(now, out);
  return out;
}

bool Supervisor::watches_hub() const {
  if (controller_ != Controller::ready && controller_ != Controller::adopted) return false;
  return std::any_of(sets_.begin(), sets_.end(),
                     [](const auto& one) { return !one.second.ready && !one.second.failed && !one.second.kill_at; });
}

bool Supervisor::running() const {
  return controller_ == Controller::starting || controller_ == Controller::ready ||
         controller_ == Controller::stopping || alive() > 0;
}

int Supervisor::alive() const {
  int count = 0;
  for (const auto& [id, set] : sets_) count += static_cast<int>(set.alive.size());
  return count;
}

std::optional<TimePoint> Supervisor::deadline() const {
  std::optional<TimePoint> first = controller_deadline_;
  const auto consider = [&first](TimePoint when) {
    if (!first || when < *first) first = when;
  };
  for (const auto& [id, set] : sets_) {
    if (set.kill_at)
      consider(*set.kill_at);
    else if (set.spawned && !set.ready && !set.failed)
      consider(set.ready_by);
    for (const auto& [index, engine] : set.alive) {
      if (engine.kill_at && !set.kill_at) consider(*engine.kill_at);
    }
  }
  if (const auto next = restarts_.next()) consider(*next);
  return first;
}

void Supervisor::on(const event::StartController&, TimePoint now, Actions& out) {
  if (controller_ != Controller::none || stopping_) return;
  controller_ = Controller::starting;
  controller_deadline_ = now + limits_.controller_timeout;
  out.emplace_back(action::SpawnController{});
}

void Supervisor::on(const event::AdoptController&, TimePoint, Actions&) {
  if (controller_ != Controller::none) return;
  controller_ = Controller::adopted;
  asks_first_ = true;
}

void Supervisor::on(const event::StartEngines& start, TimePoint now, Actions& out) {
  if (stopping_ || start.n <= 0 || sets_.count(start.set) != 0) return;
  EngineSet& set = sets_[start.set];
  set.wanted = start.n;
  set.processes = start.processes > 0 ? start.processes : start.n;
  // Newcomers are told from engines that were there before; only a fresh controller surely has none.
  if (controller_ == Controller::ready && !asks_first_) spawn(start.set, set, now, out);
}

void Supervisor::spawn(const std::string& id, EngineSet& set, TimePoint now, Actions& out) {
  asks_first_ = true;
  set.spawned = true;
  set.ready_by = now + limits_.engine_timeout;
  for (int index = 0; index < set.processes; ++index) {
    set.alive[index] = Engine{};
    restarts_.started({id, index}, now);
    out.emplace_back(action::SpawnEngine{{id, index}});
  }
}

void Supervisor::on(const event::ControllerFiles&, TimePoint now, Actions& out) {
  if (controller_ != Controller::starting) return;
  controller_ = Controller::ready;
  controller_deadline_.reset();
  out.emplace_back(action::ControllerReady{});
  for (auto& [id, set] : sets_) {
    if (!set.spawned && !set.kill_at) spawn(id, set, now, out);
  }
}

void Supervisor::on(const event::HubAnswered& answer, TimePoint now, Actions& out) {
  count(answer.engines);
  for (auto& [id, set] : sets_) {
    if (set.ready || set.failed || set.kill_at) continue;
    if (!set.spawned) {
      spawn(id, set, now, out);
      continue;
    }
    const int ready = static_cast<int>(set.registered.size());
    if (ready != set.reported) out.emplace_back(action::Progress{id, ready, set.wanted});
    set.reported = ready;
    if (ready < set.wanted) continue;
    set.ready = true;
    out.emplace_back(action::EnginesReady{id, set.wanted});
  }
}

/// Gives each newcomer to the first set that still waits for one. Which set does not matter, only how many.
void Supervisor::count(const std::set<std::string>& listed) {
  for (auto& [id, set] : sets_) {
    for (auto it = set.registered.begin(); it != set.registered.end();) {
      it = listed.count(*it) == 0 && !set.ready ? set.registered.erase(it) : std::next(it);
    }
  }
  for (const std::string& uuid : listed) {
    if (!known_.insert(uuid).second) continue;
    for (auto& [id, set] : sets_) {
      if (!set.spawned || static_cast<int>(set.registered.size()) >= set.wanted) continue;
      set.registered.insert(uuid);
      break;
    }
  }
}

void Supervisor::on(const event::ControllerGone& gone, TimePoint now, Actions& out) {
  const bool expected = controller_ == Controller::stopping;
  const bool was_ready = controller_ != Controller::starting;
  controller_ = Controller::gone;
  controller_deadline_.reset();
  out.emplace_back(action::ControllerStopped{gone.exit, was_ready, expected});
  // Engines without their controller are of no use to anybody.
  if (!expected) on(event::StopAll{}, now, out);
}

void Supervisor::on(const event::EngineGone& gone, TimePoint now, Actions& out) {
  const auto found = sets_.find(gone.engine.set);
  if (found == sets_.end()) return;
  EngineSet& set = found->second;
  const auto engine = set.alive.find(gone.engine.index);
  if (engine == set.alive.end()) return;
  const bool asks = gone.exit == Exit{kRestartCode, 0} && !engine->second.asked_to_stop;
  const bool again = (engine->second.again || asks) && !set.kill_at;
  const bool expected = engine->second.asked_to_stop || asks;
  set.alive.erase(engine);
  // Who ends well was asked to, by a client.
  const bool died = !expected && set.ready && !set.kill_at && !stopping_ && gone.exit != Exit{};
  const auto row = died ? restarts_.died(gone.engine, now) : std::nullopt;
  out.emplace_back(action::EngineStopped{gone.engine, gone.exit, set.ready, expected, alive(), row ? row->attempt : 0});
  if (again) return start_again(gone.engine, now, out);
  if (!expected && !set.ready && !set.failed) fail(found->first, set, gone.engine, now, out);
}

void Supervisor::fail(const std::string& id, EngineSet& set, std::optional<EngineRef> culprit, TimePoint now,
                      Actions& out) {
  set.failed = true;
  out.emplace_back(action::EnginesFailed{id, std::max(set.reported, 0), set.wanted, std::move(culprit)});
  stop_set(id, set, now, out);
}

void Supervisor::on(const event::StopEngines& stop, TimePoint now, Actions& out) {
  const auto found = sets_.find(stop.set);
  if (found != sets_.end()) stop_set(found->first, found->second, now, out);
}

void Supervisor::on(const event::StopEngine& stop, TimePoint now, Actions& out) {
  const auto found = sets_.find(stop.engine.set);
  if (found == sets_.end()) return;
  EngineSet& set = found->second;
  const auto engine = set.alive.find(stop.engine.index);
  if (engine == set.alive.end() || set.kill_at) return;
  engine->second.again = false;
  if (!set.ready && set.wanted > 1 && !engine->second.asked_to_stop) --set.wanted;
  stop_engine(stop.engine, engine->second, now, out);
}

void Supervisor::on(const event::RestartEngine& restart, TimePoint now, Actions& out) {
  const EngineRef& ref = restart.engine;
  if (stopping_ || controller_ == Controller::none || controller_ == Controller::starting) return;
  const auto found = sets_.find(ref.set);
  if (found != sets_.end() && found->second.kill_at) return;
  if (found != sets_.end()) {
    if (const auto engine = found->second.alive.find(ref.index); engine != found->second.alive.end()) {
      engine->second.again = true;
      return stop_engine(ref, engine->second, now, out);
    }
  } else {  // its last engine has ended, so that it was forgotten
    EngineSet& set = sets_[ref.set];
    set.wanted = 1;
    set.spawned = set.ready = true;
  }
  start_again(ref, now, out);
}

void Supervisor::stop_engine(const EngineRef& ref, Engine& engine, TimePoint now, Actions& out) {
  if (engine.asked_to_stop) return;
  engine.asked_to_stop = true;
  engine.kill_at = now + limits_.grace;
  out.emplace_back(action::SignalEngine{ref, SIGTERM});
}

void Supervisor::start_again(const EngineRef& ref, TimePoint now, Actions& out) {
  sets_[ref.set].alive[ref.index] = Engine{};
  restarts_.started(ref, now);
  out.emplace_back(action::SpawnEngine{ref});
  out.emplace_back(action::EngineRestarted{ref});
}

void Supervisor::stop_set(const std::string& id, EngineSet& set, TimePoint now, Actions& out) {
  if (set.kill_at) return;
  set.kill_at = now + limits_.grace;
  restarts_.forget(id);
  for (auto& [index, engine] : set.alive) {
    engine.asked_to_stop = true;
    out.emplace_back(action::SignalEngine{{id, index}, SIGTERM});
  }
}

void Supervisor::on(const event::StopAll&, TimePoint now, Actions& out) {
  stopping_ = true;
  for (auto& [id, set] : sets_) stop_set(id, set, now, out);
}

void Supervisor::stop_controller(TimePoint now, Actions& out) {
  if (controller_ != Controller::starting && controller_ != Controller::ready) return;
  controller_ = Controller::stopping;
  controller_deadline_ = now + limits_.grace;
  out.emplace_back(action::SignalController{SIGTERM});
}

void Supervisor::on(const event::Tick&, TimePoint now, Actions& out) {
  if (controller_deadline_ && now >= *controller_deadline_) {
    if (controller_ == Controller::starting) {
      out.emplace_back(action::ControllerStopped{std::nullopt, false, false});
      on(event::StopAll{}, now, out);
    } else {
      out.emplace_back(action::SignalController{SIGKILL});
      controller_deadline_ = now + limits_.grace;  // once more, should the kernel be slow
    }
  }
  for (const EngineRef& ref : restarts_.due(now)) {
    start_again(ref, now, out);
  }
  for (auto& [id, set] : sets_) {
    if (set.kill_at && now >= *set.kill_at) {
      for (const auto& [index, engine] : set.alive) out.emplace_back(action::SignalEngine{{id, index}, SIGKILL});
      set.kill_at = now + limits_.grace;
    } else if (!set.kill_at && set.spawned && !set.ready && !set.failed && now >= set.ready_by) {
      fail(id, set, std::nullopt, now, out);
    }
    if (set.kill_at) continue;
    for (auto& [index, engine] : set.alive) {
      if (!engine.kill_at || now < *engine.kill_at) continue;
      out.emplace_back(action::SignalEngine{{id, index}, SIGKILL});
      engine.kill_at = now + limits_.grace;
    }
  }
}

/// After every event: forgets sets that are gone, goes on with a stop, reports its end.
void Supervisor::settle(TimePoint now, Actions& out) {
  for (auto it = sets_.begin(); it != sets_.end();) {
    const bool over =
        it->second.alive.empty() && (it->second.kill_at || (it->second.ready && !restarts_.waits(it->first)));
    if (over) restarts_.forget(it->first);
    it = over ? sets_.erase(it) : std::next(it);
  }
  if (!stopping_ || alive() > 0) return;
  stop_controller(now, out);
  const bool left = controller_ == Controller::stopping;
  if (left || stopped_reported_) return;
  stopped_reported_ = true;
  out.emplace_back(action::AllStopped{});
}

}  // namespace camshaft::cluster
