// apps/ipcluster_options.hpp: everything that can be said to ipcluster.
// Thread: pure. Owns: nothing. Errors: one line that names the option or command.
#pragma once
#include <string>
#include <vector>

#include "apps/controller_options.hpp"
#include "cluster/commands.hpp"

namespace camshaft::apps {

/// A name that is none of ours.
struct UnknownLauncher {
  cluster::Role role;
  std::string name;
  nlohmann::json options;
  std::string message;  // for the user, if nobody knows it
};

struct ClusterOptions : CommonOptions {
  std::string command;  // start, engines, stop, list, clean, create, config, doctor, nbextension
  int n = 0;            // 0 = as many engines as cores
  std::string controller_ip, controller_location;
  std::vector<std::string> controller_args;  // also what follows --
  std::vector<std::string> controller_cmd;   // empty = ipcontroller beside this program, or in PATH
  std::vector<std::string> engine_cmd;       // empty = ipengine likewise
  std::vector<std::string> engine_args;
  bool no_template = false;      // each engine is started afresh, not forked
  std::string template_imports;  // modules, separated by commas
  cluster::Launcher engine_launcher, controller_launcher;
  std::vector<UnknownLauncher> unknown_launchers;  // Python may know them
  int restart_engines = 0;                         // how often in a row each that dies is started again
  int engine_timeout_s = 60;
  int early_shutdown_s = 30;
  int stop_signal = 0;  // what engines and controller get at once when stopped; 0: nothing
  bool daemonize = false;
  bool all = false;
  bool force = false;
  bool dry_run = false;
  bool json = false;
  bool reset = false;
  std::vector<std::string> cluster_ids;  // stop ID ...
  std::vector<std::string> words;        // what follows config and nbextension
};

/// `arguments` without the program's name. No command but options, such as -n 4, means start.
/// `settings` are what configuration files say.
Result<ClusterOptions> parse_cluster_options(std::span<const char* const> arguments, const cluster::Environment& env,
                                             std::span<const Setting> settings = {});
/// ipcluster_config.py with every trait and its default, commented out.
std::string cluster_config_file();

}  // namespace camshaft::apps
