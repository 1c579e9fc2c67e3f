#include "apps/configuration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/ipcluster_options.hpp"
#include "apps/logger_options.hpp"
#include "apps/python_program.hpp"
#include "cluster/process/files.hpp"
#include "cluster/process/profile_dirs.hpp"

namespace camshaft::apps {
namespace fs = std::filesystem;
namespace {

constexpr Duration kPatience = std::chrono::seconds(60);

/// As in python/camshaft/config/files.py.
std::vector<fs::path> folders_of(const cluster::Profile& profile) {
  std::vector<fs::path> folders = {profile.dir};
  if (const auto python = find_python()) folders.push_back(python->parent_path().parent_path() / "etc/ipython");
  folders.insert(folders.end(), {"/usr/local/etc/ipython", "/etc/ipython"});
  return folders;
}

bool has_configuration(const std::string& program, const cluster::Profile& profile) {
  std::vector<std::string> stems = {"ipython_config", program + "_config"};
  if (program == "ipcluster") stems.emplace_back("ipclusterz_config");
  std::error_code ignored;
  for (const fs::path& folder : folders_of(profile)) {
    if (!fs::is_directory(folder, ignored)) continue;
    for (const std::string& stem : stems) {
      if (fs::is_regular_file(folder / (stem + ".json"), ignored)) return true;
      const auto text = cluster::read_text(folder / (stem + ".py"));
      if (text && says_something(*text)) return true;
    }
  }
  return false;
}

std::string config_file_of(const std::string& program) {
  if (program == "ipcontroller") return controller_config_file();
  if (program == "ipcluster") return cluster_config_file();
  if (program == "iplogger") return logger_config_file();
  const auto answer = ask_python({"camshaft.config", "ipengine", "--profile-dir=.", "--defaults"}, kPatience);
  return answer && answer->exit_code == 0 ? answer->output : "c = get_config()  # noqa: F821\n";
}

}  // namespace

bool says_something(std::string_view python_file) {
  while (!python_file.empty()) {
    const std::size_t end = std::min(python_file.find('\n'), python_file.size());
    std::string line(python_file.substr(0, end));
    python_file.remove_prefix(std::min(end + 1, python_file.size()));
    line = line.substr(0, line.find('#'));
    line.erase(std::remove_if(line.begin(), line.end(), [](unsigned char c) { return std::isspace(c) != 0; }),
               line.end());
    if (!line.empty() && line != "c=get_config()") return true;
  }
  return false;
}

Result<Configuration> parse_configuration(std::string_view json) {
  const auto tree = nlohmann::json::parse(json, nullptr, false);
  if (!tree.is_object()) return Error{Errc::bad_json, "configuration files cannot be evaluated: Python gave no answer"};
  if (tree.contains("error")) return Error{Errc::bad_value, tree.value("error", "")};
  Configuration configuration;
  try {
    configuration.files = tree.at("files").get<std::vector<std::string>>();
    configuration.warnings = tree.at("warnings").get<std::vector<std::string>>();
    for (const auto& one : tree.at("settings")) {
      configuration.settings.push_back(
          {one.at("name").get<std::string>(), one.at("value"), one.at("origin").get<std::string>()});
    }
  } catch (const nlohmann::json::exception&) {
    return Error{Errc::bad_json, "configuration files cannot be evaluated: Python's answer has another form"};
  }
  return configuration;
}

Result<Configuration> load_configuration(const std::string& program, const cluster::Profile& profile,
                                         const std::vector<std::string>& more) {
  if (more.empty() && !has_configuration(program, profile)) return Configuration{};
  std::vector<std::string> arguments = {"camshaft.config", program, "--profile-dir=" + profile.dir.string()};
  for (const std::string& file : more) arguments.push_back("--config=" + file);
  const auto answer = ask_python(std::move(arguments), kPatience);
  if (!answer) {
    return Error{answer.error().code, fmt::format("the configuration files of {} cannot be evaluated: {}",
                                                  profile.dir.string(), answer.error().message)};
  }
  return parse_configuration(answer->output);
}

Result<std::vector<std::string>> write_config_files(const cluster::Profile& profile,
                                                    const std::vector<std::string>& programs, bool overwrite) {
  if (const auto made = cluster::create_profile(profile); !made) return made.error();
  std::vector<std::string> written;
  std::error_code ignored;
  for (const std::string& program : programs) {
    const fs::path path = profile.dir / (program + "_config.py");
    if (fs::exists(path, ignored) && !overwrite) continue;
    if (const auto done = cluster::write_text(path, config_file_of(program)); !done) return done.error();
    written.push_back(path.string());
  }
  return written;
}

}  // namespace camshaft::apps
