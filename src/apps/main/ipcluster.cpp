// ipcluster: starts, finds and stops clusters on this machine.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <span>

#include "apps/ipcluster_manage.hpp"
#include "apps/ipcluster_options.hpp"
#include "apps/ipcluster_start.hpp"

int main(int argc, char** argv) try {
  using namespace camshaft::apps;
  const auto options =
      parse_cluster_options(std::span<const char* const>(argv + 1, argv + argc), process_environment());
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
  if (options->command == "stop") return run_stop(*options);
  if (options->command == "list") return run_list(*options);
  if (options->command == "clean") return run_clean(*options);
  return run_start(*options);
} catch (const std::exception& error) {
  fmt::print(stderr, "ipcluster: {}\n", error.what());
  return 1;
}
