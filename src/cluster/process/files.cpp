#include "cluster/process/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

namespace camshaft::cluster {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kControllerHint = "controller";  // ipcontroller, ipyparallel.controller
constexpr std::string_view kEngineHint = "engine";

Error failed(std::string_view what, const fs::path& path) {
  return Error{errno == ENOENT ? Errc::not_found : Errc::unavailable,
               fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno))};
}

bool is_program(const fs::path& path) {
  struct stat about = {};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<std::string> read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed("read", path);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

Result<Done> write_text(const fs::path& path, std::string_view text) {
  const fs::path temporary = fmt::format("{}.{}.tmp", path.string(), ::getpid());
  ::unlink(temporary.c_str());
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return failed("write", path);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const Error error = failed("write", path);
      ::unlink(temporary.c_str());
      return error;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("write", path);
  return Done{};
}

std::string tail(const fs::path& path, int lines) {
  constexpr std::streamoff kMost = 64 * 1024;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kMost));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::size_t at = text.size();
  for (int i = 0; i < lines && at != std::string::npos && at > 0; ++i) at = text.rfind('\n', at - 1);
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

Result<ClusterLock> ClusterLock::take(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return failed("lock", path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Error{Errc::unavailable, fmt::format("{} is locked by another process", path.string())};
    }
    return Error{Errc::not_found, fmt::format("{} cannot be locked: {}", path.string(), std::strerror(errno))};
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) == 0) (void)!::write(file.get(), pid.data(), pid.size());
  return ClusterLock(path, std::move(file));
}

std::string ClusterLock::holder(const fs::path& path) {
  const auto text = read_text(path);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

ClusterLock::~ClusterLock() {
  // Explicitly, because a process forked from this one shares the lock and would keep it. The file stays: removing
  // it would let two processes hold locks on two files of the same name.
  if (file_.get() >= 0) ::flock(file_.get(), LOCK_UN);
}

bool controller_lives(const ProcessId& process) { return alive(process, kControllerHint); }
bool engine_lives(const ProcessId& process) { return alive(process, kEngineHint); }

namespace {

constexpr std::string_view kClusterStart = "cluster-", kJoinedStart = "engines-", kEnding = ".json";

std::optional<FoundCluster> look_at_file(const fs::path& path) {
  const auto text = read_text(path);
  if (!text) return std::nullopt;
  const auto record = parse_cluster_record(*text);
  if (!record) return std::nullopt;
  FoundCluster found{path, *record};
  found.supervisor_alive = alive(record->supervisor, record->supervisor_program);
  found.controller_alive = controller_lives(record->controller.process);
  for (const auto& [id, engines] : record->engine_sets) {
    const int each = record->engines_per_process(id);
    for (const auto& [index, engine] : engines) found.engines_alive += engine_lives(engine.process) ? each : 0;
  }
  return found;
}

/// The files in `folder` whose names begin so.
std::vector<fs::path> json_files(const fs::path& folder, std::string_view start) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().rfind(start, 0) == 0 && entry.path().extension() == kEnding) {
      files.push_back(entry.path());
    }
  }
  return files;
}

}  // namespace

std::optional<FoundCluster> look_at(const fs::path& cluster_file) {
  auto found = look_at_file(cluster_file);
  const std::string id = cluster_file.stem().string().substr(kClusterStart.size());
  for (const fs::path& path : json_files(cluster_file.parent_path(), fmt::format("{}{}-", kJoinedStart, id))) {
    auto one = look_at_file(path);
    if (!one || one->record.cluster_id != id) continue;
    one->engines_only = true;
    if (!found) {
      found = FoundCluster{cluster_file, {}};
      found->engines_only = true;
      found->record.cluster_id = id;
      found->record.profile_dir = one->record.profile_dir;
      found->record.engine_class = one->record.engine_class;
    }
    found->engines_alive += one->engines_alive;
    found->joined.push_back(std::move(*one));
  }
  return found;
}

std::vector<FoundCluster> clusters_of(const Profile& profile) {
  std::set<std::string> ids;
  for (const fs::path& path : json_files(profile.security_dir(), kClusterStart)) {
    ids.insert(path.stem().string().substr(kClusterStart.size()));
  }
  for (const fs::path& path : json_files(profile.security_dir(), kJoinedStart)) {
    if (const auto one = look_at_file(path)) ids.insert(one->record.cluster_id);
  }
  std::vector<FoundCluster> clusters;
  for (const std::string& id : ids) {
    if (auto found = look_at(cluster_file_path(profile, id))) clusters.push_back(std::move(*found));
  }
  return clusters;
}

std::vector<Profile> profiles_in(const fs::path& ipython_dir) {
  std::vector<Profile> profiles;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(ipython_dir, ignored)) {
    if (entry.path().filename().string().rfind("profile_", 0) != 0 || !entry.is_directory(ignored)) continue;
    profiles.push_back({ipython_dir, entry.path()});
  }
  std::sort(profiles.begin(), profiles.end(), [](const Profile& a, const Profile& b) { return a.dir < b.dir; });
  return profiles;
}

std::optional<fs::path> find_program(const std::string& name) {
  std::error_code failure;
  const fs::path self = fs::read_symlink("/proc/self/exe", failure);
  if (!failure && is_program(self.parent_path() / name)) return self.parent_path() / name;
  const char* path = std::getenv("PATH");
  std::string_view left = path != nullptr ? path : "";
  while (!left.empty()) {
    const std::size_t colon = std::min(left.find(':'), left.size());
    const fs::path candidate = fs::path(left.substr(0, colon)) / name;
    if (candidate.is_absolute() && is_program(candidate)) return candidate;
    left.remove_prefix(std::min(colon + 1, left.size()));
  }
  return std::nullopt;
}

}  // namespace camshaft::cluster
