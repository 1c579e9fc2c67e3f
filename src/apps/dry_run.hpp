// apps/dry_run.hpp: what a start would do, to the letter: commands and job scripts, and nothing is started.
// Thread: any. Owns: nothing; reads a batch_template_file.
// Errors: those of the scripts, in one line.
#pragma once
#include <string>

#include "cluster/commands.hpp"
#include "core/result.hpp"

namespace camshaft::apps {

/// Text for people: the controller, if one is to be started, then a set of `n` engines. Keys do not show.
Result<std::string> dry_run(const cluster::LocalPlan& plan, int n, bool with_controller);

}  // namespace camshaft::apps
