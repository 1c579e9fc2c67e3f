// apps/tether_ssh.hpp: engines, or a controller, on other machines over one ssh connection a machine.
// Thread: the main thread. Owns: the ssh processes. Errors: one line for each machine on stderr; the result is 0 when
// all that was started there ended well.
#pragma once
#include "cluster/launchers.hpp"

namespace camshaft::apps {

/// Ends everything there when it is told to stop, or when this process, ssh or the connection is gone.
int run_ssh_tether(const cluster::TetherSpec& spec);

}  // namespace camshaft::apps
