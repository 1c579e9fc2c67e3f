// cluster/process/jobs.hpp: jobs in batch systems that outlived whoever watched them.
// Thread: any; waits for the batch system's answers. Owns: nothing.
// Errors: Errc::unavailable with the command, what it said, and where the job ids are.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/batch/jobs_file.hpp"
#include "cluster/profile.hpp"
#include "core/result.hpp"

namespace camshaft::cluster {

struct LeftJobs {
  std::filesystem::path file;
  batch::JobsRecord record;
};
/// Jobs of this profile whose watcher is gone.
std::vector<LeftJobs> left_jobs(const Profile& profile);
/// Those of one cluster.
std::vector<LeftJobs> left_jobs(const Profile& profile, const std::string& cluster_id);

/// Cancels them and removes their file.
Result<Done> cancel_jobs(const LeftJobs& jobs);

}  // namespace camshaft::cluster
