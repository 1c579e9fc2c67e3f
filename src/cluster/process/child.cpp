#include "cluster/process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

extern char** environ;

namespace camshaft::cluster {
namespace {

constexpr int kFirstFd = 3;  // of those that children get

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string boot_id() {
  std::string id = file_text("/proc/sys/kernel/random/boot_id");
  return id.substr(0, id.find('\n'));
}

int open_pidfd(int pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

/// Away from the descriptors that a child gets, so that setting those up never closes one of these.
int move_up(int fd) {
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 64);
  ::close(fd);
  return moved;
}

/// The parent's environment with the command's additions, as exec wants it.
class Environ {
 public:
  explicit Environ(const std::vector<std::pair<std::string, std::string>>& additions) {
    for (const auto& [name, value] : merged_environment(additions)) entries_.push_back(name + "=" + value);
    for (std::string& entry : entries_) pointers_.push_back(entry.data());
    pointers_.push_back(nullptr);
  }
  char** data() { return pointers_.data(); }

 private:
  std::vector<std::string> entries_;
  std::vector<char*> pointers_;
};

/// posix_spawn's two bags of settings, freed at the end.
struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Descriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Lifeline> Lifeline::make() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error{Errc::unavailable, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  }
  Lifeline lifeline;
  lifeline.read_ = Descriptor(move_up(ends[0]));
  lifeline.write_ = Descriptor(move_up(ends[1]));
  return lifeline;
}

std::map<std::string, std::string> merged_environment(
    const std::vector<std::pair<std::string, std::string>>& additions) {
  std::map<std::string, std::string> merged;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view entry = *one;
    const std::size_t equals = entry.find('=');
    if (equals != entry.npos) merged.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  for (const auto& [name, value] : additions) merged[name] = value;
  return merged;
}

Result<Child> Child::start(const Command& command, const Lifeline* lifeline, int channel,
                           const std::string& channel_name) {
  if (command.argv.empty()) return Error{Errc::bad_value, "no program to start"};
  SpawnSettings settings;
  auto* files = &settings.files;
  const Descriptor log(::open(command.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (log.get() < 0) {
    return Error{Errc::unavailable,
                 fmt::format("cannot write the log file {}: {}", command.log_file.string(), std::strerror(errno))};
  }
  const Descriptor high_log(::fcntl(log.get(), F_DUPFD_CLOEXEC, 64));
  ::posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(files, high_log.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(files, high_log.get(), STDERR_FILENO);
  auto environment = command.environment;
  int next_fd = kFirstFd;
  const auto give = [&](int descriptor, const std::string& name) {
    ::posix_spawn_file_actions_adddup2(files, descriptor, next_fd);
    environment.emplace_back(name, std::to_string(next_fd++));
  };
  if (lifeline != nullptr) give(lifeline->child_end(), "CAMSHAFT_LIFELINE_FD");
  if (channel >= 0) give(channel, channel_name);
  ::posix_spawn_file_actions_addclosefrom_np(files, next_fd);
  if (!command.work_dir.empty()) ::posix_spawn_file_actions_addchdir_np(files, command.work_dir.c_str());

  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
  ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> words = command.argv;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Environ environment_block(environment);
  pid_t pid = 0;
  const int failure = ::posix_spawnp(&pid, argv[0], files, &settings.attributes, argv.data(), environment_block.data());
  if (failure != 0) {
    const char* advice = failure == ENOENT ? " (is it installed, and the work folder there?)" : "";
    return Error{failure == ENOENT ? Errc::not_found : Errc::unavailable,
                 fmt::format("cannot start {}: {}{}", command.argv[0], std::strerror(failure), advice)};
  }
  // Nobody but us reaps this child, so its number cannot have been given away yet.
  Descriptor watch(open_pidfd(pid));
  if (watch.get() < 0) {
    const Error error{Errc::unavailable, fmt::format("cannot watch {}: {} (Linux 5.3 or newer is needed)",
                                                     command.argv[0], std::strerror(errno))};
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return error;
  }
  return Child({pid, birth_of(pid)}, std::move(watch));
}

bool Child::reap(int options) {
  siginfo_t info = {};
  while (::waitid(P_PID, static_cast<id_t>(id_.pid), &info, WEXITED | options) != 0) {
    if (errno == EINTR) continue;
    if (errno == ECHILD) exit_ = Exit{};
    return exit_.has_value();
  }
  if (info.si_pid == 0) return false;
  exit_ = info.si_code == CLD_EXITED ? Exit{info.si_status, 0} : Exit{128 + info.si_status, info.si_status};
  return true;
}

std::optional<Exit> Child::poll() {
  if (!exit_) reap(WNOHANG);
  return exit_;
}

Exit Child::wait() {
  if (!exit_) reap(0);
  return exit_.value_or(Exit{});
}

void Child::signal(int number) const {
  if (exit_) return;
  ::syscall(SYS_pidfd_send_signal, descriptor_.get(), number, nullptr, 0);
}

std::string birth_of(int pid) {
  const std::string stat = file_text(fmt::format("/proc/{}/stat", pid));
  std::size_t at = stat.rfind(')');  // the program's name may hold anything
  if (at == std::string::npos || stat.compare(at, 3, ") Z") == 0) return "";
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return "";
  return boot_id() + ":" + stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

ProcessId this_process() { return {::getpid(), birth_of(::getpid())}; }

bool alive(const ProcessId& process, std::string_view hint) { return open_process(process, hint).get() >= 0; }

Descriptor open_process(const ProcessId& process, std::string_view hint) {
  if (process.pid <= 0) return {};
  Descriptor descriptor(open_pidfd(process.pid));  // first the handle, then the look: what we look at cannot change
  if (descriptor.get() < 0) return {};
  const std::string birth = birth_of(process.pid);
  const bool same = process.birth.empty()
                        ? file_text(fmt::format("/proc/{}/cmdline", process.pid)).find(hint) != std::string::npos
                        : birth == process.birth;
  if (birth.empty() || !same || !signal_process(descriptor, 0)) return {};
  return descriptor;
}

Descriptor open_child_of(int parent, int pid) {
  Descriptor descriptor(open_pidfd(pid));  // before the look, see above
  const std::string stat = file_text(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat.rfind(')');  // "... (name) S <parent>"
  if (name_end == std::string::npos || name_end + 4 > stat.size()) return {};
  if (std::atoi(stat.c_str() + name_end + 4) != parent) return {};
  return descriptor;
}

bool signal_process(const Descriptor& process, int number) {
  return process.get() >= 0 &&
         (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0 || errno == EPERM);
}

bool wait_process(const Descriptor& process, Duration timeout) {
  if (process.get() < 0) return true;
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd one{process.get(), POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<long long>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace camshaft::cluster
