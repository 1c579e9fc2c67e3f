// cluster/launchers.hpp: the table of launchers, and which processes of this machine each of them makes of a cluster.
// To whoever watches, everything is a process here: an engine, or a tether, which stands for engines that it brings up
// elsewhere (through mpiexec, ssh, a batch system), lives as long as they do, and ends with their fate.
// Thread: pure functions. Owns: nothing. Errors: Errc::bad_value with one line that names the launcher or the option.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace camshaft::cluster {

struct Command;
struct LocalPlan;

enum class Role { controller, engines };

/// How the controller, or a set of engines, is started.
struct Launcher {
  std::string name = "local";                         // of the table, or "module:Class" of somebody else's Python class
  nlohmann::json options = nlohmann::json::object();  // by the original's trait names, such as {"mpi_args": ["-v"]}
  bool operator==(const Launcher&) const = default;

  bool local() const { return name == "local"; }
  /// What waits in a queue before it starts, perhaps for hours, and on another machine.
  bool queued() const;
  bool foreign() const { return name.find(':') != std::string::npos; }
};

/// The launcher of that name for that role: a short name in any case ("mpi", "MPI"), the original's class name with or
/// without its module ("MPIEngineSetLauncher"), the one before that ("MPIExec"), or an import string of somebody
/// else's class ("module.Class", "module:Class"). Errc::not_found with the nearest and all names otherwise.
Result<Launcher> find_launcher(std::string_view name, Role role);
/// Short names of the launchers for that role.
std::vector<std::string> launcher_names(Role role);

/// The processes of a set of `n` engines; `connection` is the text of the engines' connection file, "" = let them look.
std::vector<Command> engine_processes(const LocalPlan& plan, std::string_view set_id, int n,
                                      std::string_view connection);
/// For engines elsewhere: "<launcher>:<restarts>:<set>" has ipengine run under a keeper of its own, which tells the
/// controller how it died and starts it again (python/camshaft/engine/keeper.py).
constexpr std::string_view kKeeperVariable = "CAMSHAFT_KEEPER";
/// How many those are.
int engine_process_count(const LocalPlan& plan, int n);
Command controller_process(const LocalPlan& plan);
/// How many engines a set has when `n` were asked for (0 = nobody said) on a machine with so many cores.
int engines_in_set(const Launcher& launcher, int n, int cores);

/// What a tether reads from CAMSHAFT_TETHER.
struct TetherSpec {
  Role role = Role::engines;
  Launcher launcher;
  int n = 1;
  std::string set;  // "" for a controller
  std::string cluster_id, profile_dir, work_dir;
  std::vector<std::string> argv;  // of one engine, or of the controller, as it would be started here
  int program_words = 0;          // of argv, the rest are arguments
  int restarts = 0;               // how often in a row an engine that dies is started again
  std::vector<std::pair<std::string, std::string>> environment;  // what each has to get
  bool operator==(const TetherSpec&) const = default;
};
std::string render(const TetherSpec& spec);
Result<TetherSpec> parse_tether_spec(std::string_view json);

/// Options of a launcher; "" or empty when not given. A list may also be written as a command line.
std::string text_option(const Launcher& launcher, const char* name);
int number_option(const Launcher& launcher, const char* name, int otherwise);
std::vector<std::string> words_option(const Launcher& launcher, const char* name);
std::vector<std::pair<std::string, std::string>> environment_option(const Launcher& launcher);

/// mpiexec with everything behind it.
std::vector<std::string> mpi_command(const TetherSpec& spec);

}  // namespace camshaft::cluster
