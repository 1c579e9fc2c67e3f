#include "apps/controller_program.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "apps/configuration.hpp"
#include "apps/console_log.hpp"
#include "apps/controller_options.hpp"
#include "apps/ipcluster_profile.hpp"
#include "apps/python_program.hpp"
#include "apps/signals.hpp"
#include "cluster/process/files.hpp"
#include "cluster/process/pid_file.hpp"
#include "cluster/process/profile_dirs.hpp"
#include "service/controller.hpp"
#include "service/fixed_ports.hpp"
#include "service/foreign_scheme.hpp"
#include "service/forwarding_log.hpp"
#include "service/ports.hpp"
#include "wire/connection_file.hpp"
#include "wire/message.hpp"

namespace camshaft::apps {
namespace {

/// The last line; where it cannot be written, as on a full disk, the exit status has to say it.
void complain(const std::string& message) { std::fprintf(stderr, "ipcontroller: %s\n", message.c_str()); }

int fail(const Error& error) {
  complain(error.message);
  return 2;
}

std::array<std::uint8_t, 16> random_bytes(std::random_device& device) {
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(device());
  return bytes;
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

service::RecordOptions record_options_of(const apps::ControllerOptions& options) {
  service::RecordOptions r = options.records;
  if (r.kind == service::RecordOptions::Kind::sqlite) {
    const std::filesystem::path folder =
        options.db_location.empty() ? options.profile.dir : std::filesystem::path(options.db_location);
    const bool go_on = options.reuse || options.restore;
    r.sqlite.file = !options.db_filename.empty()
                        ? folder / options.db_filename
                        : service::session_database(folder, options.cluster_id, SystemClock().wall(), go_on);
  }
  return r;
}

service::ControllerConfig config_of(const ControllerOptions& options, const std::optional<std::string>& key) {
  std::random_device device;
  const auto file = [&](const std::string& chosen, const std::filesystem::path& usual) {
    return chosen.empty() ? usual : options.profile.security_dir() / chosen;
  };
  service::ControllerConfig c;
  c.engine_ip = options.engine_ip;
  c.client_ip = options.client_ip;
  c.registration_port = options.registration_port;
  c.engine_ports = options.engine_ports;
  c.client_ports = options.client_ports;
  c.common_ports = options.ports;
  c.broadcast_depth = options.broadcast_depth;
  c.client_file = file(options.client_json_file, wire::client_file(options.profile.security_dir(), options.cluster_id));
  c.engine_file = file(options.engine_json_file, wire::engine_file(options.profile.security_dir(), options.cluster_id));
  c.engine_state_file = options.profile.log_dir() / ("engines" + options.cluster_id + ".json");
  c.location = options.location.empty() ? host_name() : options.location;
  c.client_ssh = options.client_ssh;
  c.engine_ssh = options.engine_ssh;
  c.reuse = options.reuse || options.restore;
  c.restore = options.restore;
  c.signature_scheme = options.signature_scheme;
  c.curve = options.curve;
  c.key = key ? *key : wire::hex_id(random_bytes(device));
  c.session = options.session.empty() ? wire::hex_id(random_bytes(device)) : options.session;
  c.username = options.username.empty() ? "username" : options.username;
  c.task_scheme = options.scheme;
  c.hwm = options.hwm;
  c.seed = (std::uint64_t{device()} << 32) | device();
  c.heart_period = std::chrono::milliseconds(options.ping_ms);
  c.max_misses = options.max_misses;
  c.registration_timeout = std::chrono::seconds(options.registration_timeout());
  c.records = record_options_of(options);
  c.find_python = find_python;
  return c;
}

/// How the names of unix sockets begin: what was said, else in the folder of the connection files, which is private;
/// else, as its path may be too long for the system, in a new private folder, which goes with this object.
class SocketPath final {
 public:
  SocketPath() = default;
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  ~SocketPath() {
    if (path_.empty()) return;
    // ZeroMQ leaves the files of its sockets behind.
    std::error_code ignored;
    const std::string start = path_.filename().string() + ":";
    std::vector<std::filesystem::path> sockets;
    for (const auto& entry : std::filesystem::directory_iterator(path_.parent_path(), ignored)) {
      if (entry.is_socket(ignored) && entry.path().filename().string().starts_with(start))
        sockets.push_back(entry.path());
    }
    for (const auto& socket : sockets) std::filesystem::remove(socket, ignored);
    if (!folder_.empty()) std::filesystem::remove(folder_, ignored);  // one that holds anything stays
  }
  Result<Done> choose(const ControllerOptions& options, service::ControllerConfig& config) {
    constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - sizeof(":65535");
    if (!service::is_path(config.client_ip)) return Done{};
    std::string path = config.client_ip.substr(std::string_view("ipc://").size());
    if (path.empty()) {
      const std::string id = options.cluster_id.empty() ? "" : "-" + options.cluster_id;
      path = (options.profile.security_dir() / ("socket" + id)).string();
      if (path.size() > kLongest) {
        std::string folder = (std::filesystem::temp_directory_path() / "camshaft-XXXXXX").string();
        if (::mkdtemp(folder.data()) == nullptr) {
          return Error{Errc::unavailable, fmt::format("cannot make a folder for sockets: {}", std::strerror(errno))};
        }
        if (!config.reuse) folder_ = folder;
        path = folder + "/socket";
      }
    }
    if (path.size() > kLongest) {
      return Error{Errc::bad_value, fmt::format("{} is too long for unix sockets: give a path of at most {} characters "
                                                "with --ip",
                                                path, kLongest)};
    }
    path_ = path;
    config.engine_ip = config.client_ip = "ipc://" + path;
    return Done{};
  }

 private:
  std::filesystem::path path_;
  std::string folder_;  // made for it, and not needed afterwards
};

// One controller for each pair of connection files: a second one would leave the first without a way to reach it.
Result<std::optional<cluster::ClusterLock>> lock_files(const ControllerOptions& options,
                                                       const service::ControllerConfig& config) {
  const auto path = options.profile.pid_dir() / (config.client_file.stem().string() + ".lock");
  auto lock = cluster::ClusterLock::take(path);
  if (lock) return std::optional(std::move(*lock));
  if (lock.error().code != Errc::unavailable) return std::optional<cluster::ClusterLock>();  // as on some network disks
  const std::string pid = cluster::ClusterLock::holder(path);
  return Error{Errc::unavailable,
               fmt::format("a controller{} runs already with the connection file {}: stop it, or choose another "
                           "--cluster-id or --profile",
                           pid.empty() ? "" : fmt::format(" (pid {})", pid), config.client_file.string())};
}

// <program>-[<cluster id>-]<pid>.log of controllers before this one. Those of launchers, which may still run, stay.
void remove_old_logs(const ControllerOptions& options) {
  const std::string start = "ipcontroller-" + (options.cluster_id.empty() ? "" : options.cluster_id + "-");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options.profile.log_dir(), ignored)) {
    const std::string name = entry.path().stem().string(), ending = entry.path().extension().string();
    if (ending != ".log" && ending != ".out" && ending != ".err") continue;
    if (name.rfind(start, 0) != 0 || name.find_first_not_of("0123456789", start.size()) != std::string::npos) continue;
    const std::string pid = name.substr(start.size());
    if (!pid.empty() && !std::filesystem::exists("/proc/" + pid)) std::filesystem::remove(entry.path(), ignored);
  }
}

// A function of the user's takes the place of the name.
Result<Done> set_scheme(service::ControllerConfig& config, const OwnScheme& own, Log& log) {
  if (own.chooser) {
    config.chooser = service::guarded(own.chooser, own.name, log);
  } else if (service::names_function(config.task_scheme)) {
    auto loaded = service::load_scheme(config.task_scheme);
    if (!loaded) return loaded.error();
    config.chooser = service::guarded(std::move(*loaded), config.task_scheme, log);
  }
  if (config.chooser) config.task_scheme = "custom";
  return Done{};
}

}  // namespace

