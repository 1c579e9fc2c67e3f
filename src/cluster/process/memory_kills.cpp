#include "cluster/process/memory_kills.hpp"

#include <fstream>
#include <string>
#include <utility>

namespace camshaft::cluster {
namespace {

namespace fs = std::filesystem;

/// The value of a line "oom_kill N".
std::optional<std::uint64_t> kills_in(const fs::path& file) {
  std::ifstream lines(file);
  std::string name;
  std::uint64_t value = 0;
  while (lines >> name) {
    if (!(lines >> value)) return std::nullopt;
    if (name == "oom_kill") return value;
  }
  return std::nullopt;
}

/// The files that may have the count, the finest first. Lines of /proc/self/cgroup: "0::/path", "4:memory:/path".
fs::path source(const fs::path& root) {
  std::ifstream groups(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos || second + 2 > line.size()) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 2);  // without its leading slash
    if (controllers.empty()) {
      if (auto file = root / "sys/fs/cgroup" / group / "memory.events"; kills_in(file)) return file;
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      if (auto file = root / "sys/fs/cgroup/memory" / group / "memory.oom_control"; kills_in(file)) return file;
    }
  }
  return root / "proc/vmstat";
}

}  // namespace

MemoryKills::MemoryKills(fs::path root) : file_(source(root)), before_(count().value_or(0)), last_(before_) {}

std::optional<std::uint64_t> MemoryKills::count() const { return kills_in(file_); }

bool MemoryKills::lately() const { return count().value_or(0) > before_; }

void MemoryKills::forget() { before_ = std::exchange(last_, count().value_or(last_)); }

}  // namespace camshaft::cluster
