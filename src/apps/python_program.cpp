#include "apps/python_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "cluster/process/files.hpp"

extern char** environ;

namespace camshaft::apps {
namespace {

/// Reads until the end of the file, or gives up; nullopt = the time is over.
std::optional<std::string> read_all(int fd, Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  std::string text;
  std::array<char, 8192> buffer{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd one{fd, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
    if (ready <= 0) continue;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string interpreter_of(const std::string& script) {
  if (script.rfind("#!", 0) != 0) return "";
  const std::size_t end = script.find('\n');
  std::string first = script.substr(2, end == std::string::npos ? end : end - 2);
  first = first.substr(std::min(first.find_first_not_of(' '), first.size()));
  const std::size_t space = first.find(' ');
  const std::string program = first.substr(0, space);
  if (program.find("python") != std::string::npos) return program;
  const std::string_view exec = "'''exec' ";
  const std::size_t at = script.find(exec);
  if (at == std::string::npos) return "";
  std::string rest = script.substr(at + exec.size(), script.find('\n', at) - at - exec.size());
  if (!rest.empty() && rest.front() == '"') return rest.substr(1, rest.find('"', 1) - 1);
  return rest.substr(0, rest.find(' '));
}

std::optional<std::filesystem::path> find_python() {
  if (const auto engine = cluster::find_program("ipengine")) {
    std::ifstream file(*engine, std::ios::binary);
    std::string start(1024, '\0');
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    start.resize(static_cast<std::size_t>(file.gcount()));
    const std::filesystem::path python = interpreter_of(start);
    if (python.is_absolute() && ::access(python.c_str(), X_OK) == 0) return python;
  }
  return cluster::find_program("python3");
}

Result<Answer> ask_python(std::vector<std::string> arguments, Duration patience) {
  const auto python = find_python();
  if (!python) return Error{Errc::not_found, "there is no Python, neither beside this program nor in PATH"};
  arguments.insert(arguments.begin(), {python->string(), "-m"});
  std::vector<char*> argv;
  for (std::string& one : arguments) argv.push_back(one.data());
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error{Errc::unavailable, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  }
  const cluster::Descriptor from(ends[0]);
  cluster::Descriptor to(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  pid_t child = 0;
  const int failure = ::posix_spawn(&child, python->c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  to.reset();
  if (failure != 0) {
    return Error{Errc::unavailable, fmt::format("cannot run {}: {}", python->string(), std::strerror(failure))};
  }
  auto text = read_all(from.get(), patience);
  if (!text) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text) return Error{Errc::timed_out, "no answer in time"};
  return Answer{std::move(*text), WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)};
}

}  // namespace camshaft::apps