int run_controller(std::span<const char* const> arguments, const OwnScheme& scheme) try {
  const auto parsed = parse_with_configuration("ipcontroller", [&](std::span<const Setting> settings) {
    return parse_controller_options(arguments, process_environment(), settings);
  });
  if (!parsed) return fail(parsed.error());
  const ControllerOptions& options = *parsed;
  if (!options.text.empty()) {
    fmt::print("{}", options.text);
    return 0;
  }
  const auto wrote = write_asked_config(options, "ipcontroller");
  if (!wrote) return fail(wrote.error());
  if (*wrote) return 0;
  if (const auto made = cluster::create_profile(options.profile); !made) return fail(made.error());
  const auto key = read_session_key(options);
  if (!key) return fail(key.error());
  if (const auto entered = enter_work_dir(options); !entered) return fail(entered.error());

  if (options.clean_logs) remove_old_logs(options);
  std::string log_file;
  if (options.log_to_file) {
    const std::string id = options.cluster_id.empty() ? "" : options.cluster_id + "-";
    log_file = (options.profile.log_dir() / fmt::format("ipcontroller-{}{}.log", id, getpid())).string();
    fmt::print(stderr, "Sending logs to {}\n", log_file);
  }
  ConsoleLog console("ipcontroller", options.log_level, log_file);
  SignalDescriptor signals;  // before any thread starts, so that all of them leave signals to it
  std::unique_ptr<service::ForwardingLog> forwarded;
  if (!options.log_url.empty())
    forwarded = std::make_unique<service::ForwardingLog>(console, options.log_url, "controller");
  Log& log = forwarded ? static_cast<Log&>(*forwarded) : console;
  for (const std::string& notice : options.notices) log.warning("{}", notice);

  SystemClock clock;
  service::ControllerConfig config = config_of(options, *key);
  if (const auto set = set_scheme(config, scheme, log); !set) return fail(set.error());
  const auto lock = lock_files(options, config);
  if (!lock) return fail(lock.error());
  const auto pause = [&signals](Duration time) {
    pollfd stop{signals.descriptor(), POLLIN, 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    return ::poll(&stop, 1, static_cast<int>(patience)) == 0;
  };
  if (!service::await_ports(config, pause, log)) {
    log.info("stopping: {}", signals.read_name());
    return 0;
  }
  SocketPath socket_path;  // goes after the controller
  if (const auto chosen = socket_path.choose(options, config); !chosen) return fail(chosen.error());
  const cluster::PidFile pid_file(options.profile, "ipcontroller", options.cluster_id);
  service::Controller controller(config, clock, log);
  controller.stop_when_readable(signals.descriptor(), [&] { log.info("stopping: {}", signals.read_name()); });
  if (const int lifeline = inherited_lifeline(); lifeline >= 0)
    controller.stop_when_readable(lifeline, [&] { log.info("stopping: the process that started this one is gone"); });
  controller.run();
  return 0;
} catch (const std::exception& error) {
  complain(error.what());
  return 1;
}

}  // namespace camshaft::apps
