// bindings/engine_log.hpp: the engine's log: lines on a descriptor, in the form of the original.
// Thread: any. Owns: nothing; the descriptor is its maker's. Errors: a line that cannot be written is lost.
#pragma once
#include <mutex>
#include <string>
#include <string_view>

#include "core/log.hpp"

namespace camshaft::bindings {

class EngineLog final : public Log {
 public:
  EngineLog(int descriptor, Level least) : descriptor_(descriptor), least_(least) {}
  bool enabled(Level level) const override { return level >= least_; }
  void write(Level level, std::string_view line) override;
  /// "IPEngine" becomes "IPEngine.3" once the engine has a number.
  void rename(std::string name);

 private:
  int descriptor_;
  Level least_;
  std::mutex mutex_;  // guards name_
  std::string name_ = "IPEngine";
};

}  // namespace camshaft::bindings
