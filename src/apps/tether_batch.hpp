// apps/tether_batch.hpp: the tether of every batch system: it submits, watches, passes signals on, and cancels.
// Thread: the main thread. Owns: the jobs, and the file with their ids.
// Errors: one line on stderr with the command, what it said and what to do; the result is the exit code.
#pragma once
#include "cluster/batch/submission.hpp"
#include "cluster/launchers.hpp"

namespace camshaft::apps {

int run_batch_tether(const cluster::TetherSpec& spec);

/// What is asked of the batch system: a controller there listens on all addresses, variables take one line each.
cluster::batch::Request batch_request(const cluster::TetherSpec& spec);
/// The scripts and commands of a request; reads batch_template_file.
Result<cluster::batch::Submission> batch_submission(const cluster::batch::Request& request);

}  // namespace camshaft::apps
