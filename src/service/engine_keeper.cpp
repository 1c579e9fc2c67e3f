#include "service/engine_keeper.hpp"

#include <algorithm>
#include <csignal>

namespace camshaft::service {
namespace {

const cluster::EngineRef kOurs{};  // a keeper has one engine

}  // namespace

EngineKeeper::EngineKeeper(int restarts) : restarts_(cluster::RestartPolicy{.most = restarts}) {}

void EngineKeeper::started() { restarts_.started(kOurs, clock_.now()); }

std::string EngineKeeper::how(const cluster::Exit& exit) const {
  return cluster::describe(exit) + (exit.signal == SIGKILL && memory_kills_.lately() ? ", probably out of memory" : "");
}

std::optional<Duration> EngineKeeper::again() {
  const TimePoint now = clock_.now();
  const auto next = restarts_.died(kOurs, now);
  if (!next) return std::nullopt;
  return std::max<Duration>(next->at - now, Duration::zero());
}

}  // namespace camshaft::service
