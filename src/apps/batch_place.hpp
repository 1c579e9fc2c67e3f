// apps/batch_place.hpp: whether this process runs inside a job of a batch system, and on how many computers that job
// is. Thread: any. Reads the list of hosts where the system keeps it in a file. Owns: nothing. Errors: none; what
// cannot be told counts as one computer.
#pragma once
#include <optional>
#include <string>

#include "cluster/profile.hpp"

namespace camshaft::apps {

struct BatchPlace {
  std::string system;  // "Slurm", "PBS", "LSF", "Grid Engine"
  std::string job;     // its id
  int nodes = 1;       // computers of the allocation
  bool operator==(const BatchPlace&) const = default;
};

/// By what Slurm, PBS, LSF and Grid Engine put into the environment of their jobs; nullopt outside of a job.
std::optional<BatchPlace> batch_place(const cluster::Environment& env);

}  // namespace camshaft::apps
