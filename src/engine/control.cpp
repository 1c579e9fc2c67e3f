#include "engine/control.hpp"

#include <charconv>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

namespace camshaft::engine {

namespace {

using nlohmann::json;

// The ids that a request names, none when it names none, as the Request that `make` makes of them.
template <class Make>
ControlRequest read_ids(const json& content, Make make) {
  const BadControl bad{"TypeError", "msg_ids must be a string or a list of strings"};
  std::vector<MsgId> ids;
  const auto found = content.find("msg_ids");
  if (found == content.end() || found->is_null()) return make(std::move(ids));
  if (found->is_string()) return make({MsgId(found->get<std::string>())});
  if (!found->is_array()) return bad;
  for (const json& id : *found) {
    if (!id.is_string()) return bad;
    ids.emplace_back(id.get<std::string>());
  }
  return make(std::move(ids));
}

ControlRequest read_signal(const json& content) {
  const auto sig = content.find("sig");
  if (sig == content.end()) return BadControl{"KeyError", "'sig'"};
  if (sig->is_number_integer()) {
    const auto number = sig->get<std::int64_t>();
    if (number < 0 || number >= NSIG) return BadControl{"ValueError", "signal number out of range: " + sig->dump()};
    return SignalRequest{static_cast<int>(number)};
  }
  if (sig->is_string()) {
    if (const auto number = signal_number(sig->get<std::string>())) return SignalRequest{*number};
  }
  return BadControl{"ValueError", "no such signal on this engine: " + sig->dump()};
}

}  // namespace

std::optional<int> signal_number(std::string_view name) {
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size())
    return number >= 0 && number < NSIG ? std::optional(number) : std::nullopt;
  if (name.substr(0, 3) == "SIG") name.remove_prefix(3);
  for (int candidate = 1; candidate < NSIG; ++candidate) {
    const char* abbreviation = sigabbrev_np(candidate);
    if (abbreviation != nullptr && name == abbreviation) return candidate;
  }
  return std::nullopt;
}

ControlRequest read_control(std::string_view msg_type, std::string_view content) {
  const json body = json::parse(content, nullptr, false);
  if (!body.is_object()) return BadControl{"ValueError", "the content of a control message must be a JSON object"};
  using Ids = std::vector<MsgId>;
  if (msg_type == "abort_request") return read_ids(body, [](Ids ids) { return AbortRequest{std::move(ids)}; });
  if (msg_type == "recall_request") return read_ids(body, [](Ids ids) { return RecallRequest{std::move(ids)}; });
  if (msg_type == "kill_request") return read_ids(body, [](Ids ids) { return KillRequest{std::move(ids)}; });
  if (msg_type == "signal_request") return read_signal(body);
  if (msg_type == "interrupt_request") {
    if (!body.contains("msg_ids")) return InterruptRequest{};
    return read_ids(body, [](Ids ids) { return InterruptRequest{std::move(ids)}; });
  }
  if (msg_type == "clear_request") return ClearRequest{};
  if (msg_type == "kernel_info_request") return KernelInfoRequest{};
  if (msg_type == "shutdown_request") {
    const auto restart = body.find("restart");
    return ShutdownRequest{restart != body.end() && restart->is_boolean() && restart->get<bool>()};
  }
  return UnknownControl{};
}

bool is_about_tasks(std::string_view msg_type) {
  return msg_type == "recall_request" || msg_type == "interrupt_request" || msg_type == "kill_request";
}

std::string reply_type(std::string_view request_type) {
  constexpr std::string_view suffix = "_request";
  if (request_type.size() > suffix.size() && request_type.substr(request_type.size() - suffix.size()) == suffix)
    request_type.remove_suffix(suffix.size());
  return std::string(request_type) + "_reply";
}

}  // namespace camshaft::engine
