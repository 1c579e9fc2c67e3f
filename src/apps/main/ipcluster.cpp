// ipcluster: starts, finds and stops clusters on this machine.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

#include "apps/configuration.hpp"
#include "apps/doctor.hpp"
#include "apps/ipcluster_manage.hpp"
#include "apps/ipcluster_options.hpp"
#include "apps/ipcluster_profile.hpp"
#include "apps/ipcluster_start.hpp"
#include "apps/tether.hpp"

int main(int argc, char** argv) try {
  using namespace camshaft::apps;
  if (argc == 3 && std::string_view(argv[1]) == "tether") return run_tether(argv[2]);  // internal
  const std::span<const char* const> arguments(argv + 1, argv + argc);
  const auto options = parse_with_configuration("ipcluster", [&](std::span<const Setting> settings) {
    return parse_cluster_options(arguments, process_environment(), settings);
  });
  if (!options) {
    fmt::print(stderr, "ipcluster: {}\n", options.error().message);
    return kExitFailed;
  }
  if (!options->text.empty()) {
    fmt::print("{}", options->text);
    return 0;
  }
  if (const auto entered = enter_work_dir(*options); !entered) {
    fmt::print(stderr, "ipcluster: {}\n", entered.error().message);
    return kExitFailed;
  }
  if (options->log_level <= camshaft::Level::warning) {
    for (const std::string& notice : options->notices) fmt::print(stderr, "ipcluster: {}\n", notice);
  }
  const auto wrote = write_asked_config(*options, "ipcluster");
  if (!wrote) {
    fmt::print(stderr, "ipcluster: {}\n", wrote.error().message);
    return kExitFailed;
  }
  if (*wrote) return 0;
  if (options->command == "create") return run_create(*options);
  if (options->command == "config") return run_config(*options);
  if (options->command == "doctor") return run_doctor(*options);
  if (options->command == "nbextension") return run_nbextension(*options);
  if (options->command == "stop") return run_stop(*options);
  if (options->command == "list") return run_list(*options);
  if (options->command == "clean") return run_clean(*options);
  return run_start(*options);
} catch (const std::exception& error) {
  fmt::print(stderr, "ipcluster: {}\n", error.what());
  return 1;
}
