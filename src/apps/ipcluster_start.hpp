// apps/ipcluster_start.hpp: ipcluster start and ipcluster engines: bring up, watch, stop.
// Thread: the main thread, before any other was started. Owns: nothing.
// Errors: printed on stderr in one line, then the tail of the log that explains it; the result is the exit code.
#pragma once
#include "apps/ipcluster_options.hpp"

namespace camshaft::apps {

inline constexpr int kExitFailed = 1;
inline constexpr int kExitAlreadyRunning = 10;
inline constexpr int kExitNothingToStop = 11;

/// Runs until the cluster stops, or, with --daemonize, until it is up.
int run_start(const ClusterOptions& options);

/// The lines that tell how to connect.
std::string connect_hint(const cluster::Profile& profile, const std::string& cluster_id);
/// "--profile=x --cluster-id=y", without what goes without saying.
std::string selection(const cluster::Profile& profile, const std::string& cluster_id);

}  // namespace camshaft::apps
