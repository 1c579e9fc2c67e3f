// apps/controller_options.hpp: everything that can be said to ipcontroller, parsed once into values.
// Thread: pure; files are only touched by read_session_key. Owns: nothing.
// Errors: one line that names the option; what this controller cannot do is an error where ignoring it could hurt
//         (encryption, a database), and a line in `notices` where it cannot.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/options.hpp"
#include "cluster/profile.hpp"
#include "core/log.hpp"
#include "core/result.hpp"
#include "net/curve.hpp"
#include "service/controller_config.hpp"
#include "service/record_stores.hpp"

namespace camshaft::apps {

/// What ipcontroller and ipcluster share.
struct CommonOptions {
  cluster::Profile profile;  // resolved; its folders are made by cluster::create_profile
  bool profile_given = false;
  std::string cluster_id;
  std::string work_dir;  // chdir there at start; "" = stay
  Level log_level = Level::info;
  bool log_to_file = false;  // <profile>/log/<program>-<cluster_id>-<pid>.log
  bool clean_logs = false;
  std::string log_url;                    // of an iplogger; "" = nobody else gets the log
  bool init = false;                      // --init: write configuration files first, where there are none
  bool generate_config = false;           // write this program's configuration file and do nothing else
  std::vector<std::string> config_files;  // --config
  std::vector<std::string> notices;       // lines to log as warnings
  std::vector<InForce> in_force;          // every option, and who said so
  std::string text;                       // help or version asked for: print it to stdout and exit 0
  bool shows_config = false;              // the text is what is in force: --show-config
};

struct ControllerOptions : CommonOptions {
  std::string engine_ip = "127.0.0.1";  // "*", 0.0.0.0: all addresses; ipc://PATH: unix sockets; no PATH: choose
  std::string client_ip = "127.0.0.1";
  std::string location;  // "" = this host's name
  int registration_port = 0;
  std::vector<int> engine_ports, client_ports, ports;
  std::string engine_ssh, client_ssh;  // only written into the connection files

  int ping_ms = 3000;
  int max_misses = 10;
  int registration_timeout_s = 0;    // 0 = max(30 s, 10 periods)
  std::string scheme = "leastload";  // a name, or LIBRARY:FUNCTION
  int hwm = service::kAutoHwm;       // 0 = unlimited
  int broadcast_depth = 1;

  bool reuse = false;
  bool restore = false;                  // implies reuse
  service::RecordOptions records;        // without the file of a database, which depends on the profile
  std::string db_location, db_filename;  // of SQLite; "" = the profile, and a file of its own for each session

  std::optional<std::string> key;  // nullopt = make one; "" = no signing
  std::string keyfile;             // see read_session_key
  std::string signature_scheme = "hmac-sha256";
  std::optional<net::CurveKeys> curve;  // encrypt connections
  std::string session;                  // --ident; "" = random
  std::string username;
  std::string engine_json_file, client_json_file;  // names of the connection files; "" = the usual ones

  /// The bound on a pending registration.
  int registration_timeout() const;
};

/// `arguments` without the program's name; `settings` are what configuration files say. `env` is asked for IPP_*, what
/// batch systems tell their jobs, IPYTHONDIR, HOME and USER only.
Result<ControllerOptions> parse_controller_options(std::span<const char* const> arguments,
                                                   const cluster::Environment& env,
                                                   std::span<const Setting> settings = {});
/// ipcontroller_config.py with every trait and its default, commented out.
std::string controller_config_file();

/// The key to sign with: that of `keyfile` when one is named, else `key`.
Result<std::optional<std::string>> read_session_key(const ControllerOptions& options);

/// The process environment.
cluster::Environment process_environment();

/// The options that every program has; `apps` are its classes in the original. `choice` and `options` must outlive
/// parse(); then call finish_common.
void add_common(OptionTable& table, const std::vector<std::string>& apps, cluster::ProfileChoice& choice,
                CommonOptions& options);
/// `settings` and, after them, what the environment says in their place.
std::vector<Setting> with_environment(std::span<const Setting> settings, const cluster::Environment& env);
/// Takes over what `parsed` says besides positionals. False when that is a text to print, and all there is to do.
bool take_parsed(Parsed& parsed, CommonOptions& options);
/// For programs whose arguments are all options: an error that names the first one that is not.
Result<Done> refuse_words(const Parsed& parsed);
/// Resolves the profile and checks the cluster id.
Result<Done> finish_common(const cluster::ProfileChoice& choice, const cluster::Environment& env,
                           CommonOptions& options);
/// Changes to the folder of --work-dir, if it was given.
Result<Done> enter_work_dir(const CommonOptions& options);

}  // namespace camshaft::apps
