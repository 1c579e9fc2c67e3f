#include "client/reply.hpp"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/flat_json.hpp"

namespace camshaft::client {

namespace {

// Above this a reply keeps its received frames: copying would cost more than it saves.
constexpr std::size_t kCompactBelow = 4096;

thread_local simdjson::ondemand::parser parser;  // scratch memory; no state outlives a call
thread_local std::string padded;

simdjson::padded_string_view pad(std::string_view json) {
  padded.assign(json);
  padded.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  return simdjson::padded_string_view(padded.data(), json.size(), padded.capacity());
}

// The top-level fields of a JSON object, one by one; text that is no object has none.
template <class Visit>
void for_each_field(std::string_view json, Visit visit) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(pad(json)).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS)
    return;
  for (auto item : object) {
    simdjson::ondemand::field field;
    std::string_view key;
    if (std::move(item).get(field) != simdjson::SUCCESS || field.unescaped_key().get(key) != simdjson::SUCCESS) return;
    visit(key, field.value());
  }
}

bool is_plain_ok(std::string_view content) {
  return content == R"({"status": "ok"})" || content == R"({"status":"ok"})";
}

}  // namespace

std::string_view to_text(Status status) {
  switch (status) {
    case Status::pending:
      return "pending";
    case Status::ok:
      return "ok";
    case Status::error:
      return "error";
    case Status::aborted:
      return "aborted";
  }
  return "pending";
}

ReplyFacts read_facts(const Reply& reply) {
  ReplyFacts facts;
  if (!is_plain_ok(reply.content.view())) {
    bool engine_named = false;
    for_each_field(reply.content.view(), [&](std::string_view key, simdjson::ondemand::value value) {
      if (key == "status") {
        std::string_view text;
        if (value.get_string().get(text) != simdjson::SUCCESS) return;
        facts.status = text == "error" ? Status::error : text == "aborted" ? Status::aborted : Status::ok;
      } else if (key == "engine_info") {
        simdjson::ondemand::object info;
        bool empty = true;
        if (value.get_object().get(info) == simdjson::SUCCESS && info.is_empty().get(empty) == simdjson::SUCCESS)
          engine_named = !empty;
      }
    });
    facts.from_engine = facts.status != Status::error || engine_named;
  }
  const bool flat = read_flat(reply.metadata.view(), [&](std::string_view key, const FlatValue& value) {
    if (key == "outputs") {
      if (const auto count = value.integer<std::size_t>()) facts.outputs = *count;
    } else if (key == "engine" && value.string()) {
      facts.engine.value.assign(*value.string());
    }
  });
  if (flat) return facts;
  for_each_field(reply.metadata.view(), [&](std::string_view key, simdjson::ondemand::value value) {
    if (key == "outputs") {
      std::uint64_t count = 0;
      if (value.get_uint64().get(count) == simdjson::SUCCESS) facts.outputs = static_cast<std::size_t>(count);
    } else if (key == "engine") {
      std::string_view text;
      if (value.get_string().get(text) == simdjson::SUCCESS) facts.engine = EngineId(std::string(text));
    }
  });
  return facts;
}

Blob text_field(const Blob& object, std::string_view key) {
  std::optional<std::string_view> text;
  const bool flat = read_flat(object.view(), [&](std::string_view name, const FlatValue& member) {
    if (name == key && !text) text = member.string().value_or("");
  });
  if (flat) {
    if (!text || text->empty()) return {};
    return {object.owner,
            object.bytes.subspan(static_cast<std::size_t>(text->data() - object.view().data()), text->size())};
  }
  simdjson::ondemand::document document;
  simdjson::ondemand::value value;
  if (parser.iterate(pad(object.view())).get(document) != simdjson::SUCCESS ||
      document.find_field_unordered(key).get(value) != simdjson::SUCCESS ||
      value.type().value_unsafe() != simdjson::ondemand::json_type::string)
    return {};
  const std::string_view token = value.raw_json_token();  // in the padded copy, with quotes and space after it
  const auto end = token.rfind('"');
  if (end == std::string_view::npos || end == 0) return {};
  const auto offset = static_cast<std::size_t>(token.data() - padded.data()) + 1;
  return {object.owner, object.bytes.subspan(offset, end - 1)};
}

Reply compact(Reply reply) {
  std::size_t size = reply.content.size() + reply.metadata.size() + reply.date.size();
  for (const Blob& buffer : reply.buffers) size += buffer.size();
  if (size > kCompactBelow) return reply;
  const std::shared_ptr<std::byte[]> block(new std::byte[size]);
  std::byte* end = block.get();
  auto move_in = [&](Blob& blob) {
    if (blob.owner == nullptr) return;  // static bytes need no keeping
    if (!blob.empty()) std::memcpy(end, blob.bytes.data(), blob.size());
    blob = {block, {end, blob.size()}};
    end += blob.size();
  };
  move_in(reply.content);
  move_in(reply.metadata);
  move_in(reply.date);
  for (Blob& buffer : reply.buffers) move_in(buffer);
  return reply;
}

Reply error_reply(std::string_view ename, std::string_view evalue) {
  const nlohmann::json content = {
      {"status", "error"},
      {"ename", ename},
      {"evalue", evalue},
      {"traceback", nlohmann::json::array({std::string(ename) + ": " + std::string(evalue)})},
      {"engine_info", nlohmann::json::object()}};
  Reply reply;
  reply.content = Blob::of(content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return reply;
}

Reply ok_reply() {
  Reply reply;
  reply.content = Blob::of_static(R"({"status": "ok"})");
  return reply;
}

}  // namespace camshaft::client
