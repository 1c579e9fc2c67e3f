// service/engine_keeper.hpp: what the keeper of an engine knows and says: how its engine ended, whether it is started
// again, and the message by which the controller learns of it. The keeper itself is python/camshaft/engine/keeper.py.
// Thread: one. Owns: counts and times; tell_end() has sockets of its own while it runs.
// Errors: a controller that cannot be told is told nothing; the result says so.
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

/// An engine process of this computer that has ended.
struct EngineEnd {
  std::string connection;                                     // text of the engines' connection file
  std::optional<std::string> location, key, curve_serverkey;  // what the engine was told in place of the file's
  std::string uuid;
  int pid = 0;
  std::string how;
};
enum class Told {
  nobody,   // no controller answers
  unknown,  // it does not list this engine
  listed,   // it does, and knows now how the engine ended, unless it is an original
};
/// Tells the controller, which is waited for no longer than `patience` at a time.
Told tell_end(const EngineEnd& end, Duration patience);

}  // namespace camshaft::service
