#include "service/engine_messages.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/date.hpp"
#include "wire/batch.hpp"
#include "wire/json.hpp"

namespace camshaft::service {

namespace {
constexpr std::size_t kMostRemembered = 4096;  // bytes of metadata
}  // namespace

struct MetadataReader::State {
  simdjson::dom::parser parser;
  std::string last;  // tasks in a row have the same metadata
  EchoedMetadata found;
};

MetadataReader::MetadataReader() : state_(std::make_unique<State>()) {}
MetadataReader::~MetadataReader() = default;

EchoedMetadata MetadataReader::read(std::string_view json) {
  if (json.size() <= 2) return {};  // {}: what 7.x clients send
  if (json == state_->last) return state_->found;
  EchoedMetadata found;
  simdjson::dom::object object;
  if (state_->parser.parse(json.data(), json.size()).get_object().get(object) != simdjson::SUCCESS) return found;
  for (const auto& [key, value] : object) {
    if (key == "codec") {
      std::string_view text;
      if (value.get_string().get(text) == simdjson::SUCCESS) found.codec = text;
    } else if (key == "priority") {
      std::int64_t whole = 0;
      if (value.get_int64().get(whole) == simdjson::SUCCESS) found.priority = whole;
    } else if (key == "label") {
      found.label = simdjson::minify(value);
    } else if (key == "is_broadcast") {
      found.is_broadcast = simdjson::minify(value);
    } else if (key == "is_coalescing") {
      found.is_coalescing = simdjson::minify(value);
    } else if (key == "original_msg_id") {
      found.original_msg_id = simdjson::minify(value);
    }
  }
  if (json.size() <= kMostRemembered) {
    state_->last = json;
    state_->found = found;
  }
  return found;
}

std::string reply_metadata(const EngineTask& task, const EngineReply& reply, const EngineId& uuid, EngineNumber number,
                           WallTime now, bool tell_batches) {
  std::string text;
  text.reserve(320);
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 R"({{"dependencies_met": {}, "engine": "{}", "is_broadcast": {}, "is_coalescing": {}, )"
                 R"("original_msg_id": {}, "label": {}, "status": "{}")",
                 reply.unmet_dependency ? "false" : "true", uuid.value, task.metadata.is_broadcast,
                 task.metadata.is_coalescing, task.metadata.original_msg_id, task.metadata.label, reply.status);
  if (reply.status == "error")
    fmt::format_to(out, R"(, "engine_info": {{"engine_uuid": "{}", "engine_id": {}}})", uuid.value, to_int(number));
  if (reply.recalled) text += R"(, "recalled": true)";
  if (reply.lacks) text += R"(, "lacks": true)";
  if (task.parent->counted) {
    fmt::format_to(out, R"(, "codec": {}, "outputs": {})", wire::quote(task.metadata.codec), task.parent->outputs);
    if (tell_batches) fmt::format_to(out, R"(, "batch": {})", wire::kBatchVersion);
    fmt::format_to(
        out, R"(, "took_us": {})",
        std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(now - task.started).count()));
  }
  // What differs between tasks stands together, at the end: so batches of replies are short.
  fmt::format_to(out, R"(, "started": "{}"}})", format_date(task.started));
  return text;
}

std::string unregistration_content(std::optional<EngineNumber> number, const std::string& why) {
  const std::string id = number ? std::to_string(to_int(*number)) : "null";
  return why.empty() ? fmt::format(R"({{"id": {}}})", id)
                     : fmt::format(R"({{"id": {}, "reason": {}}})", id, wire::quote(why));
}

std::string iopub_topic(EngineNumber number, std::string_view msg_type, std::string_view content) {
  const auto engine = [&](std::string_view what) { return fmt::format("engine.{}.{}", to_int(number), what); };
  if (msg_type == "stream") return engine(content.find(R"("name": "stderr")") < 20 ? "stderr" : "stdout");
  if (msg_type == "display_data" || msg_type == "update_display_data" || msg_type == "clear_output")
    return engine("displaypub");
  if (msg_type == "data_message") return "datapub";
  if (msg_type == "shutdown_reply") return engine("shutdown");
  if (msg_type.substr(0, 5) == "comm_") {
    const auto body = nlohmann::json::parse(content, nullptr, false);
    if (body.is_object() && body.contains("comm_id") && body["comm_id"].is_string())
      return "comm-" + body["comm_id"].get<std::string>();
    return "comm";
  }
  return engine(msg_type);
}

std::string stream_content(std::string_view name, std::string_view text) {
  return fmt::format(R"({{"name": "{}", "text": {}}})", name, wire::quote(text));
}

}  // namespace camshaft::service
