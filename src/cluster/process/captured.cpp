#include "cluster/process/captured.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

namespace camshaft::cluster {
namespace {
constexpr std::size_t kMost = 1 << 20;
}

Result<Captured> Captured::start(const ShortCommand& command) {
  if (command.argv.empty()) return Error{Errc::bad_value, "no program to start"};
  // A file without a name, so that nothing is left of it and no output is too long for it.
  Descriptor output(::memfd_create("output", MFD_CLOEXEC));
  if (output.get() < 0) {
    return Error{Errc::unavailable, fmt::format("cannot make a temporary file: {}", std::strerror(errno))};
  }
  Command full;
  full.argv = command.argv;
  if (!command.input.empty()) {
    full.argv = {"/bin/sh", "-c", "exec \"$@\" < \"$0\"", command.input.string()};
    full.argv.insert(full.argv.end(), command.argv.begin(), command.argv.end());
  }
  full.environment = command.environment;
  full.log_file = fmt::format("/proc/self/fd/{}", output.get());
  auto child = Child::start(full, nullptr);
  if (!child) return child.error();
  return Captured(std::move(*child), std::move(output));
}

void Captured::kill() const { child_.signal(SIGKILL); }

std::string Captured::output() const {
  std::string text;
  std::array<char, 65536> buffer{};
  while (text.size() < kMost) {
    const ssize_t got = ::pread(output_.get(), buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

Result<Ran> run(const ShortCommand& command, Duration timeout) {
  auto running = Captured::start(command);
  if (!running) return running.error();
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (const auto exit = running->poll()) return Ran{*exit, running->output()};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) break;
    pollfd one{running->descriptor(), POLLIN, 0};
    ::poll(&one, 1, static_cast<int>(std::min<long long>(left, 60'000)));
  }
  running->kill();
  pollfd one{running->descriptor(), POLLIN, 0};
  ::poll(&one, 1, 1000);
  (void)running->poll();
  return Error{Errc::timed_out, fmt::format("{} does not answer", command.argv.front())};
}

}  // namespace camshaft::cluster
