// cluster/process/stopping.hpp: stops a cluster that another process started, by what its cluster file says.
// Thread: any; waits. Owns: nothing. Errors: Errc::timed_out when something survives even SIGKILL.
#pragma once
#include "cluster/process/files.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace camshaft::cluster {

/// Asks the ipcluster that watches it, else ends engines and controller itself: SIGTERM, `grace`, SIGKILL. No process
/// that merely has the same number is touched. Jobs in a batch system that nobody watches any more are cancelled.
/// Removes the files of what is gone. `first` is a signal that engines and controller get at once; 0: none.
Result<Done> stop_cluster(const FoundCluster& found, const Profile& profile, Duration grace, int first = 0);
/// Removes the cluster file and the connection files of a cluster that is gone.
void remove_cluster_files(const FoundCluster& found, const Profile& profile);

}  // namespace camshaft::cluster
