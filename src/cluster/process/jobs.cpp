#include "cluster/process/jobs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "cluster/batch/answers.hpp"
#include "cluster/process/captured.hpp"
#include "cluster/process/files.hpp"

namespace camshaft::cluster {
namespace fs = std::filesystem;
namespace {
constexpr Duration kPatience = std::chrono::seconds(20);
}

std::vector<LeftJobs> left_jobs(const Profile& profile) {
  std::vector<LeftJobs> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(profile.security_dir(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("jobs-", 0) != 0 || entry.path().extension() != ".json") continue;
    const auto text = read_text(entry.path());
    if (!text) continue;
    auto record = batch::parse_jobs_record(*text);
    if (record && !alive(record->watcher, "tether")) out.push_back({entry.path(), std::move(*record)});
  }
  std::sort(out.begin(), out.end(), [](const LeftJobs& a, const LeftJobs& b) { return a.file < b.file; });
  return out;
}

std::vector<LeftJobs> left_jobs(const Profile& profile, const std::string& cluster_id) {
  auto all = left_jobs(profile);
  all.erase(
      std::remove_if(all.begin(), all.end(), [&](const LeftJobs& one) { return one.record.cluster_id != cluster_id; }),
      all.end());
  return all;
}

Result<Done> cancel_jobs(const LeftJobs& jobs) {
  const auto argv = batch::expand(jobs.record.cancel, jobs.record.ids);
  const auto ran = run({argv, {}, {}}, kPatience);
  std::string why;
  if (!ran) {
    why = ran.error().message;
  } else if (ran->exit != Exit{}) {
    // Most say so when a job has ended already; then there is nothing left to cancel.
    const batch::Dialect* dialect = batch::find_dialect(jobs.record.system);
    if (dialect == nullptr || !batch::says_unknown(*dialect, ran->output)) why = ran->output;
  }
  if (!why.empty()) {
    std::replace(why.begin(), why.end(), '\n', ' ');
    return Error{Errc::unavailable, fmt::format("cannot cancel jobs of {}: {}: {}; their ids are in {}",
                                                jobs.record.system, fmt::join(argv, " "), why, jobs.file.string())};
  }
  std::error_code ignored;
  fs::remove(jobs.file, ignored);
  return Done{};
}

}  // namespace camshaft::cluster
