// apps/ipcluster_manage.hpp: ipcluster stop, list and clean: what can be done to clusters that were started elsewhere.
// Thread: any. Owns: nothing. Errors: one line on stderr; the result is the exit code.
#pragma once
#include "apps/ipcluster_options.hpp"

namespace camshaft::apps {

int run_stop(const ClusterOptions& options);
int run_list(const ClusterOptions& options);
int run_clean(const ClusterOptions& options);

}  // namespace camshaft::apps
