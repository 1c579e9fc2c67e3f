// cluster/process/pid_file.hpp: <profile>/pid/<program>[-<cluster id>].pid, for scripts that look for a process there.
// Thread: any. Owns: the file, as long as it holds this process's number. Errors: none: nobody depends on the file.
#pragma once
#include <filesystem>
#include <string>

#include "cluster/profile.hpp"

namespace camshaft::cluster {

class PidFile final {
 public:
  PidFile() = default;
  PidFile(const Profile& profile, const std::string& program, const std::string& cluster_id);
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace camshaft::cluster
