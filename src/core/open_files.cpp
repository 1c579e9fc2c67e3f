#include "core/open_files.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

namespace camshaft {

namespace {
constexpr std::size_t kOwn = 100;  // logs, databases, listening sockets
}

std::size_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = limit.rlim_max;
  }
  return limit.rlim_cur;
}

std::size_t most_open_files() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : static_cast<std::size_t>(-1);
}

std::optional<std::string> too_few_files(std::string_view peers, std::size_t count, std::size_t each,
                                         std::size_t limit) {
  const std::size_t needed = count * each + kOwn;
  if (needed <= limit) return std::nullopt;
  return fmt::format("{} {} need about {} open files; the limit is {}: raise it with 'ulimit -n {}' before the start",
                     count, peers, needed, limit, needed);
}

}  // namespace camshaft
