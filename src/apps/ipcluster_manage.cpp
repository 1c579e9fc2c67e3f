#include "apps/ipcluster_manage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/ipcluster_start.hpp"
#include "cluster/process/files.hpp"
#include "cluster/process/jobs.hpp"
#include "cluster/process/stopping.hpp"
#include "service/record_stores.hpp"

namespace camshaft::apps {
namespace {

constexpr Duration kGrace = std::chrono::seconds(5);

void fail(std::string_view message) { fmt::print(stderr, "ipcluster: {}\n", message); }

std::string quoted(const std::string& id) { return id.empty() ? "''" : id; }

/// The profile that was named, else all.
std::vector<cluster::Profile> profiles_of(const ClusterOptions& options, bool all_without_choice) {
  if (options.profile_given || (!all_without_choice && !options.all)) return {options.profile};
  return cluster::profiles_in(options.profile.ipython_dir);
}

/// Cancels jobs whose watcher is gone; how many, or nullopt when that failed.
std::optional<std::size_t> cancel_left(const std::vector<cluster::LeftJobs>& all) {
  for (const cluster::LeftJobs& jobs : all) {
    if (auto done = cluster::cancel_jobs(jobs); !done) {
      fail(done.error().message);
      return std::nullopt;
    }
    fmt::print("IPython cluster: cancelled jobs {} of {}, which nobody watched any more\n",
               fmt::join(jobs.record.ids, ", "), jobs.record.system);
  }
  return all.size();
}

}  // namespace

int run_stop(const ClusterOptions& options) {
  std::vector<cluster::FoundCluster> wanted;
  if (options.all) {
    const auto cancelled = cancel_left(cluster::left_jobs(options.profile));
    if (!cancelled) return kExitFailed;
    wanted = cluster::clusters_of(options.profile);
    if (wanted.empty() && *cancelled == 0) fmt::print("No cluster to stop on profile '{}'\n", options.profile.label());
  } else {
    auto ids = options.cluster_ids;
    if (ids.empty()) ids.push_back(options.cluster_id);
    for (const std::string& id : ids) {
      const auto path = cluster::cluster_file_path(options.profile, id);
      const auto cancelled = cancel_left(cluster::left_jobs(options.profile, id));
      if (!cancelled) return kExitFailed;
      if (auto found = cluster::look_at(path)) {
        wanted.push_back(std::move(*found));
        continue;
      }
      if (*cancelled > 0) continue;
      fail(fmt::format("no cluster to stop: {} is not there; 'ipcluster list' shows what runs", path.string()));
      return kExitNothingToStop;
    }
  }
  int code = 0;
  for (const cluster::FoundCluster& found : wanted) {
    const std::string name =
        fmt::format("cluster {} of profile '{}'", quoted(found.record.cluster_id), options.profile.label());
    if (!found.running()) {
      cluster::remove_cluster_files(found, options.profile);
      fail(fmt::format("{} is not running any more; its files are removed", name));
      if (!options.all) code = kExitNothingToStop;
      continue;
    }
    if (auto stopped = cluster::stop_cluster(found, options.profile, kGrace, options.stop_signal); !stopped) {
      fail(stopped.error().message);
      code = kExitFailed;
      continue;
    }
    fmt::print("IPython cluster: stopped {}\n", name);
  }
  return code;
}

int run_list(const ClusterOptions& options) {
  auto list = nlohmann::json::array();
  if (!options.json) {
    fmt::print("{:<16} {:<32} {:<7} {:<7} {}\n", "PROFILE", "CLUSTER ID", "RUNNING", "ENGINES", "LAUNCHER");
  }
  for (const cluster::Profile& profile : profiles_of(options, true)) {
    for (const cluster::FoundCluster& found : cluster::clusters_of(profile)) {
      const auto& record = found.record;
      if (options.json) {
        list.push_back(nlohmann::json::parse(cluster::render(record)));
        continue;
      }
      fmt::print("{:<16} {:<32} {:<7} {:<7} {}\n", profile.label(), quoted(record.cluster_id),
                 found.controller_alive ? "True" : "False", found.engines_alive,
                 record.engine_class.empty() ? "local" : record.engine_class);
    }
  }
  if (options.json) fmt::print("{}\n", list.dump(2));
  for (const cluster::Profile& profile : profiles_of(options, true)) {
    for (const cluster::LeftJobs& jobs : cluster::left_jobs(profile)) {
      fail(fmt::format("nobody watches jobs {} of {} any more; cancel them with: ipcluster stop{}",
                       fmt::join(jobs.record.ids, ", "), jobs.record.system,
                       selection(profile, jobs.record.cluster_id)));
    }
  }
  return 0;
}

int run_clean(const ClusterOptions& options) {
  namespace fs = std::filesystem;
  int code = 0;
  for (const cluster::Profile& profile : profiles_of(options, false)) {
    const auto clusters = cluster::clusters_of(profile);
    const auto running = std::find_if(clusters.begin(), clusters.end(), [](const auto& one) { return one.running(); });
    if (running != clusters.end() && !options.force) {
      fail(fmt::format("cluster {} of profile '{}' is running: stop it first, or say --force",
                       quoted(running->record.cluster_id), profile.label()));
      code = kExitFailed;
      continue;
    }
    if (!cancel_left(cluster::left_jobs(profile))) {
      code = kExitFailed;
      continue;
    }
    int removed = 0;
    std::error_code ignored;
    const auto remove = [&](const fs::path& path) { removed += fs::remove(path, ignored) ? 1 : 0; };
    for (const auto& entry : fs::directory_iterator(profile.security_dir(), ignored)) {
      const std::string name = entry.path().filename().string();
      const bool ours =
          name.rfind("cluster-", 0) == 0 || name.rfind("ipcontroller-", 0) == 0 || name.rfind("engines-", 0) == 0;
      if (ours && entry.path().extension() == ".json") remove(entry.path());
    }
    for (const auto& entry : fs::directory_iterator(profile.log_dir(), ignored)) {
      if (entry.is_regular_file(ignored)) remove(entry.path());
    }
    for (const auto& entry : fs::directory_iterator(profile.dir, ignored)) {
      if (service::is_session_database(entry.path().filename().string())) remove(entry.path());
    }
    if (options.log_level <= Level::info) fmt::print("profile '{}': {} files removed\n", profile.label(), removed);
  }
  return code;
}

}  // namespace camshaft::apps
