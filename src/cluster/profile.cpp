#include "cluster/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace camshaft::cluster {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "profile_";

Result<fs::path> absolute(const std::string& text, const Environment& env, const fs::path& cwd) {
  fs::path path = text;
  if (text == "~" || text.rfind("~/", 0) == 0) {
    const auto home = env("HOME");
    if (!home) return Error{Errc::bad_value, fmt::format("cannot expand '{}': HOME is not set", text)};
    path = fs::path(*home) / (text.size() > 2 ? text.substr(2) : "");
  }
  if (path.is_relative()) path = cwd / path;
  path = path.lexically_normal();
  return path.has_filename() ? path : path.parent_path();  // no trailing slash
}

}  // namespace

std::string Profile::label() const {
  const std::string name = dir.filename().string();
  if (dir.parent_path() == ipython_dir && name.rfind(kPrefix, 0) == 0) return name.substr(kPrefix.size());
  return dir.string();
}

Result<fs::path> resolve_ipython_dir(const std::string& given, const Environment& env, const fs::path& cwd) {
  if (!given.empty()) return absolute(given, env, cwd);
  if (const auto from_env = env("IPYTHONDIR"); from_env && !from_env->empty()) return absolute(*from_env, env, cwd);
  if (const auto home = env("HOME"); home && !home->empty()) return fs::path(*home) / ".ipython";
  return Error{Errc::bad_value, "cannot tell where profiles live: set HOME or IPYTHONDIR, or give --ipython-dir"};
}

Result<Profile> resolve_profile(const ProfileChoice& choice, const Environment& env, const fs::path& cwd) {
  auto root = resolve_ipython_dir(choice.ipython_dir, env, cwd);
  std::string dir = choice.profile_dir;
  if (dir.empty()) dir = env("IPP_PROFILE_DIR").value_or("");
  if (!dir.empty()) {
    auto path = absolute(dir, env, cwd);
    if (!path) return path.error();
    // Someone who says exactly where the profile is needs no home directory.
    return Profile{root ? *root : path->parent_path(), *path};
  }
  if (!root) return root.error();
  const std::string name = choice.profile.empty() ? "default" : choice.profile;
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos) {
    return Error{Errc::bad_value,
                 fmt::format("'{}' cannot be the name of a profile; for a folder use --profile-dir={}", name, name)};
  }
  return Profile{*root, *root / (std::string(kPrefix) + name)};
}

Result<Done> check_cluster_id(std::string_view id) {
  const bool fine = std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c >= 0x80;
  });
  if (fine && id.size() <= 100) return Done{};
  return Error{Errc::bad_value,
               fmt::format("cluster id '{}' cannot be part of a file name: use at most 100 letters, digits, '-', '_' "
                           "and '.'",
                           id)};
}

}  // namespace camshaft::cluster
