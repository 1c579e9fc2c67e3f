// apps/doctor.hpp: ipcluster doctor: hands over to python -m camshaft.doctor, which sees what engines see.
// Thread: the main thread. Owns: nothing. Errors: one line on stderr when Python cannot be run; exit code 1.
#pragma once
#include "apps/ipcluster_options.hpp"

namespace camshaft::apps {

/// Takes the place of this process; returns only when that fails.
int run_doctor(const ClusterOptions& options);

}  // namespace camshaft::apps
