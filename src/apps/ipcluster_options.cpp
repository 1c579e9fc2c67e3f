#include "apps/ipcluster_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/launcher_settings.hpp"

namespace camshaft::apps {
namespace {

constexpr int kRestarts = 5;
constexpr int kAny = std::numeric_limits<int>::max();
const std::vector<std::string> kCommands = {"start",  "engines", "stop",   "list",       "clean",
                                            "create", "config",  "doctor", "nbextension"};
constexpr std::string_view kUsage =
    "ipcluster: starts and stops a controller and engines.\n\n"
    "    ipcluster start -n 4          a controller and 4 engines, until Ctrl-C (also: ipcluster -n 4)\n"
    "    ipcluster start --daemonize   the same in the background\n"
    "    ipcluster engines -n 2        2 more engines for the controller that runs\n"
    "    ipcluster stop [ID ...]       stops a cluster that was started elsewhere; --all stops all of a profile\n"
    "    ipcluster list [-o json]      what runs\n"
    "    ipcluster clean [--force]     removes logs and the files of clusters that are gone\n"
    "    ipcluster create -p NAME      makes a profile with configuration files; --reset overwrites them\n"
    "    ipcluster config [PROGRAM]    what is in force for ipcluster, ipcontroller and ipengine, and who said so\n"
    "    ipcluster doctor              looks for what keeps a cluster from working, and says what to do\n\n"
    "What follows -- goes to ipcontroller as it is.";

OptionTable::Names cluster_trait(OptionTable::Names names, const std::string& trait) {
  for (const char* one : {"Cluster", "IPClusterStart", "IPClusterEngines"}) names.push_back(one + ("." + trait));
  return names;
}

/// An option whose value is a command line.
void add_words(OptionTable& table, OptionTable::Names names, std::vector<std::string>& target, bool append,
               std::string help) {
  const auto assign = [&target, append](std::string_view value) {
    const auto words = cluster::split_words(value);
    if (!words || (words->empty() && !append)) return false;
    if (!append) target.clear();
    target.insert(target.end(), words->begin(), words->end());
    return true;
  };
  table.add({std::move(names), std::move(help), "a command line, or a list such as [\"a\", \"b\"]", assign, false, ""});
}

/// Names are looked up when all is read, so that the message names what is known.
struct LauncherChoice {
  std::string name = "local", options = "{}";
  /// A name that is none of ours goes to `unknown`: Python may know it.
  Result<Done> resolve(cluster::Role role, const LauncherSettings& settings, cluster::Launcher& target,
                       std::vector<UnknownLauncher>& unknown) const {
    auto own = nlohmann::json::parse(options, nullptr, false);
    if (!own.is_object()) {
      return Error{Errc::bad_value,
                   fmt::format("{} is not an object in JSON such as {{\"mpi_args\": [\"-v\"]}}", options)};
    }
    auto found = cluster::find_launcher(name, role);
    if (!found && found.error().code != Errc::not_found) return found.error();
    if (!found) {
      unknown.push_back({role, name, std::move(own), found.error().message});
      return Done{};
    }
    target = std::move(*found);
    target.options = settings.options_of(target, role, own);
    return Done{};
  }
};

/// Options and the table that fills them.
struct Everything {
  ClusterOptions options;
  cluster::ProfileChoice choice;
  std::string format = "text";
  double delay = 0;
  bool ignored = false;
  LauncherChoice engines, controller;
  LauncherSettings launchers;
  OptionTable table{"ipcluster", std::string(kUsage)};

