// What ipcontroller and ipcluster have in common: see controller_options.hpp.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "apps/controller_options.hpp"

namespace camshaft::apps {
namespace {

/// Traits that the original declares on a class are also known under the names of its descendants.
OptionTable::Names names(std::vector<std::string> aliases, const std::vector<std::string>& classes,
                         const std::string& trait) {
  for (const std::string& one : classes) aliases.push_back(one + "." + trait);
  return aliases;
}

}  // namespace

cluster::Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

void add_common(OptionTable& table, const std::vector<std::string>& apps, cluster::ProfileChoice& choice,
                CommonOptions& options) {
  std::vector<std::string> parallel = {"BaseParallelApplication"};
  parallel.insert(parallel.end(), apps.begin(), apps.end());
  std::vector<std::string> base = {"BaseIPythonApplication"};
  base.insert(base.end(), parallel.begin(), parallel.end());
  std::vector<std::string> all = {"Application"};
  all.insert(all.end(), base.begin(), base.end());
  table.text(names({"profile", "p"}, base, "profile"), choice.profile, "name of the profile", "a name");
  table.text({"profile-dir", "ProfileDir.location"}, choice.profile_dir, "folder of the profile; wins over --profile",
             "a folder");
  table.text(names({"ipython-dir"}, base, "ipython_dir"), choice.ipython_dir,
             "folder of all profiles (else IPYTHONDIR, else ~/.ipython)", "a folder");
  table.text(names({"cluster-id"}, parallel, "cluster_id"), options.cluster_id,
             "name of the cluster, where a profile has several", "a name");
  table.text(names({"work-dir"}, parallel, "work_dir"), options.work_dir, "folder to change to at start", "a folder");
  table.level(names({"log-level"}, all, "log_level"), options.log_level);
  table.boolean(names({"log-to-file"}, parallel, "log_to_file"), options.log_to_file,
                "log to a file in the profile's log folder");
  table.boolean(names({"clean-logs"}, parallel, "clean_logs"), options.clean_logs, "delete old log files first");
  table.flag(
      {"debug"}, [&options] { options.log_level = Level::debug; }, "the same as --log-level=DEBUG");
  table.flag(
      {"quiet"}, [&options] { options.log_level = Level::error; }, "log errors only");
  table.text(names({"log-url"}, parallel, "log_url"), options.log_url, "address of an iplogger, which gets the log too",
             "an address such as tcp://host:20202");
  table.add({names({"config"}, base, "extra_config_file"), "further configuration file; wins over those of the profile",
             "a file name",
             [&options](std::string_view value) {
               if (!value.empty()) options.config_files.emplace_back(value);
               return true;
             },
             false, ""});
  table.flag(
      {"init"}, [&options] { options.init = true; },
      "first write the profile's configuration files, where there are none");
  table.flag(
      {"generate-config"}, [&options] { options.generate_config = true; },
      "write a configuration file with all defaults, commented out, where there is none; then exit");
  const auto without_effect = [&table](OptionTable::Names of, const std::string& why) {
    table.add({std::move(of), "has no effect: " + why, "a value", [](std::string_view) { return true; }, false, ""});
  };
  without_effect(names({}, base, "auto_create"), "a profile that is needed is always made");
  without_effect(names({}, base, "copy_config_files"), "see --init");
  without_effect(names({}, base, "overwrite"), "see ipcluster create --reset");
  without_effect(names({}, base, "add_ipython_dir_to_sys_path"), "this program runs no Python");
  without_effect(names({}, base, "verbose_crash"), "errors are one line");
  for (const char* trait : {"log_format", "log_datefmt", "logging_config"}) {
    without_effect(names({}, all, trait), "the form of log lines is fixed");
  }
}

std::vector<Setting> with_environment(std::span<const Setting> settings, const cluster::Environment& env) {
  std::vector<Setting> all(settings.begin(), settings.end());
  const std::pair<const char*, const char*> places[] = {{"IPP_CLUSTER_ID", "BaseParallelApplication.cluster_id"},
                                                        {"IPP_PROFILE_DIR", "ProfileDir.location"},
                                                        {"IPYTHONDIR", "BaseIPythonApplication.ipython_dir"},
                                                        {"IPP_SESSION_KEY", "Session.key"}};
  for (const auto& [variable, trait] : places) {
    const auto value = env(variable);
    if (value) all.push_back({trait, *value, std::string("environment ") + variable});
  }
  return all;
}

bool take_parsed(Parsed& parsed, CommonOptions& options) {
  options.text = std::move(parsed.text);
  options.shows_config = parsed.shows_config;
  options.in_force = std::move(parsed.in_force);
  options.notices.insert(options.notices.begin(), parsed.notices.begin(), parsed.notices.end());
  return options.text.empty() || options.shows_config;
}

Result<Done> refuse_words(const Parsed& parsed) {
  for (const auto* words : {&parsed.positional, &parsed.after_dashes}) {
    if (!words->empty())
      return Error{Errc::bad_value, fmt::format("'{}' is not an option: options start with --", words->front())};
  }
  return Done{};
}

Result<Done> finish_common(const cluster::ProfileChoice& choice, const cluster::Environment& env,
                           CommonOptions& options) {
  auto profile = cluster::resolve_profile(choice, env, std::filesystem::current_path());
  if (!profile) return profile.error();
  options.profile = *profile;
  options.profile_given = !choice.profile.empty() || !choice.profile_dir.empty() || env("IPP_PROFILE_DIR").has_value();
  if (options.cluster_id.empty()) options.cluster_id = env("IPP_CLUSTER_ID").value_or("");
  return cluster::check_cluster_id(options.cluster_id);
}

Result<Done> enter_work_dir(const CommonOptions& options) {
  std::error_code failure;
  if (!options.work_dir.empty()) std::filesystem::current_path(options.work_dir, failure);
  if (failure)
    return Error{Errc::bad_value,
                 fmt::format("--work-dir: cannot change to {}: {}", options.work_dir, failure.message())};
  return Done{};
}

}  // namespace camshaft::apps
