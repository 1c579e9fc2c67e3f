// service/spill_file.hpp: a nameless file that bytes wait in when there are too many of them for memory.
// Thread: one puts, one (maybe another) takes.
// Owns:   the file. It has no name, so that nothing of it is left behind, however the process ends.
// Errors: Errc::unavailable with the system's words.
#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace camshaft::service {

class SpillFile {
 public:
  struct Extent {
    std::uint64_t offset = 0, size = 0;  // bytes
  };
  /// The file is made in `folder` when it is first needed.
  explicit SpillFile(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Writes the pieces one after the other.
  Result<Extent> put(std::span<const std::string_view> pieces);
  /// Reads what was put there; the disk space is given back.
  Result<std::string> take(const Extent& extent);
  void drop(const Extent& extent);
  /// Bytes that were put and not taken yet.
  std::uint64_t size() const { return live_; }

 private:
  std::filesystem::path folder_;
  int file_ = -1;
  std::uint64_t end_ = 0;
  std::atomic<std::uint64_t> live_ = 0;
};

}  // namespace camshaft::service
