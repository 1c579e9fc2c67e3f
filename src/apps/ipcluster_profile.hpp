// apps/ipcluster_profile.hpp: ipcluster create, config and nbextension: what a profile holds and says.
// Thread: any. Owns: nothing. Errors: one line on stderr; the result is the exit code.
#pragma once
#include <span>

#include "apps/ipcluster_options.hpp"

namespace camshaft::apps {

/// Makes the profile with its three configuration files and prints where it is.
int run_create(const ClusterOptions& options);
/// Prints what is in force for the programs in options.words (all three if empty), and who said so.
int run_config(const ClusterOptions& options);
/// Says what to do in place of the retired command.
int run_nbextension(const ClusterOptions& options);
/// --init and --generate-config. True when that was all to do.
Result<bool> write_asked_config(const CommonOptions& options, const std::string& program);

}  // namespace camshaft::apps
