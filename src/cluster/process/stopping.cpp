#include "cluster/process/stopping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <system_error>

#include "cluster/process/jobs.hpp"

namespace camshaft::cluster {
namespace {

/// SIGTERM to all, then SIGKILL to those that are still there after the grace.
bool end_all(const std::vector<Descriptor>& processes, Duration grace) {
  for (const Descriptor& one : processes) signal_process(one, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + grace;
  bool all_gone = true;
  for (const Descriptor& one : processes) {
    if (wait_process(one, until - std::chrono::steady_clock::now())) continue;
    signal_process(one, SIGKILL);
    all_gone = wait_process(one, grace) && all_gone;
  }
  return all_gone;
}

}  // namespace

Result<Done> stop_cluster(const FoundCluster& found, const Profile& profile, Duration grace, int first) {
  const ClusterRecord& record = found.record;
  for (const FoundCluster& joined : found.joined) {
    if (auto stopped = stop_cluster(joined, profile, grace, first); !stopped) return stopped;
  }
  // A Python process that owns a cluster is no ipcluster: it must not be ended, and sees its children go.
  Descriptor supervisor;
  if (record.supervisor_program == "ipcluster") {
    supervisor = open_process(record.supervisor, record.supervisor_program);
    signal_process(supervisor, SIGTERM);  // first of all, or it would start engines again
  }
  std::vector<Descriptor> engines;
  for (const auto& [id, set] : record.engine_sets) {
    for (const auto& [index, engine] : set) {
      Descriptor one = open_process(engine.process, "engine");
      if (one.get() >= 0) engines.push_back(std::move(one));
    }
  }
  std::vector<Descriptor> controller;
  controller.push_back(open_process(record.controller.process, "controller"));
  if (first != 0) {
    for (const Descriptor& one : engines) signal_process(one, first);
    signal_process(controller.front(), first);
  }
  if (supervisor.get() >= 0) wait_process(supervisor, grace * 3);  // it gives engines and controller a grace each
  bool all_gone = end_all(engines, grace);
  all_gone = end_all(controller, grace) && all_gone;
  for (const LeftJobs& jobs : left_jobs(profile, record.cluster_id)) {
    if (auto cancelled = cancel_jobs(jobs); !cancelled) return cancelled.error();
  }
  if (!all_gone) {
    return Error{Errc::timed_out,
                 fmt::format("some processes of {} cannot be stopped, not even with SIGKILL", found.file.string())};
  }
  remove_cluster_files(found, profile);
  return Done{};
}

void remove_cluster_files(const FoundCluster& found, const Profile& profile) {
  std::error_code ignored;
  std::filesystem::remove(found.file, ignored);
  for (const FoundCluster& joined : found.joined) std::filesystem::remove(joined.file, ignored);
  if (found.engines_only) return;
  const auto& args = found.record.controller_args;
  const bool reuse = std::any_of(args.begin(), args.end(), [](const std::string& one) {
    return one.find("reuse") != std::string::npos || one.find("restore") != std::string::npos;
  });
  if (reuse) return;
  std::filesystem::remove(client_connection_path(profile, found.record.cluster_id), ignored);
  std::filesystem::remove(engine_connection_path(profile, found.record.cluster_id), ignored);
}

}  // namespace camshaft::cluster
