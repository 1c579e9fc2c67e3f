// service/engine_keeper.hpp: what the keeper of an engine knows: how its engine ended, and whether it is started again.
// The keeper itself is python/camshaft/engine/keeper.py.
// Thread: one. Owns: counts and times. Errors: none.
#pragma once
#include <optional>
#include <string>

#include "cluster/process/memory_kills.hpp"
#include "cluster/restarts.hpp"
#include "cluster/supervisor.hpp"
#include "core/time.hpp"

namespace camshaft::service {

class EngineKeeper final {
 public:
  /// `restarts`: how often in a row an engine that dies is started again.
  explicit EngineKeeper(int restarts);

  /// An engine runs.
  void started();
  /// "killed by signal 9 (Killed), probably out of memory".
  std::string how(const cluster::Exit& exit) const;
  /// An engine died: how long to wait before the next is started; nullopt: there is no next.
  std::optional<Duration> again();
  /// To be called now and then: kills for want of memory that happened long ago explain nothing.
  void forget() { memory_kills_.forget(); }

 private:
  SystemClock clock_;
  cluster::Restarts restarts_;
  cluster::MemoryKills memory_kills_;
};

}  // namespace camshaft::service
