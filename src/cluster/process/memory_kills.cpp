#include "cluster/process/memory_kills.hpp"

#include <fstream>
#include <string>
#include <system_error>
#include <utility>

namespace camshaft::cluster {
namespace {

namespace fs = std::filesystem;

/// The value of a line "oom_kill N", or the only value of memory.failcnt.
std::optional<std::uint64_t> kills_in(const fs::path& file) {
  std::ifstream lines(file);
  std::uint64_t value = 0;
  if (file.filename() == "memory.failcnt") return lines >> value ? std::optional(value) : std::nullopt;
  std::string name;
  while (lines >> name) {
    if (!(lines >> value)) return std::nullopt;
    if (name == "oom_kill") return value;
  }
  return std::nullopt;
}

}  // namespace

MemoryKills::MemoryKills(fs::path root) : root_(std::move(root)), own_(source("self")) { begin(own_); }

/// The finest file that has the count. Lines of /proc/<process>/cgroup: "0::/path", "4:memory:/path". In a container
/// the path may be that of the host, and what is mounted is the container's own group.
fs::path MemoryKills::source(const fs::path& process) const {
  std::ifstream groups(root_ / "proc" / process / "cgroup");
  const fs::path mounted = root_ / "sys/fs/cgroup";
  std::string line;
  while (std::getline(groups, line)) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos || second + 2 > line.size()) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 2);  // without its leading slash
    if (controllers.empty()) {
      for (const fs::path& folder : {mounted / group, mounted}) {
        if (auto file = folder / "memory.events"; kills_in(file)) return file;
      }
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      for (const fs::path& folder : {mounted / "memory" / group, mounted / "memory"}) {
        for (const char* name : {"memory.oom_control", "memory.failcnt"}) {
          if (auto file = folder / name; kills_in(file)) return file;
        }
      }
    }
  }
  return root_ / "proc/vmstat";
}

void MemoryKills::begin(const fs::path& file) {
  const auto [counts, is_new] = counts_.try_emplace(file);
  if (is_new) counts->second.before = counts->second.last = kills_in(file).value_or(0);
}

void MemoryKills::follow(int pid) {
  const fs::path process = std::to_string(pid);
  std::error_code ignored;
  if (!fs::exists(root_ / "proc" / process / "cgroup", ignored)) return;
  const fs::path& file = files_[pid] = source(process);
  begin(file);
}

bool MemoryKills::lately(int pid) const {
  const auto followed = files_.find(pid);
  const fs::path& file = followed == files_.end() ? own_ : followed->second;
  return kills_in(file).value_or(0) > counts_.at(file).before;
}

void MemoryKills::forget() {
  std::map<fs::path, Counts> kept;
  std::error_code ignored;
  std::erase_if(files_,
                [&](const auto& one) { return !fs::exists(root_ / "proc" / std::to_string(one.first), ignored); });
  for (auto& [file, counts] : counts_) {
    bool used = file == own_;
    for (const auto& [pid, other] : files_) used = used || other == file;
    if (!used) continue;
    counts.before = std::exchange(counts.last, kills_in(file).value_or(counts.last));
    kept.emplace(file, counts);
  }
  counts_ = std::move(kept);
}

}  // namespace camshaft::cluster
