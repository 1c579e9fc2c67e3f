#include "apps/ipcluster_start.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>

#include "apps/dry_run.hpp"
#include "apps/progress_line.hpp"
#include "apps/python_program.hpp"
#include "apps/signals.hpp"
#include "cluster/batch/submission.hpp"
#include "cluster/process/files.hpp"
#include "cluster/process/pid_file.hpp"
#include "cluster/process/profile_dirs.hpp"
#include "core/open_files.hpp"
#include "service/cluster_service.hpp"

namespace camshaft::apps {
namespace {

namespace action = cluster::action;

void fail(std::string_view message) { fmt::print(stderr, "ipcluster: {}\n", message); }

/// Lines for the user; with --quiet only trouble is told.
class Console final {
 public:
  explicit Console(Level least) : quiet_(least > Level::info), line_(stdout, ::isatty(STDOUT_FILENO) == 1) {}
  void say(std::string_view text) {
    if (quiet_) return;
    line_.clear();
    fmt::print("{}\n", text);
    std::fflush(stdout);
  }
  void progress(int ready, int wanted) {
    if (!quiet_) line_.update(ready, wanted);
  }
  void trouble(const service::ClusterReport& report) {
    line_.clear();
    fail(report.message);
    if (!report.log_tail.empty()) {
      fmt::print(stderr, "--- last lines of {} ---\n{}\n---\n", report.log_file, report.log_tail);
    }
  }

