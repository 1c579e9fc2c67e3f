#include "apps/tether.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <system_error>

#include "apps/signals.hpp"
#include "apps/tether_batch.hpp"
#include "apps/tether_mpi.hpp"
#include "apps/tether_ssh.hpp"
#include "cluster/batch/dialect.hpp"

namespace camshaft::apps {
namespace {

constexpr std::array kStopSignals = {SIGTERM, SIGHUP};
constexpr std::array kRelayed = {SIGINT, SIGUSR1, SIGUSR2};

sigset_t handled() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kStopSignals) ::sigaddset(&set, number);
  for (const int number : kRelayed) ::sigaddset(&set, number);
  return set;
}

/// Both ends of a pipe, none of which a child inherits by accident.
struct Pipe {
  cluster::Descriptor read, write;
  static Result<Pipe> make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return Error{Errc::unavailable, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
    }
    return Pipe{cluster::Descriptor(ends[0]), cluster::Descriptor(ends[1])};
  }
};

/// In the child, between fork and exec: nothing here allocates.
[[noreturn]] void become(char* const* argv, const char* work_dir, int in, int out, int err, int parent, int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);  // it ended before it could be noticed
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (in >= 0) ::dup2(in, STDIN_FILENO);
  if (out >= 0) ::dup2(out, STDOUT_FILENO);
  if (err >= 0) ::dup2(err, STDERR_FILENO);
  if (*work_dir == '\0' || ::chdir(work_dir) == 0) ::execvp(argv[0], argv);
  const int failure = errno;
  (void)!::write(report, &failure, sizeof failure);
  ::_exit(127);
}

}  // namespace

void tether_says(std::string_view line) {
  fmt::print(stderr, "ipcluster: {}\n", line);
  std::fflush(stderr);
}

int code_of(const cluster::Exit& exit) { return exit.signal != 0 ? 128 + exit.signal : exit.code; }

TetherLife::TetherLife() : loop_(clock_) {
  const sigset_t set = handled();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_ = cluster::Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals_.get() < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  loop_.on_readable(signals_.get(), [this] { on_signals(); });
  if (const int descriptor = inherited_lifeline(); descriptor >= 0) {
    lifeline_ = cluster::Descriptor(descriptor);
    loop_.on_readable(descriptor, [this] {
      loop_.forget(lifeline_.get());
      begin_stop();
    });
  }
}

void TetherLife::on_signals() {
  signalfd_siginfo info = {};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGTERM || number == SIGHUP)
      begin_stop();
    else if (relay_)
      relay_(number);
  }
}

void TetherLife::begin_stop() {
  if (stopping_) return;
  stopping_ = true;
  if (stop_)
    stop_();
  else
    finish(0);
}

int TetherLife::run() {
  if (!finished_) loop_.run();
  return code_;
}

void TetherLife::finish(int code) {
  if (finished_) return;
  finished_ = true;
  code_ = code;
  loop_.stop();
}

Result<TetherChild> TetherChild::start(const Settings& settings) {
  TetherChild child;
  Pipe in, out, err;
  for (Pipe* one : {&in, &out, &err}) {
    if (!settings.pipes) break;
    auto made = Pipe::make();
    if (!made) return made.error();
    *one = std::move(*made);
  }
  auto report = Pipe::make();
  if (!report) return report.error();
  std::vector<std::string> words = settings.argv;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::map<std::string, std::optional<std::string>> before;
  for (const auto& [name, value] : settings.environment) {
    const char* old = std::getenv(name.c_str());
    before.emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  const int parent = ::getpid();
  child.pid_ = ::fork();
  if (child.pid_ == 0) {
    become(argv.data(), settings.work_dir.c_str(), in.read.get(), out.write.get(), err.write.get(), parent,
           report->write.get());
  }
  const int fork_failure = errno;
  for (const auto& [name, value] : before) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
  if (child.pid_ < 0) return Error{Errc::unavailable, fmt::format("cannot fork: {}", std::strerror(fork_failure))};
  report->write.reset();
  int failure = 0;
  ssize_t got = 0;
  do {
    got = ::read(report->read.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    ::waitpid(child.pid_, nullptr, 0);
    return Error{failure == ENOENT ? Errc::not_found : Errc::unavailable,
                 fmt::format("cannot start {}: {}{}", settings.argv.front(), std::strerror(failure),
                             failure == ENOENT ? " (is it installed, and the work folder there?)" : "")};
  }
  child.watch_ = cluster::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  child.input_ = std::move(in.write);
  child.output_ = std::move(out.read);
  child.errors_ = std::move(err.read);
  return child;
}

std::optional<cluster::Exit> TetherChild::poll() {
  if (exit_) return exit_;
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, WNOHANG);
  if (got == 0) return std::nullopt;
  if (got < 0)
    exit_ = cluster::Exit{};
  else if (WIFSIGNALED(status))
    exit_ = cluster::Exit{128 + WTERMSIG(status), WTERMSIG(status)};
  else
    exit_ = cluster::Exit{WEXITSTATUS(status), 0};
  return exit_;
}

void TetherChild::signal(int number) const {
  if (!exit_ && pid_ > 0) ::kill(pid_, number);
}

int run_tether(std::string_view kind) {
  const char* text = std::getenv("CAMSHAFT_TETHER");
  const auto spec = cluster::parse_tether_spec(text != nullptr ? text : "");
  if (!spec) {
    tether_says(spec.error().message);
    return 2;
  }
  ::unsetenv("CAMSHAFT_TETHER");  // nobody below needs it, and it holds the key
  if (kind == "mpi") return run_mpi_tether(*spec);
  if (kind == "ssh") return run_ssh_tether(*spec);
  if (cluster::batch::find_dialect(kind) != nullptr) return run_batch_tether(*spec);
  tether_says(fmt::format("there is no tether of the kind '{}'", kind));
  return 2;
}

}  // namespace camshaft::apps
