#include "apps/logger_options.hpp"

#include <fmt/format.h>

#include "cluster/commands.hpp"

namespace camshaft::apps {
namespace {

/// Options and the table that fills them.
struct Everything {
  LoggerOptions options;
  cluster::ProfileChoice choice;
  OptionTable table{"iplogger",
                    "iplogger: collects the logs of a cluster. Controllers and engines send theirs with\n"
                    "--log-url=ADDRESS; so do Python programs, with the PUBHandler of zmq.log.handlers.\n\n"
                    "    iplogger --url=tcp://127.0.0.1:20202 --topics=controller --topics=engine.0"};
  Everything() {
    table.text({"url", "LogWatcher.url"}, options.url, "address to listen on", "an address such as tcp://*:20202");
    table.add({{"topics", "LogWatcher.topics"},
               "beginning of the topics to write, such as engine.0 or controller.WARN; may be repeated; else all",
               "a topic, or a list such as [\"controller\", \"engine\"]",
               [this](std::string_view value) { return add_topics(value); },
               false,
               ""});
    add_common(table, {"IPLoggerApp"}, choice, options);
  }
  bool add_topics(std::string_view value) {
    if (value.empty() || value.front() != '[') {
      options.topics.emplace_back(value);
      return true;
    }
    const auto words = cluster::split_words(value);
    if (!words) return false;
    options.topics.insert(options.topics.end(), words->begin(), words->end());
    return true;
  }
};

}  // namespace

std::string logger_config_file() { return Everything().table.config_file(); }

Result<LoggerOptions> parse_logger_options(std::span<const char* const> arguments, const cluster::Environment& env,
                                           std::span<const Setting> settings) {
  Everything all;
  LoggerOptions& options = all.options;
  auto parsed = all.table.parse(arguments, with_environment(settings, env));
  if (!parsed) return parsed.error();
  if (!take_parsed(*parsed, options)) return options;
  if (auto none = refuse_words(*parsed); !none) return none.error();
  if (!options.log_url.empty()) options.notices.emplace_back("--log-url has no effect: iplogger is where logs end");
  if (auto done = finish_common(all.choice, env, options); !done) return done.error();
  return options;
}

}  // namespace camshaft::apps