 private:
  bool quiet_;
  ProgressLine line_;
};

std::string log_path(const ClusterOptions& options) {
  const std::string id = options.cluster_id.empty() ? "" : options.cluster_id + "-";
  return (options.profile.log_dir() / fmt::format("ipcluster-{}{}.log", id, ::getpid())).string();
}

/// --log-to-file: what is said from now on goes there.
Result<Done> send_output_to(const std::string& path) {
  const cluster::Descriptor log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (log.get() < 0) {
    return Error{Errc::unavailable, fmt::format("--log-to-file: cannot write {}: {}", path, std::strerror(errno))};
  }
  fmt::print(stderr, "Sending logs to {}\n", path);
  std::fflush(nullptr);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
  return Done{};
}

/// SIGUSR1 and SIGUSR2 go on to the engines.
class RelayedSignals final {
 public:
  RelayedSignals() {
    sigset_t mask;
    ::sigemptyset(&mask);
    ::sigaddset(&mask, SIGUSR1);
    ::sigaddset(&mask, SIGUSR2);
    ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
    fd_ = cluster::Descriptor(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  int descriptor() const { return fd_.get(); }
  int take() const {
    signalfd_siginfo info = {};
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  cluster::Descriptor fd_;
};

/// What the process in the foreground waits for: the other one's output, a zero byte when it is up.
class Background final {
 public:
  /// Returns in the child with an object to call up() on, in the parent with the exit code.
  static std::optional<int> enter(Background& background) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child > 0) {
      ::close(ends[1]);
      return follow(child, ends[0]);
    }
    ::close(ends[0]);
    ::setsid();
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    background.up_ = cluster::Descriptor(ends[1]);
    return std::nullopt;
  }
  /// Lets the one in the foreground go; from now on output goes to `log_file`.
  void up(const std::string& log_file) {
    if (up_.get() < 0) return;
    std::fflush(nullptr);
    const cluster::Descriptor log(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    const cluster::Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const int output = log.get() >= 0 ? log.get() : nothing.get();
    ::dup2(nothing.get(), STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    (void)!::write(up_.get(), "", 1);
    up_.reset();
  }

 private:
  static int follow(pid_t child, int from) {
    std::array<char, 4096> buffer{};
    bool is_up = false;
    for (;;) {
      const ssize_t got = ::read(from, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      std::string_view text(buffer.data(), static_cast<std::size_t>(got));
      if (text.back() == '\0') {
        is_up = true;
        text.remove_suffix(1);
      }
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    }
    if (is_up) return 0;
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailed;
  }
  cluster::Descriptor up_;
};

Result<std::vector<std::string>> command_of(const std::vector<std::string>& given, const std::string& program,
                                            const std::string& option) {
  if (!given.empty()) return given;
  const auto found = cluster::find_program(program);
  if (found) return std::vector<std::string>{found->string()};
  return Error{Errc::not_found, fmt::format("cannot find {}, neither beside ipcluster nor in PATH; say where with "
                                            "--{}=...",
                                            program, option)};
}

/// Beside this program or in PATH; a name that is nowhere is reported when it is started.
std::string program_path(const std::string& name) {
  const auto found = cluster::find_program(name);
  return found ? found->string() : name;
}

constexpr Duration kPatience = std::chrono::seconds(30);

/// Names that are none of ours may be entry points of installed Python packages.
Result<Done> ask_for_launchers(ClusterOptions& options) {
  for (auto& [role, name, its_options, message] : options.unknown_launchers) {
    const bool controller = role == cluster::Role::controller;
    const auto answer =
        ask_python({"camshaft.foreign_launcher", "--find", name, controller ? "controller" : "engines"}, kPatience);
    if (!answer || answer->exit_code != 0) return Error{Errc::not_found, message};
    cluster::Launcher& launcher = controller ? options.controller_launcher : options.engine_launcher;
    launcher = {answer->output.substr(0, answer->output.find('\n')), its_options};
  }
  return Done{};
}

Result<service::ClusterConfig> config_of(const ClusterOptions& options, bool with_controller) {
  service::ClusterConfig config;
  auto engine = command_of(options.engine_cmd, "ipengine", "engine-cmd");
  if (!engine) return engine.error();
  if (with_controller) {
    auto controller = command_of(options.controller_cmd, "ipcontroller", "controller-cmd");
    if (!controller) return controller.error();
    config.plan.controller_cmd = std::move(*controller);
  }
  config.plan.engine_launcher = options.engine_launcher;
  config.plan.controller_launcher = options.controller_launcher;
  // What the launcher would choose by itself elsewhere is not to be taken from here.
  if (!options.engine_cmd.empty()) config.plan.engine_launcher.options["engine_cmd"] = options.engine_cmd;
  if (!options.controller_cmd.empty())
    config.plan.controller_launcher.options["controller_cmd"] = options.controller_cmd;
  config.plan.tether_cmd = {program_path("ipcluster"), "tether"};
  config.plan.python_cmd = {find_python().value_or("python3").string()};
  config.plan.engine_cmd = std::move(*engine);
  config.plan.profile = options.profile;
  config.plan.cluster_id = options.cluster_id;
  config.plan.controller_args = options.controller_args;
  config.plan.controller_ip = options.controller_ip;
  config.plan.controller_location = options.controller_location;
  config.plan.engine_args = options.engine_args;
  if (!options.log_url.empty()) {
    const std::string forward = "--log-url=" + options.log_url;
    config.plan.controller_args.insert(config.plan.controller_args.begin(), forward);
    config.plan.engine_args.insert(config.plan.engine_args.begin(), forward);
  }
  config.plan.launcher_pid = ::getpid();
  config.plan.fork_engines = options.engine_cmd.empty() && !options.no_template;
  config.plan.template_imports = options.template_imports;
  config.limits.restarts.most = options.restart_engines;
  config.limits.engine_timeout = std::chrono::seconds(options.engine_timeout_s);
  return config;
}

/// One run of `ipcluster start` or `ipcluster engines`.
class Run final {
 public:
  Run(const ClusterOptions& options, int n, service::ClusterConfig config, Background& background)
      : options_(options),
        n_(n),
        starts_controller_(options.command == "start"),
        background_(background),
        console_(options.log_level),
        loop_(clock_),
        cluster_(context_, loop_, std::move(config), [this](const auto& report) { on_report(report); }) {}

  int run() {
    loop_.on_readable(signals_.descriptor(), [this] { on_stop_signal(); });
    loop_.on_readable(relayed_.descriptor(), [this] {
      if (const int number = relayed_.take(); number != 0) cluster_.signal_engines(std::nullopt, number);
    });
    began_ = clock_.now();
    auto started = starts_controller_ ? cluster_.start_controller() : cluster_.adopt_controller();
    if (!started) {
      fail(started.error().message);
      return kExitFailed;
    }
    const std::string what = starts_controller_ ? "a controller and " : "";
    console_.say(fmt::format("IPython cluster: starting {}{} engine{} on profile '{}'{}", what, n_, n_ == 1 ? "" : "s",
                             options_.profile.label(),
                             options_.cluster_id.empty() ? "" : fmt::format(", id '{}'", options_.cluster_id)));
    const auto unix_seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch());
    cluster_.start_engines(std::to_string(unix_seconds.count()), n_);
    if (options_.daemonize && options_.engine_launcher.queued())
      leave_when_submitted(std::to_string(unix_seconds.count()));
    if (!done_) loop_.run();
    return exit_code_;
  }

 private:
  void on_stop_signal() {
    const std::string name = signals_.read_name();
    if (stopping_) {  // somebody is in a hurry
      console_.say("IPython cluster: killing what is left");
      finish(kExitFailed);
      return;
    }
    stop("IPython cluster: stopping");
  }
  void stop(std::string_view line) {
    if (stopping_) return;
    stopping_ = true;
    console_.say(line);
    cluster_.stop();
  }
  void finish(int code) {
    if (code != 0) exit_code_ = code;
    done_ = true;
    loop_.stop();
  }

  void on_report(const service::ClusterReport& report) {
    if (const auto* one = std::get_if<action::Progress>(&report.what)) console_.progress(one->ready, one->wanted);
    if (std::holds_alternative<action::EnginesReady>(report.what)) on_ready();
    if (const auto* one = std::get_if<action::EnginesFailed>(&report.what)) {
      (void)one;
      exit_code_ = kExitFailed;
      console_.trouble(report);
      stop("IPython cluster: stopping, because not all engines came up");
    }
    if (const auto* one = std::get_if<action::ControllerStopped>(&report.what); one != nullptr && !one->expected) {
      const bool shut_down = one->was_ready && one->exit == cluster::Exit{};
      if (!shut_down) {
        exit_code_ = kExitFailed;
        console_.trouble(report);
      }
      stop(shut_down ? "IPython cluster: stopping, because the controller was shut down"
                     : "IPython cluster: stopping, because there is no controller");
    }
    if (const auto* one = std::get_if<action::EngineStopped>(&report.what)) on_engine_end(*one, report);
    if (const auto* one = std::get_if<action::EngineRestarted>(&report.what)) {
      console_.say(fmt::format("IPython cluster: engine process {} of set {} was started again", one->engine.index,
                               one->engine.set));
    }
    if (std::holds_alternative<action::AllStopped>(report.what)) {
      console_.say("IPython cluster: stopped");
      finish(0);
    }
  }

  void on_ready() {
    ready_at_ = clock_.now();
    const double seconds = std::chrono::duration<double>(ready_at_ - began_).count();
    console_.say(fmt::format("IPython cluster: started, {} engine{} in {:.2f} s", n_, n_ == 1 ? "" : "s", seconds));
    if (starts_controller_) console_.say(connect_hint(options_.profile, options_.cluster_id));
    const std::string stop_line = "ipcluster stop" + selection(options_.profile, options_.cluster_id);
    if (options_.daemonize) {
      if (!left_) leave();
    } else {
      console_.say(starts_controller_ ? fmt::format("Stop with Ctrl-C, or from elsewhere: {}", stop_line)
                                      : "Stop these engines with Ctrl-C");
    }
  }

  /// Lets the one in the foreground go.
  void leave() {
    if (starts_controller_) {
      console_.say(fmt::format("Leaving cluster running: {}\nStop it with: ipcluster stop{}",
                               cluster::cluster_file_path(options_.profile, options_.cluster_id).string(),
                               selection(options_.profile, options_.cluster_id)));
    }
    background_.up(log_path(options_));
  }

  /// A queue may take hours: the jobs are there once their ids are written down.
  void leave_when_submitted(const std::string& set) {
    cluster::batch::Request request;
    request.profile_dir = options_.profile.dir.string();
    request.cluster_id = options_.cluster_id;
    request.set = set;
    submitted_timer_ = loop_.every(std::chrono::milliseconds(50), [this, file = request.jobs_file()] {
      std::error_code ignored;
      if (left_ || !std::filesystem::exists(file, ignored)) return;
      console_.say(fmt::format("IPython cluster: {} engines wait in the queue of {}; they join as it gives them places",
                               n_, options_.engine_launcher.name));
      leave();
      left_ = true;
      loop_.cancel(submitted_timer_);
    });
  }

  void on_engine_end(const action::EngineStopped& end, const service::ClusterReport& report) {
    if (end.expected || !end.was_ready) return;
    const bool ended_well = end.exit == cluster::Exit{};
    if (ended_well)
      console_.say(report.message);
    else
      console_.trouble(report);
    if (end.left > 0 || end.attempt > 0 || stopping_) return;
    const bool early = clock_.now() - ready_at_ < std::chrono::seconds(options_.early_shutdown_s);
    if (!starts_controller_) {
      exit_code_ = ended_well ? 0 : kExitFailed;
      stop("IPython cluster: all engines have ended");
    } else if (early && !ended_well) {
      exit_code_ = kExitFailed;
      stop("IPython cluster: stopping, because all engines ended right after they started");
    } else {
      console_.say("IPython cluster: no engine is left, the controller waits for new ones (ipcluster engines)");
    }
  }

  const ClusterOptions& options_;
  const int n_;
  const bool starts_controller_;
  Background& background_;
  Console console_;
  SignalDescriptor signals_;  // before the context's threads, so that they leave signals to it
  RelayedSignals relayed_;
  SystemClock clock_;
  net::Context context_;
  net::Loop loop_;
  service::ClusterService cluster_;
  TimePoint began_{}, ready_at_{};
  int exit_code_ = 0;
  bool stopping_ = false;
  bool done_ = false;
  bool left_ = false;  // the one in the foreground went before all engines were there
  net::TimerId submitted_timer_{};
};

}  // namespace

std::string selection(const cluster::Profile& profile, const std::string& cluster_id) {
  const std::string label = profile.label();
  std::string out;
  if (label.front() == '/')
    out += " --profile-dir=" + label;
  else if (label != "default")
    out += " --profile=" + label;
  if (!cluster_id.empty()) out += " --cluster-id=" + cluster_id;
  return out;
}

std::string connect_hint(const cluster::Profile& profile, const std::string& cluster_id) {
  const std::string label = profile.label();
  std::string arguments;
  if (label.front() == '/')
    arguments = fmt::format("profile_dir=\"{}\"", label);
  else if (label != "default")
    arguments = fmt::format("profile=\"{}\"", label);
  if (!cluster_id.empty()) arguments += fmt::format("{}cluster_id=\"{}\"", arguments.empty() ? "" : ", ", cluster_id);
  return fmt::format("Connect from Python:\n    import camshaft as ipp\n    rc = ipp.Client({})", arguments);
}

int run_start(const ClusterOptions& given) {
  ClusterOptions options = given;
  if (const auto known = ask_for_launchers(options); !known) {
    fail(known.error().message);
    return kExitFailed;
  }
  const bool with_controller = options.command == "start";
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int n = cluster::engines_in_set(options.engine_launcher, options.n, cores);
  if (options.dry_run) {
    const auto would = config_of(options, with_controller);
    const auto text = would ? dry_run(would->plan, n, with_controller) : Result<std::string>(would.error());
    if (!text) {
      fail(text.error().message);
      return kExitFailed;
    }
    fmt::print("{}", *text);
    return 0;
  }
  if (with_controller) {
    const auto found = cluster::look_at(cluster::cluster_file_path(options.profile, options.cluster_id));
    if (found && found->running()) {
      fail(service::already_running(*found, options.profile));
      return kExitAlreadyRunning;
    }
    if (const auto made = cluster::create_profile(options.profile); !made) {
      fail(made.error().message);
      return kExitFailed;
    }
  }
  if (const auto why = too_few_files("engines", static_cast<std::size_t>(n), kFilesPerEngine, most_open_files())) {
    fail(*why);
    return kExitFailed;
  }
  Background background;
  if (options.daemonize) {
    if (const auto code = Background::enter(background)) return *code;
  }
  auto config = config_of(options, with_controller);  // names logs after the process that watches
  if (!config) {
    fail(config.error().message);
    return kExitFailed;
  }
  if (options.clean_logs) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(options.profile.log_dir(), ignored)) {
      const std::string name = entry.path().filename().string();
      const bool old = name.rfind("ipcontroller-", 0) == 0 || name.rfind("ipengine-", 0) == 0;
      if (old && !options.cluster_id.empty() && name.find(options.cluster_id) == std::string::npos) continue;
      if (old && entry.path().extension() == ".log") std::filesystem::remove(entry.path(), ignored);
    }
  }
  const cluster::PidFile pid_file(options.profile, with_controller ? "ipcluster" : "ipcluster-engines",
                                  options.cluster_id);
  if (options.log_to_file && !options.daemonize) {
    if (const auto sent = send_output_to(log_path(options)); !sent) {
      fail(sent.error().message);
      return kExitFailed;
    }
  }
  Run run(options, n, std::move(*config), background);
  return run.run();
}

}  // namespace camshaft::apps
