// apps/console_log.hpp: the log of our programs: one line = time, level, program, message; on stderr or in a file.
// Thread: any. Owns: the spdlog logger behind it. Errors: a log file that cannot be opened throws spdlog::spdlog_ex.
#pragma once
#include <memory>
#include <string>

#include "core/log.hpp"

namespace spdlog {
class logger;
}

namespace camshaft::apps {

class ConsoleLog final : public Log {
 public:
  /// Logs to `file`, or to stderr when it is empty.
  ConsoleLog(const std::string& program, Level least, const std::string& file = "");
  ~ConsoleLog() override;

  bool enabled(Level level) const override { return level >= least_; }
  void write(Level level, std::string_view line) override;

 private:
  Level least_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace camshaft::apps
