#include "wire/message.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <iterator>

#include "core/date.hpp"
#include "core/flat_json.hpp"
#include "wire/batch.hpp"
#include "wire/json.hpp"

namespace camshaft::wire {

Result<Parts> split(Frames frames) {
  const auto delimiter =
      std::find_if(frames.begin(), frames.end(), [](const Blob& frame) { return frame.view() == kDelimiter; });
  if (delimiter == frames.end()) return Error{Errc::truncated, "no <IDS|MSG> delimiter in the message"};
  if (frames.end() - delimiter < 6) return Error{Errc::truncated, "fewer than five frames after the delimiter"};
  Parts parts;
  auto next = delimiter + 1;
  parts.signature = std::move(*next++);
  parts.header = std::move(*next++);
  parts.parent = std::move(*next++);
  parts.metadata = std::move(*next++);
  parts.content = std::move(*next++);
  parts.buffers.assign(std::make_move_iterator(next), std::make_move_iterator(frames.end()));
  frames.erase(delimiter, frames.end());
  parts.identities = std::move(frames);
  return parts;
}

Frames join(const Parts& parts) {
  Frames frames;
  frames.reserve(parts.identities.size() + 6 + parts.buffers.size());
  frames.insert(frames.end(), parts.identities.begin(), parts.identities.end());
  frames.push_back(Blob::of_static(kDelimiter));
  for (const Blob* part : {&parts.signature, &parts.header, &parts.parent, &parts.metadata, &parts.content})
    frames.push_back(*part);
  frames.insert(frames.end(), parts.buffers.begin(), parts.buffers.end());
  return frames;
}

namespace {

thread_local simdjson::ondemand::parser parser;  // its scratch memory; no state outlives a call
thread_local std::string padded;

simdjson::padded_string_view pad(std::string_view json) {
  padded.assign(json);
  padded.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  return simdjson::padded_string_view(padded.data(), json.size(), padded.capacity());
}

// Calls `take(key, value)` for each member; false unless `json` is one whole object and nothing else.
template <class Take>
bool read_members(std::string_view json, Take take) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(pad(json)).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS)
    return false;
  for (auto item : object) {
    simdjson::ondemand::field field;
    std::string_view key;
    if (std::move(item).get(field) != simdjson::SUCCESS || field.unescaped_key().get(key) != simdjson::SUCCESS)
      return false;
    take(key, field.value());
  }
  const char* rest = nullptr;
  return document.current_location().get(rest) != simdjson::SUCCESS;
}

// Calls `take(key, FlatValue)` for each plain member, those of the usual flat texts without a general parser; values of
// another kind are left out, as if they were missing. False unless `json` is one whole object and nothing else. Each
// member may be seen twice, the second time as it is.
template <class Take>
bool read_plain_members(std::string_view json, Take take) {
  if (read_flat(json, take)) return true;
  return read_members(json, [&](std::string_view key, simdjson::ondemand::value& value) {
    std::string_view text;
    std::int64_t number = 0;
    bool flag = false;
    if (value.get_string().get(text) == simdjson::SUCCESS) {
      take(key, FlatValue{FlatValue::Kind::string, text});
    } else if (value.get_int64().get(number) == simdjson::SUCCESS) {
      take(key, FlatValue{FlatValue::Kind::integer, std::to_string(number)});
    } else if (value.get_bool().get(flag) == simdjson::SUCCESS) {
      take(key, FlatValue{FlatValue::Kind::literal, flag ? "true" : "false"});
    }
  });
}

void assign(std::string* target, const FlatValue& value) {
  if (target != nullptr && value.kind == FlatValue::Kind::string) target->assign(value.text);
}

}  // namespace

Result<Header> parse_header(std::string_view json) {
  Header header;
  const bool whole = read_plain_members(json, [&](std::string_view key, const FlatValue& value) {
    assign(key == "msg_id"     ? &header.msg_id.value
           : key == "msg_type" ? &header.msg_type
           : key == "session"  ? &header.session.value
           : key == "username" ? &header.username
           : key == "date"     ? &header.date
           : key == "version"  ? &header.version
                               : nullptr,
           value);
  });
  if (!whole || header.msg_id.empty() || header.msg_type.empty())
    return Error{Errc::bad_json, "the header is not a JSON object with msg_id and msg_type"};
  return header;
}

