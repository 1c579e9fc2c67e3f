#include "apps/console_log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace camshaft::apps {

ConsoleLog::ConsoleLog(const std::string& program, Level least, const std::string& file) : least_(least) {
  spdlog::sink_ptr sink;
  if (file.empty())
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  else
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  logger_ = std::make_shared<spdlog::logger>(program, std::move(sink));
  logger_->set_level(spdlog::level::trace);
  logger_->flush_on(spdlog::level::trace);  // a log is read when something died: nothing may be left in a buffer
  logger_->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %n[%P] %v");
}

ConsoleLog::~ConsoleLog() = default;

void ConsoleLog::write(Level level, std::string_view line) {
  switch (level) {
    case Level::debug:
      logger_->debug("{}", line);
      break;
    case Level::info:
      logger_->info("{}", line);
      break;
    case Level::warning:
      logger_->warn("{}", line);
      break;
    case Level::error:
      logger_->error("{}", line);
      break;
  }
}

}  // namespace camshaft::apps
