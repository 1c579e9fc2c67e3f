#include "wire/resume.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "wire/json.hpp"

namespace camshaft::wire {

namespace {

using nlohmann::json;

void append(std::string& text, std::string_view key, const std::vector<MsgId>& ids) {
  text += fmt::format(", {}: [", quote(key));
  const char* separator = "";
  for (const MsgId& id : ids) {
    text += separator;
    text += quote(id.value);
    separator = ", ";
  }
  text += "]";
}

// False when the member is there and is no list of strings.
bool read(const json& object, const char* key, std::vector<MsgId>& ids) {
  const auto found = object.find(key);
  if (found == object.end()) return true;
  if (!found->is_array()) return false;
  ids.reserve(found->size());
  for (const json& id : *found) {
    if (!id.is_string()) return false;
    ids.emplace_back(id.get<std::string>());
  }
  return true;
}

std::uint64_t round_of(const json& object) {
  const auto found = object.find("round");
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace

std::string render(const ResumeAsk& ask) {
  std::string text = fmt::format(R"({{"round": {}, "resend": {})", ask.round, ask.resend);
  append(text, "msg_ids", ask.ids);
  return text + "}";
}

std::string render(const Fates& fates) {
  std::string text = fmt::format(R"({{"status": "ok", "round": {})", fates.round);
  append(text, "held", fates.held);
  append(text, "done", fates.done);
  append(text, "lost", fates.lost);
  append(text, "unknown", fates.unknown);
  append(text, "doubtful", fates.doubtful);
  return text + "}";
}

Result<ResumeAsk> parse_resume_ask(std::string_view content) {
  const json body = json::parse(content, nullptr, false);
  ResumeAsk ask;
  if (!body.is_object() || !body.contains("msg_ids") || !read(body, "msg_ids", ask.ids))
    return Error{Errc::bad_json, "a question after a broken connection has no list of msg_ids"};
  ask.round = round_of(body);
  if (const auto resend = body.find("resend"); resend != body.end() && resend->is_boolean())
    ask.resend = resend->get<bool>();
  return ask;
}

Result<Fates> parse_fates(std::string_view content) {
  const json body = json::parse(content, nullptr, false);
  Fates fates;
  if (!body.is_object() || !read(body, "held", fates.held) || !read(body, "done", fates.done) ||
      !read(body, "lost", fates.lost) || !read(body, "unknown", fates.unknown) ||
      !read(body, "doubtful", fates.doubtful))
    return Error{Errc::bad_json, "an answer after a broken connection is not lists of msg_ids"};
  fates.round = round_of(body);
  return fates;
}

}  // namespace camshaft::wire
