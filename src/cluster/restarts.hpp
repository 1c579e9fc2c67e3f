// cluster/restarts.hpp: when an engine that died is started again, and when that is given up. Pure.
// Thread: one. Owns: how often and when engines have died. Errors: none.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"

namespace camshaft::cluster {

/// One engine of one set; sets are named by whoever starts them.
struct EngineRef {
  std::string set;
  int index = 0;
  auto operator<=>(const EngineRef&) const = default;
};

struct RestartPolicy {
  int most = 0;                                      // of each engine in a row; 0 = never
  Duration first = std::chrono::milliseconds(0);     // before the first start in a row,
  Duration second = std::chrono::milliseconds(500);  // the second, doubled for each that follows,
  Duration longest = std::chrono::seconds(30);       // up to this
  Duration good = std::chrono::seconds(60);          // an engine that lived so long begins a new row
};

class Restarts final {
 public:
  struct Again {
    int attempt;  // in this row, from 1
    TimePoint at;
  };
  explicit Restarts(RestartPolicy policy) : policy_(policy) {}

  void started(const EngineRef& engine, TimePoint now) {
    engines_[engine].since = now;
    engines_[engine].at.reset();
  }
  /// Nullopt: it is not started again.
  std::optional<Again> died(const EngineRef& engine, TimePoint now);
  /// Those to be started now; each is told of once.
  std::vector<EngineRef> due(TimePoint now);
  std::optional<TimePoint> next() const;
  /// Whether an engine of this set is still to be started.
  bool waits(const std::string& set) const;
  void forget(const std::string& set);

 private:
  struct Engine {
    TimePoint since{};
    int row = 0;
    std::optional<TimePoint> at;
  };
  RestartPolicy policy_;
  std::map<EngineRef, Engine> engines_;
};

}  // namespace camshaft::cluster
