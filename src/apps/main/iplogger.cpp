// iplogger: listens for the log records of controllers, engines and other programs, and writes them.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "apps/configuration.hpp"
#include "apps/console_log.hpp"
#include "apps/ipcluster_profile.hpp"
#include "apps/logger_options.hpp"
#include "apps/signals.hpp"
#include "cluster/process/profile_dirs.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "wire/log_record.hpp"

namespace {

using namespace camshaft;
using namespace camshaft::apps;

constexpr int kMostWaiting = 10'000;  // records; whoever sends more than can be written loses some

int fail(const std::string& message) {
  fmt::print(stderr, "iplogger: {}\n", message);
  return 2;
}

/// The bound address, where "*" asked for any free port.
std::string bound_url(const std::string& url, const net::Socket& socket) {
  const std::string any = ":*";
  if (url.size() < any.size() || url.substr(url.size() - any.size()) != any) return url;
  return url.substr(0, url.size() - 1) + std::to_string(socket.port());
}

/// No topics are all; what has no topic is told of anyway.
bool wanted(const Frames& frames, const std::vector<std::string>& topics) {
  return topics.empty() || frames.empty() || std::any_of(topics.begin(), topics.end(), [&](const std::string& topic) {
           return frames[0].view().starts_with(topic);
         });
}

void write_record(const Frames& frames, Log& log) {
  const auto record = wire::decode_log(frames);
  if (!record) {
    log.warning("this is no log record, so it is left out: {}", record.error().message);
  } else if (log.enabled(record->level)) {
    log.write(record->level, fmt::format("[{}] {}", record->source, record->text));
  }
}

int run(const LoggerOptions& options) {
  std::string log_file;
  if (options.log_to_file) {
    if (const auto made = cluster::create_profile(options.profile); !made) return fail(made.error().message);
    const std::string id = options.cluster_id.empty() ? "" : options.cluster_id + "-";
    log_file = (options.profile.log_dir() / fmt::format("iplogger-{}{}.log", id, ::getpid())).string();
    fmt::print(stderr, "Sending logs to {}\n", log_file);
  }
  ConsoleLog log("iplogger", options.log_level, log_file);
  for (const std::string& notice : options.notices) log.warning("{}", notice);

  SignalDescriptor signals;
  SystemClock clock;
  net::Context context;
  net::SocketOptions socket_options;
  socket_options.type = net::SocketType::sub;
  socket_options.bind = {options.url};
  socket_options.hwm = kMostWaiting;
  socket_options.subscribe_all = true;
  net::Socket socket(context, socket_options);
  net::Loop loop(clock);
  loop.on_message(socket, [&](net::Received&& received) {
    if (wanted(received.frames, options.topics)) write_record(received.frames, log);
  });
  loop.on_readable(signals.descriptor(), [&] {
    log.info("stopping: {}", signals.read_name());
    loop.stop();
  });
  log.info("Listening for log messages on {}", bound_url(options.url, socket));
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::span<const char* const> arguments(argv + 1, argv + argc);
  const auto options = parse_with_configuration("iplogger", [&](std::span<const Setting> settings) {
    return parse_logger_options(arguments, process_environment(), settings);
  });
  if (!options) return fail(options.error().message);
  if (!options->text.empty()) {
    fmt::print("{}", options->text);
    return 0;
  }
  const auto wrote = write_asked_config(*options, "iplogger");
  if (!wrote) return fail(wrote.error().message);
  if (*wrote) return 0;
  if (const auto entered = enter_work_dir(*options); !entered) return fail(entered.error().message);
  return run(*options);
} catch (const net::NetError& error) {
  if (error.code == 0) return fail(error.what());
  return fail(std::string(error.what()) + ": choose another address with --url, such as --url='tcp://127.0.0.1:*'");
} catch (const std::exception& error) {
  return fail(error.what());
}
