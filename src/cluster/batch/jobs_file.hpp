// cluster/batch/jobs_file.hpp: security/jobs-<cluster id>-<set>.json: which jobs there are, for the case that everybody
// who knows it dies.
// Thread: pure functions. Owns: nothing. Errors: Errc::bad_json for a file that is not of this shape.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cluster/batch/dialect.hpp"
#include "cluster/cluster_file.hpp"
#include "core/result.hpp"

namespace camshaft::cluster::batch {

struct JobsRecord {
  std::string system, cluster_id, set;  // set: "" for the controller
  ProcessId watcher;                    // that cancels them when it ends
  Words cancel;                         // the command without the ids: {ids}
  std::vector<std::string> ids;
  bool operator==(const JobsRecord&) const = default;
};
std::string render(const JobsRecord& record);
Result<JobsRecord> parse_jobs_record(std::string_view json);

}  // namespace camshaft::cluster::batch
