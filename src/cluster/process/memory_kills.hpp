// cluster/process/memory_kills.hpp: whether the kernel has killed processes here because memory ran out.
// Thread: one. Owns: nothing but the last counts. Errors: none; a kernel that does not tell counts as no.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace camshaft::cluster {

/// The kernel counts such kills for each control group, and over all. The finest count that can be read is used.
class MemoryKills final {
 public:
  /// `root`: where /proc and /sys are.
  explicit MemoryKills(std::filesystem::path root = "/");
  /// Whether there were any lately: since the forget() before the last, or the start.
  bool lately() const;
  /// To be called now and then: what happened long ago explains nothing.
  void forget();

 private:
  std::optional<std::uint64_t> count() const;
  std::filesystem::path file_;
  std::uint64_t before_ = 0, last_ = 0;
};

}  // namespace camshaft::cluster
