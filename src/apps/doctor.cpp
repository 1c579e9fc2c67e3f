#include "apps/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "apps/configuration.hpp"
#include "apps/ipcluster_start.hpp"
#include "apps/python_program.hpp"

namespace camshaft::apps {
namespace {

constexpr int kMostPatience = 30;    // seconds, also for a trial engine of this computer
constexpr int kQueuePatience = 300;  // for one that waits in a queue, unless somebody says otherwise

/// How `ipcluster start` would start engines, for a trial.
nlohmann::json trial_of(const ClusterOptions& options) {
  std::string launcher = options.engine_launcher.name;
  nlohmann::json of_launcher = options.engine_launcher.options;
  for (const UnknownLauncher& one : options.unknown_launchers) {
    if (one.role != cluster::Role::engines) continue;
    launcher = one.name;
    of_launcher = one.options;
  }
  const bool chosen = options.engine_timeout_s != ClusterOptions().engine_timeout_s;
  const bool queued = options.engine_launcher.queued();
  return {{"launcher", launcher},
          {"options", of_launcher},
          {"engine_cmd", options.engine_cmd},
          {"engine_args", options.engine_args},
          {"controller_ip", options.controller_ip},
          {"controller_location", options.controller_location},
          {"queued", queued},
          {"patience", queued && !chosen ? kQueuePatience : options.engine_timeout_s}};
}

int fail(std::string_view message) {
  fmt::print(stderr, "ipcluster: {}\n", message);
  return kExitFailed;
}

}  // namespace

int run_doctor(const ClusterOptions& options) {
  // What a controller started by `ipcluster start` would be told.
  std::vector<std::string> words = {"--profile-dir=" + options.profile.dir.string()};
  if (!options.controller_ip.empty()) words.push_back("--ip=" + options.controller_ip);
  if (!options.controller_location.empty()) words.push_back("--location=" + options.controller_location);
  words.insert(words.end(), options.controller_args.begin(), options.controller_args.end());
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const auto controller = parse_with_configuration("ipcontroller", [&](std::span<const Setting> settings) {
    return parse_controller_options(arguments, process_environment(), settings);
  });
  if (!controller) return fail(controller.error().message);
  std::vector<int> ports = controller->engine_ports;
  ports.insert(ports.end(), controller->client_ports.begin(), controller->client_ports.end());
  ports.insert(ports.end(), controller->ports.begin(), controller->ports.end());
  const nlohmann::json told = {{"ip", controller->engine_ip.starts_with("ipc:") ? "127.0.0.1" : controller->engine_ip},
                               {"location", controller->location},
                               {"ports", ports},
                               {"patience", std::min(kMostPatience, options.engine_timeout_s)},
                               {"version", CAMSHAFT_VERSION},
                               {"trial", trial_of(options)}};

  const auto python = find_python();
  if (!python)
    return fail("there is no Python beside this program or in PATH, so engines cannot start: install camshaft");
  std::vector<std::string> command = {python->string(),
                                      "-m",
                                      "camshaft.doctor",
                                      "--profile-dir=" + options.profile.dir.string(),
                                      "--cluster-id=" + options.cluster_id,
                                      "--controller=" + told.dump()};
  if (options.json) command.emplace_back("--json");
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(python->c_str(), argv.data());
  return fail(fmt::format("cannot run {}: {}", python->string(), std::strerror(errno)));
}

}  // namespace camshaft::apps
