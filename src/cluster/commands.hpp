// cluster/commands.hpp: what to run, with which arguments, environment and log file, to have a local cluster.
// Thread: pure functions. Owns: nothing. Errors: none, but for split_words (unbalanced quotes).
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/launchers.hpp"
#include "cluster/profile.hpp"
#include "core/result.hpp"

namespace camshaft::cluster {

/// One process to start.
struct Command {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;  // in addition to what the parent has
  std::filesystem::path log_file;                                // stdout and stderr, appended
  std::string work_dir;                                          // "" = the parent's
  bool operator==(const Command&) const = default;
};

/// What a local cluster is made of.
struct LocalPlan {
  Profile profile;
  std::string cluster_id;
  std::vector<std::string> controller_cmd;  // program and leading arguments
  std::vector<std::string> controller_args;
  std::string controller_ip, controller_location;
  std::vector<std::string> engine_cmd;
  std::vector<std::string> engine_args;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string work_dir;
  int launcher_pid = 0;          // part of the controller's log file name
  bool fork_engines = false;     // from a template process: engine_cmd is a program of ours
  std::string template_imports;  // modules that the template imports once, separated by commas
  Launcher engine_launcher, controller_launcher;
  std::vector<std::string> tether_cmd;  // "ipcluster tether"
  std::vector<std::string> python_cmd;  // runs launchers that are Python classes
  int engine_restarts = 0;              // how often in a row an engine elsewhere is started again where it died

  bool operator==(const LocalPlan&) const = default;
};

Command controller_command(const LocalPlan& plan);
/// Engine `index` of the set `set_id`; `connection` is the text of the engines' connection file, "" = let it look.
Command engine_command(const LocalPlan& plan, std::string_view set_id, int index, std::string_view connection);
/// What the template of forked engines says.
std::filesystem::path template_log_path(const LocalPlan& plan);

/// <security>/ipcontroller[-<id>]-client.json and -engine.json, cluster-<id>.json; <pid>/ipcluster-<id>.lock.
std::filesystem::path client_connection_path(const Profile& profile, std::string_view cluster_id);
std::filesystem::path engine_connection_path(const Profile& profile, std::string_view cluster_id);
std::filesystem::path cluster_file_path(const Profile& profile, std::string_view cluster_id);
/// <security>/engines-<id>-<pid>.json: the sets of one `ipcluster engines`, which joined the cluster.
std::filesystem::path joined_file_path(const Profile& profile, std::string_view cluster_id, int pid);
std::filesystem::path lock_path(const Profile& profile, std::string_view cluster_id);

/// The words of a command line; '...' and "..." hold spaces, a list such as ["a", "b"] is taken as it is.
Result<std::vector<std::string>> split_words(std::string_view text);

}  // namespace camshaft::cluster
