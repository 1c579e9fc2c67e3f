#include "cluster/restarts.hpp"

#include <algorithm>

namespace camshaft::cluster {

std::optional<Restarts::Again> Restarts::died(const EngineRef& ref, TimePoint now) {
  if (policy_.most <= 0) return std::nullopt;
  Engine& engine = engines_[ref];
  if (now - engine.since >= policy_.good) engine.row = 0;
  if (engine.row >= policy_.most) return std::nullopt;
  Duration pause = policy_.first;
  if (engine.row > 0) {
    pause = policy_.second;
    for (int i = 1; i < engine.row && pause < policy_.longest; ++i) pause *= 2;
  }
  engine.at = now + std::min(pause, policy_.longest);
  return Again{++engine.row, *engine.at};
}

std::vector<EngineRef> Restarts::due(TimePoint now) {
  std::vector<EngineRef> out;
  for (auto& [ref, engine] : engines_) {
    if (!engine.at || *engine.at > now) continue;
    engine.at.reset();
    out.push_back(ref);
  }
  return out;
}

std::optional<TimePoint> Restarts::next() const {
  std::optional<TimePoint> soonest;
  for (const auto& [ref, engine] : engines_)
    if (engine.at) soonest = std::min(soonest.value_or(*engine.at), *engine.at);
  return soonest;
}

bool Restarts::waits(const std::string& set) const {
  return std::any_of(engines_.begin(), engines_.end(),
                     [&](const auto& one) { return one.first.set == set && one.second.at; });
}

void Restarts::forget(const std::string& set) {
  std::erase_if(engines_, [&](const auto& one) { return one.first.set == set; });
}

}  // namespace camshaft::cluster
