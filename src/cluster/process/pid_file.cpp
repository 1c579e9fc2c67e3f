#include "cluster/process/pid_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "cluster/process/files.hpp"

namespace camshaft::cluster {

PidFile::PidFile(const Profile& profile, const std::string& program, const std::string& cluster_id)
    : path_(profile.pid_dir() / (program + (cluster_id.empty() ? "" : "-" + cluster_id) + ".pid")) {
  (void)write_text(path_, fmt::format("{}\n", ::getpid()));
}

PidFile::~PidFile() {
  // A successor may have taken the name over, and a process forked from this one has another number.
  if (ClusterLock::holder(path_) != std::to_string(::getpid())) return;
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace camshaft::cluster
