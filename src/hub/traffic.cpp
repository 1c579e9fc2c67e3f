#include "hub/traffic.hpp"

#include <utility>

#include "core/date.hpp"
#include "hub/error.hpp"

namespace camshaft::hub {

Request request_again(TaskRecord record, const MsgId& id, WallTime now) {
  nlohmann::json header = parse_untrusted(record.header.view());
  if (!header.is_object()) header = nlohmann::json::object();
  header["msg_id"] = id.value;
  header["date"] = format_sortable_date(now);
  nlohmann::json metadata = parse_untrusted(record.metadata.view());
  if (!metadata.is_object()) metadata = nlohmann::json::object();
  // What the call waited for has happened, or never will.
  for (const char* key : {"after", "follow"}) metadata.erase(key);

  Request request;
  request.id = id;
  const auto type = header.find("msg_type");
  request.msg_type = type != header.end() && type->is_string() ? type->get<std::string>() : "apply_request";
  request.client = std::move(record.client);
  request.submitted = now;
  request.header = Blob::of(json_text(header));
  request.metadata = Blob::of(json_text(metadata));
  request.content = std::move(record.content);
  request.buffers = std::move(record.buffers);
  return request;
}

}  // namespace camshaft::hub
