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
  const nlohmann::json told = {{"ip", controller->engine_ip},
                               {"location", controller->location},
                               {"ports", ports},
                               {"patience", std::min(30, options.engine_timeout_s)},
                               {"version", CAMSHAFT_VERSION}};

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
