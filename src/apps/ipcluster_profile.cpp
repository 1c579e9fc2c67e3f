#include "apps/ipcluster_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "apps/configuration.hpp"
#include "apps/ipcluster_start.hpp"
#include "apps/python_program.hpp"

namespace camshaft::apps {
namespace {

const std::vector<std::string> kPrograms = {"ipcluster", "ipcontroller", "ipengine"};

int fail(std::string_view message) {
  fmt::print(stderr, "ipcluster: {}\n", message);
  return kExitFailed;
}

Result<std::vector<InForce>> controller_values(const ClusterOptions& options) {
  const std::string profile = "--profile-dir=" + options.profile.dir.string();
  std::vector<const char*> arguments = {profile.c_str()};
  const auto parsed = parse_with_configuration("ipcontroller", [&](std::span<const Setting> settings) {
    return parse_controller_options(arguments, process_environment(), settings);
  });
  if (!parsed) return parsed.error();
  for (const std::string& notice : parsed->notices) fail(notice);
  return parsed->in_force;
}

Result<std::vector<InForce>> engine_values(const ClusterOptions& options) {
  const auto answer =
      ask_python({"camshaft.engine", "--profile-dir=" + options.profile.dir.string(), "--show-config-all"},
                 std::chrono::seconds(60));
  if (!answer) return answer.error();
  const auto list = nlohmann::json::parse(answer->output, nullptr, false);
  if (answer->exit_code != 0 || !list.is_array()) {
    return Error{Errc::unavailable, "ipengine does not say what is in force for it"};
  }
  std::vector<InForce> values;
  for (const auto& one : list) {
    values.push_back({one.value("name", ""), one.value("value", nlohmann::json()), one.value("origin", "")});
  }
  return values;
}

}  // namespace

int run_create(const ClusterOptions& options) {
  const auto written = write_config_files(options.profile, kPrograms, options.reset);
  if (!written) return fail(written.error().message);
  fmt::print("profile '{}' is in {}\n", options.profile.label(), options.profile.dir.string());
  for (const std::string& path : *written) fmt::print("wrote {}\n", path);
  if (written->size() < kPrograms.size()) {
    fmt::print("kept the other configuration files, which are there already: --reset overwrites them\n");
  }
  return 0;
}

int run_config(const ClusterOptions& options) {
  for (const std::string& word : options.words) {
    if (std::find(kPrograms.begin(), kPrograms.end(), word) != kPrograms.end()) continue;
    return fail(fmt::format("'{}' is none of ipcluster, ipcontroller and ipengine", word));
  }
  auto tree = nlohmann::json::object();
  for (const std::string& program : options.words.empty() ? kPrograms : options.words) {
    auto values = program == "ipcluster"      ? Result<std::vector<InForce>>(options.in_force)
                  : program == "ipcontroller" ? controller_values(options)
                                              : engine_values(options);
    if (!values) return fail(values.error().message);
    if (options.json) {
      tree[program] = nlohmann::json::parse(show(*values, true));
    } else {
      fmt::print("# {}, profile '{}'\n{}\n", program, options.profile.label(), show(*values, false));
    }
  }
  if (options.json) fmt::print("{}\n", tree.dump(2));
  return 0;
}

int run_nbextension(const ClusterOptions&) {
  fmt::print(
      "ipcluster nbextension is retired: notebooks of version 7 and later, and JupyterLab, find extensions by "
      "themselves once they are installed\n");
  return 0;
}

Result<bool> write_asked_config(const CommonOptions& options, const std::string& program) {
  if (!options.init && !options.generate_config) return false;
  const auto programs = options.generate_config ? std::vector<std::string>{program} : kPrograms;
  const auto written = write_config_files(options.profile, programs, false);
  if (!written) return written.error();
  for (const std::string& path : *written) fmt::print("wrote {}\n", path);
  if (options.generate_config && written->empty()) {
    return Error{
        Errc::unavailable,
        fmt::format("{}/{}_config.py is there already and stays as it is: {}", options.profile.dir.string(), program,
                    std::find(kPrograms.begin(), kPrograms.end(), program) == kPrograms.end()
                        ? "remove it first"
                        : "'ipcluster create --reset' overwrites it")};
  }
  return options.generate_config;
}

}  // namespace camshaft::apps
