// cluster/cluster_file.hpp: security/cluster-<id>.json, by which a cluster that runs is found again, also by the
// original's Cluster.from_file.
// Thread: pure functions. Owns: nothing. Errors: Errc::bad_json for a file that is not of this shape.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace camshaft::cluster {

/// A process in a way that its successor under the same number is not taken for it. `birth` is "" in files of others.
struct ProcessId {
  int pid = 0;
  std::string birth;  // "<boot id>:<start tick>"
  bool operator==(const ProcessId&) const = default;
};

struct RecordedProcess {
  ProcessId process;
  std::string output_file;
  bool operator==(const RecordedProcess&) const = default;
};

struct ClusterRecord {
  std::string cluster_id, profile_dir;
  std::vector<std::string> controller_args;
  std::string controller_ip, controller_location;
  int n = 0;
  std::string supervisor_program;              // "ipcluster" or "python": who watches, and whether it may be signalled
  ProcessId supervisor;                        // pid 0 when nobody watches
  std::string controller_class, engine_class;  // names of launchers
  RecordedProcess controller;                  // pid 0 when none
  std::map<std::string, std::map<int, RecordedProcess>> engine_sets;
  std::map<std::string, int> set_sizes;  // engines of the sets that are one process for several, at index 0

  std::size_t engine_count() const;
  /// How many engines a process of that set stands for.
  int engines_per_process(const std::string& set) const;
  bool operator==(const ClusterRecord&) const = default;
};

std::string render(const ClusterRecord& record);
Result<ClusterRecord> parse_cluster_record(std::string_view json);

}  // namespace camshaft::cluster