  Everything() {
    table.integer(cluster_trait({"n"}, "n"), options.n, 1, kAny, "how many engines; as many as cores when not given");
    table.boolean({"daemonize", "IPClusterEngines.daemonize", "IPClusterStart.daemonize"}, options.daemonize,
                  "go to the background once everything is up");
    table.text(cluster_trait({"ip"}, "controller_ip"), options.controller_ip, "address the controller listens on",
               "an address");
    table.text(cluster_trait({"location"}, "controller_location"), options.controller_location,
               "address by which others reach the controller", "a host name or address");
    const std::string kinds = fmt::format("{}", fmt::join(cluster::launcher_names(cluster::Role::engines), ", "));
    table.text(cluster_trait({"engines"}, "engine_launcher_class"), engines.name, "how engines are started: " + kinds,
               "the name of a launcher");
    table.text(cluster_trait({"controller"}, "controller_launcher_class"), controller.name,
               "how controllers are started", "the name of a launcher");
    table.text({"engine-options"}, engines.options, "options of the engines' launcher: {\"mpi_args\": [\"-v\"]}",
               "JSON");
    table.text({"controller-options"}, controller.options, "options of the controller's launcher", "JSON");
    add_words(table, {"controller-cmd", "LocalControllerLauncher.controller_cmd", "ControllerLauncher.controller_cmd"},
              options.controller_cmd, false, "the controller program, for instance another ipcontroller");
    add_words(table,
              {"engine-cmd", "LocalEngineSetLauncher.engine_cmd", "LocalEngineLauncher.engine_cmd",
               "EngineLauncher.engine_cmd"},
              options.engine_cmd, false, "the engine program, for instance 'python3 -m camshaft.engine'");
    add_words(table, {"engine-args", "LocalEngineSetLauncher.engine_args", "EngineLauncher.engine_args"},
              options.engine_args, true, "further arguments of engines");
    add_words(table, cluster_trait({"controller-args"}, "controller_args"), options.controller_args, true,
              "further arguments of the controller");
    table.boolean({"no-template"}, options.no_template, "start each engine afresh, not as a fork of one that is ready");
    table.text({"template-imports"}, options.template_imports, "what forked engines have imported once and share",
               "modules such as numpy,scipy");
    const auto restarts = [this](std::string_view value) {
      const bool number = !value.empty() && value.size() < 7 && value.find_first_not_of("0123456789") == value.npos;
      if (number) options.restart_engines = std::stoi(std::string(value));
      if (value == "True") options.restart_engines = kRestarts;
      if (value == "False") options.restart_engines = 0;
      return number || value == "True" || value == "False";
    };
    table.add({{"restart-engines"},
               "start engines that die again, each so often in a row (5 when no number is given)",
               "a whole number",
               restarts,
               true,
               "0"});
    table.integer(cluster_trait({}, "engine_timeout"), options.engine_timeout_s, 1, 86400,
                  "seconds in which all engines must be up");
    table.integer({"IPClusterEngines.early_shutdown", "IPClusterStart.early_shutdown"}, options.early_shutdown_s, 0,
                  kAny, "seconds in which the end of all engines counts as a failed start");
    table.real(cluster_trait({"delay"}, "delay"), delay, 0,
               "has no effect: engines start as soon as the controller is ready");
    table.boolean({"all"}, options.all, "stop, clean: all clusters or profiles");
    table.boolean({"force"}, options.force, "clean: also clusters that run");
    table.boolean({"dry-run"}, options.dry_run, "print the commands and job scripts of a start, and start nothing");
    table.choice({"o", "IPClusterList.output_format"}, format, {"text", "json"},
                 "list, config, doctor: form of the output");
    table.integer(
        {"signal", "IPClusterStop.signal"}, options.stop_signal, 0, 64,
        "stop: a signal that engines and controller get at once, 9 to give them no time; 0: none, they are asked");
    table.add({{"clusterfile", "f"},
               "a cluster file of 2008, with the dictionaries controller and engines; the same as --config",
               "a file name",
               [this](std::string_view value) {
                 options.config_files.emplace_back(value);
                 return true;
               },
               false,
               ""});
    table.boolean({"reset"}, options.reset, "create: also overwrite configuration files that are there");
    table.boolean({"IPClusterStop.all_cluster_ids", "IPClusterClean.all_profiles"}, options.all, "the same as --all");
    table.boolean({"IPClusterClean.force"}, options.force, "the same as --force");
    table.boolean({"user"}, ignored, "nbextension: has no effect");
    table.boolean({"Cluster.load_profile"}, ignored, "has no effect here: the profile's files are always read");
    table.boolean({"Cluster.send_engines_connection_env"}, ignored,
                  "has no effect: engines get the connection's data whenever their launcher can hand it over");
    table.add_further(launchers.further());
    add_common(table,
               {"IPCluster", "IPClusterEngines", "IPClusterStart", "IPClusterStop", "IPClusterList", "IPClusterClean"},
               choice, options);
  }
};

}  // namespace

std::string cluster_config_file() { return Everything().table.config_file(); }

Result<ClusterOptions> parse_cluster_options(std::span<const char* const> arguments, const cluster::Environment& env,
                                             std::span<const Setting> settings) {
  Everything all;
  ClusterOptions& options = all.options;
  auto parsed = all.table.parse(arguments, with_environment(settings, env));
  if (!parsed) return parsed.error();
  if (!take_parsed(*parsed, options)) return options;
  auto& words = parsed->positional;
  if (words.empty() && arguments.empty()) {
    options.text = "";
    return Error{Errc::bad_value,
                 "say what to do: start, engines, stop, list or clean; create, config or doctor (ipcluster --help)"};
  }
  options.command = words.empty() ? "start" : words.front();
  if (!words.empty()) words.erase(words.begin());
  if (std::find(kCommands.begin(), kCommands.end(), options.command) == kCommands.end()) {
    const auto nearest = std::min_element(kCommands.begin(), kCommands.end(), [&](const auto& a, const auto& b) {
      return edit_distance(options.command, a) < edit_distance(options.command, b);
    });
    return Error{Errc::bad_value, fmt::format("unknown command '{}'; did you mean 'ipcluster {}'? (of {})",
                                              options.command, *nearest, fmt::join(kCommands, ", "))};
  }
  if (options.command == "stop") {
    options.cluster_ids = words;
  } else if (options.command == "config" || options.command == "nbextension") {
    options.words = words;
  } else if (!words.empty()) {
    return Error{Errc::bad_value, fmt::format("'{}' is not an option of ipcluster {}: options start with --",
                                              words.front(), options.command)};
  }
  for (const std::string& id : options.cluster_ids) {
    if (auto fine = cluster::check_cluster_id(id); !fine) return fine.error();
  }
  options.controller_args.insert(options.controller_args.end(), parsed->after_dashes.begin(),
                                 parsed->after_dashes.end());
  options.json = all.format == "json";
  auto& unknown = options.unknown_launchers;
  if (auto done = all.engines.resolve(cluster::Role::engines, all.launchers, options.engine_launcher, unknown); !done) {
    return done.error();
  }
  if (auto done =
          all.controller.resolve(cluster::Role::controller, all.launchers, options.controller_launcher, unknown);
      !done) {
    return done.error();
  }
  if (auto done = finish_common(all.choice, env, options); !done) return done.error();
  return options;
}

}  // namespace camshaft::apps
