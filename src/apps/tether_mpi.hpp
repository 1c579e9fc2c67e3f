// apps/tether_mpi.hpp: one mpiexec that stands for all engines of a set.
// Thread: the main thread. Owns: mpiexec. Errors: a line on stderr; the result is mpiexec's exit code.
#pragma once
#include "cluster/launchers.hpp"

namespace camshaft::apps {

/// Ends mpiexec when it is told to stop or its starter is gone; SIGINT goes to the ranks of this machine, because it
/// would end mpiexec, the other signals to mpiexec, which passes them on.
int run_mpi_tether(const cluster::TetherSpec& spec);

}  // namespace camshaft::apps
