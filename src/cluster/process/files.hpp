// cluster/process/files.hpp: cluster files, their locks, log tails and programs, on disk.
// Thread: any. Owns: a ClusterLock owns its lock. Errors: Result with one line naming the file.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_file.hpp"
#include "cluster/process/child.hpp"
#include "core/result.hpp"

namespace camshaft::cluster {

Result<std::string> read_text(const std::filesystem::path& path);
/// Mode 0600, under a temporary name first: readers never see half a file.
Result<Done> write_text(const std::filesystem::path& path, std::string_view text);
/// At most `lines` last lines of a file, without the last newline; "" when it cannot be read.
std::string tail(const std::filesystem::path& path, int lines);

/// Held by whoever runs a cluster, so that nobody starts it twice.
class ClusterLock final {
 public:
  /// Errc::unavailable when somebody else holds it, Errc::not_found where files cannot be locked.
  static Result<ClusterLock> take(const std::filesystem::path& path);
  /// The pid of whoever holds a lock that could not be taken; "" when it cannot be told.
  static std::string holder(const std::filesystem::path& path);
  ClusterLock(ClusterLock&&) noexcept = default;
  ClusterLock& operator=(ClusterLock&&) noexcept = default;
  ~ClusterLock();

 private:
  ClusterLock(std::filesystem::path path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;
  Descriptor file_;
};

/// What a cluster file says, and what of it still lives.
struct FoundCluster {
  std::filesystem::path file;
  ClusterRecord record;
  bool engines_only = false;  // its controller is not ipcluster's: it stays, with its connection files
  bool supervisor_alive = false;
  bool controller_alive = false;
  int engines_alive = 0;             // with those of `joined`
  std::vector<FoundCluster> joined;  // what `ipcluster engines` added
  bool running() const { return controller_alive || supervisor_alive || engines_alive > 0; }
};
/// nullopt when there is no such file, nor engines that joined a controller with its id.
std::optional<FoundCluster> look_at(const std::filesystem::path& cluster_file);
/// Clusters of one profile, or of all profiles in a folder; sorted by folder, then id.
std::vector<FoundCluster> clusters_of(const Profile& profile);
std::vector<Profile> profiles_in(const std::filesystem::path& ipython_dir);

/// Names by which processes without a recorded birth are known.
bool controller_lives(const ProcessId& process);
bool engine_lives(const ProcessId& process);

/// `name` beside this program, else in PATH, else nullopt.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace camshaft::cluster
