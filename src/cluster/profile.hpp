// cluster/profile.hpp: where a cluster keeps its files: <ipython dir>/profile_<name>/{security,log,pid}.
// Thread: pure functions of their arguments; making the directories is in cluster/process/profile_dirs.hpp.
// Owns:   nothing.
// Errors: Errc::bad_value when neither IPYTHONDIR nor HOME says where profiles live, or a name cannot be a folder.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace camshaft::cluster {

/// Looks up an environment variable; an empty variable counts as absent.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// What a user may say about the profile; empty = not said.
struct ProfileChoice {
  std::string profile;      // "default" when empty
  std::string profile_dir;  // wins over everything else
  std::string ipython_dir;
};

struct Profile {
  std::filesystem::path ipython_dir;
  std::filesystem::path dir;

  std::filesystem::path security_dir() const { return dir / "security"; }
  std::filesystem::path log_dir() const { return dir / "log"; }
  std::filesystem::path pid_dir() const { return dir / "pid"; }
  /// The name of a `profile_<name>` folder inside the ipython dir, else the path.
  std::string label() const;
  bool operator==(const Profile&) const = default;
};

/// profile_dir, else $IPP_PROFILE_DIR (how launchers place their children; as in the original it beats a profile
/// name), else <ipython dir>/profile_<profile>. Relative paths count from `cwd`.
Result<Profile> resolve_profile(const ProfileChoice& choice, const Environment& env, const std::filesystem::path& cwd);

/// Where all profiles live: `given`, else $IPYTHONDIR, else $HOME/.ipython.
Result<std::filesystem::path> resolve_ipython_dir(const std::string& given, const Environment& env,
                                                  const std::filesystem::path& cwd);

/// A cluster id becomes part of file names: letters, digits and "-_." only.
Result<Done> check_cluster_id(std::string_view id);

}  // namespace camshaft::cluster