Result<ReplyStatus> parse_reply_status(std::string_view metadata_json) {
  ReplyStatus reply;
  const bool whole = read_plain_members(metadata_json, [&](std::string_view key, const FlatValue& value) {
    if (key == "dependencies_met") {
      reply.dependencies_met = value.boolean().value_or(reply.dependencies_met);
    } else if (key == "recalled") {
      reply.recalled = value.boolean().value_or(reply.recalled);
    } else if (key == "lacks") {
      reply.lacks = value.boolean().value_or(reply.lacks);
    } else if (key == "took_us") {
      const auto microseconds = value.integer<std::int64_t>();
      if (microseconds && *microseconds >= 0) reply.took = std::chrono::microseconds(*microseconds);
    } else if (key == "batch") {
      reply.batches = value.integer<std::int64_t>() == kBatchVersion;
    } else {
      assign(key == "status"    ? &reply.status
             : key == "started" ? &reply.started
             : key == "engine"  ? &reply.engine
                                : nullptr,
             value);
    }
  });
  if (!whole) return Error{Errc::bad_json, "the metadata of a reply is not a JSON object"};
  return reply;
}

std::optional<MsgId> parent_id(std::string_view parent_json) {
  if (parent_json.size() <= 2) return std::nullopt;
  std::string_view id, type;
  const bool flat = read_flat(parent_json, [&](std::string_view key, const FlatValue& value) {
    if (value.kind != FlatValue::Kind::string) return;
    if (key == "msg_id") id = value.text;
    if (key == "msg_type") type = value.text;
  });
  if (flat) return id.empty() || type.empty() ? std::nullopt : std::optional(MsgId(std::string(id)));
  auto header = parse_header(parent_json);
  if (!header) return std::nullopt;
  return std::move(header->msg_id);
}

Result<Message> decode(Frames frames, const Signer& signer) {
  auto parts = split(std::move(frames));
  if (!parts) return parts.error();
  if (!signer.verifies(parts->signed_bytes(), parts->signature.view()))
    return Error{Errc::bad_signature, parts->signature.empty()
                                          ? "the message is not signed"
                                          : "the signature does not match: the peer has another key"};
  auto header = parse_header(parts->header.view());
  if (!header) return header.error();
  return Message{std::move(*parts), std::move(*header)};
}

std::string make_header(const MsgId& id, std::string_view type, const SessionId& session, std::string_view username,
                        WallTime date) {
  // Ids, types and dates are ours and plain ASCII; only the user name may need escaping.
  const std::string who = quote(username);
  const std::string when = format_date(date);
  // What differs between messages stands together, at the end: so batches of them are short.
  const std::array<std::string_view, 13> pieces = {R"({"username":)",
                                                   who,
                                                   R"(,"session":")",
                                                   session.value,
                                                   R"(","version":")",
                                                   kProtocolVersion,
                                                   R"(","msg_type":")",
                                                   type,
                                                   R"(","msg_id":")",
                                                   id.value,
                                                   R"(","date":")",
                                                   when,
                                                   "\"}"};
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::string header;
  header.reserve(size);
  for (const std::string_view piece : pieces) header += piece;
  return header;
}

Frames encode(Outgoing message, const Signer& signer) {
  Frames frames = std::move(message.identities);
  frames.reserve(frames.size() + 6 + message.buffers.size());
  frames.push_back(Blob::of_static(kDelimiter));
  frames.push_back(Blob::of(
      signer.sign({message.header.view(), message.parent.view(), message.metadata.view(), message.content.view()})));
  frames.push_back(std::move(message.header));
  frames.push_back(std::move(message.parent));
  frames.push_back(std::move(message.metadata));
  frames.push_back(std::move(message.content));
  frames.insert(frames.end(), std::make_move_iterator(message.buffers.begin()),
                std::make_move_iterator(message.buffers.end()));
  return frames;
}

MsgIdSource::MsgIdSource(const SessionId& session, int pid) : prefix_(fmt::format("{}_{}_", session.value, pid)) {}

MsgId MsgIdSource::next() { return MsgId(prefix_ + std::to_string(next_++)); }

std::string hex_id(const std::array<std::uint8_t, 16>& random) {
  std::string text;
  for (std::size_t i = 0; i < random.size(); ++i) {
    if (i == 4) text += '-';
    text += fmt::format("{:02x}", random[i]);
  }
  return text;
}

}  // namespace camshaft::wire
