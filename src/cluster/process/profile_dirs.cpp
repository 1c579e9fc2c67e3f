#include "cluster/process/profile_dirs.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace camshaft::cluster {
namespace fs = std::filesystem;
namespace {

Result<Done> make(const fs::path& dir, mode_t mode) {
  struct stat now = {};
  if (::mkdir(dir.c_str(), mode) != 0 && errno != EEXIST) {
    return Error{Errc::unavailable, fmt::format("cannot make {}: {}", dir.string(), std::strerror(errno))};
  }
  if (::stat(dir.c_str(), &now) != 0 || !S_ISDIR(now.st_mode)) {
    return Error{Errc::unavailable, fmt::format("{} is in the way: it is not a folder", dir.string())};
  }
  if ((now.st_mode & 07777) != mode && ::chmod(dir.c_str(), mode) != 0 && (now.st_mode & 077 & ~mode) != 0) {
    return Error{Errc::unavailable, fmt::format("{} can be read by others and its mode cannot be changed: {}",
                                                dir.string(), std::strerror(errno))};
  }
  return Done{};
}

}  // namespace

Result<Done> create_profile(const Profile& profile) {
  std::error_code failure;
  fs::create_directories(profile.dir, failure);
  if (failure) {
    return Error{Errc::unavailable, fmt::format("cannot make {}: {}", profile.dir.string(), failure.message())};
  }
  return make(profile.security_dir(), 0700)
      .and_then([&](Done) { return make(profile.log_dir(), 0755); })
      .and_then([&](Done) { return make(profile.pid_dir(), 0700); });
}

}  // namespace camshaft::cluster
