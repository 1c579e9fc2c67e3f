// apps/logger_options.hpp: everything that can be said to iplogger, parsed once into values.
// Thread: pure. Owns: nothing. Errors: one line that names the option.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "apps/controller_options.hpp"

namespace camshaft::apps {

struct LoggerOptions : CommonOptions {
  std::string url = "tcp://127.0.0.1:20202";  // where it listens; tcp://host:* = any free port
  std::vector<std::string> topics;            // beginnings of topics; none = all records
};

/// `arguments` without the program's name; `settings` are what configuration files say.
Result<LoggerOptions> parse_logger_options(std::span<const char* const> arguments, const cluster::Environment& env,
                                           std::span<const Setting> settings = {});
/// iplogger_config.py with every trait and its default, commented out.
std::string logger_config_file();

}  // namespace camshaft::apps
