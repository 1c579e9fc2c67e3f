#include "service/spill_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace camshaft::service {
namespace {

Error failure(const std::filesystem::path& folder) {
  return {Errc::unavailable, fmt::format("a file in {}: {}", folder.string(), std::generic_category().message(errno))};
}

int open_nameless(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  // Some file systems know no files without a name; there it has one for a moment.
  std::string name = (folder / ".records-XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

SpillFile::~SpillFile() {
  if (file_ >= 0) ::close(file_);
}

Result<SpillFile::Extent> SpillFile::put(std::span<const std::string_view> pieces) {
  if (file_ < 0 && (file_ = open_nameless(folder_)) < 0) return failure(folder_);
  Extent extent{end_, 0};
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const ssize_t done = ::pwrite(file_, piece.data(), piece.size(), static_cast<off_t>(end_ + extent.size));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return failure(folder_);
      piece.remove_prefix(static_cast<std::size_t>(done));
      extent.size += static_cast<std::uint64_t>(done);
    }
  }
  end_ += extent.size;
  live_ += extent.size;
  return extent;
}

Result<std::string> SpillFile::take(const Extent& extent) {
  std::string bytes(extent.size, '\0');
  for (std::uint64_t at = 0; at < extent.size;) {
    const ssize_t done = ::pread(file_, bytes.data() + at, extent.size - at, static_cast<off_t>(extent.offset + at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return failure(folder_);
    at += static_cast<std::uint64_t>(done);
  }
  drop(extent);
  return bytes;
}

void SpillFile::drop(const Extent& extent) {
  // Where the file system cannot do this, the space comes back with the file's end.
  static_cast<void>(::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.offset),
                                static_cast<off_t>(extent.size)));
  live_ -= extent.size;
}

}  // namespace camshaft::service
