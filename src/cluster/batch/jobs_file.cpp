#include "cluster/batch/jobs_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace camshaft::cluster::batch {
using nlohmann::json;

std::string render(const JobsRecord& record) {
  return json{{"system", record.system}, {"cluster_id", record.cluster_id},
              {"set", record.set},       {"watcher", {{"pid", record.watcher.pid}, {"birth", record.watcher.birth}}},
              {"cancel", record.cancel}, {"ids", record.ids}}
      .dump(2);
}

Result<JobsRecord> parse_jobs_record(std::string_view text) {
  try {
    const json in = json::parse(text);
    JobsRecord out;
    out.system = in.at("system").get<std::string>();
    out.cluster_id = in.at("cluster_id").get<std::string>();
    out.set = in.at("set").get<std::string>();
    out.watcher = {in.at("watcher").at("pid").get<int>(), in.at("watcher").at("birth").get<std::string>()};
    out.cancel = in.at("cancel").get<Words>();
    out.ids = in.at("ids").get<std::vector<std::string>>();
    if (out.cancel.empty()) return Error{Errc::bad_json, "a jobs file without its cancel command"};
    return out;
  } catch (const json::exception& error) {
    return Error{Errc::bad_json, fmt::format("not a jobs file: {}", error.what())};
  }
}

}  // namespace camshaft::cluster::batch
