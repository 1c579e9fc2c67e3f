// cluster/process/memory_kills.hpp: whether the kernel has killed processes here because memory ran out.
// Thread: one. Owns: nothing but the last counts. Errors: none; a kernel that does not tell counts as no.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

namespace camshaft::cluster {

/// The kernel counts such kills for each control group (memory.events, or memory.oom_control of the first version, or
/// memory.failcnt of kernels that do not know better), and over all. For each process the finest count that can be read
/// is used.
class MemoryKills final {
 public:
  /// `root`: where /proc and /sys are.
  explicit MemoryKills(std::filesystem::path root = "/");
  /// Notes the group of a process that runs; of others nothing is known once they are dead, and the group of this
  /// process is taken for theirs.
  void follow(int pid);
  /// Whether there were any lately where `pid` is or was (0: this process): since the forget() before the last, or the
  /// first look.
  bool lately(int pid = 0) const;
  /// To be called now and then: what happened long ago explains nothing. Processes that are gone are forgotten.
  void forget();

 private:
  struct Counts {
    std::uint64_t before = 0, last = 0;
  };
  std::filesystem::path source(const std::filesystem::path& process) const;
  void begin(const std::filesystem::path& file);

  std::filesystem::path root_, own_;
  std::map<std::filesystem::path, Counts> counts_;  // by the file that has them
  std::map<int, std::filesystem::path> files_;      // of the processes that are followed
};

}  // namespace camshaft::cluster
