#include "engine/control.hpp"

#include <charconv>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

namespace camshaft::engine {

namespace {

using nlohmann::json;

ControlRequest read_abort(const json& content) {
  AbortRequest request;
  const auto ids = content.find("msg_ids");
  if (ids == content.end() || ids->is_null()) return request;
  if (ids->is_string()) {
    request.ids.emplace_back(ids->get<std::string>());
    return request;
  }
  if (!ids->is_array()) return BadControl{"TypeError", "msg_ids must be a string or a list of strings"};
  for (const json& id : *ids) {
    if (!id.is_string()) return BadControl{"TypeError", "msg_ids must be a string or a list of strings"};
    request.ids.emplace_back(id.get<std::string>());
  }
  return request;
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
  if (msg_type == "abort_request") return read_abort(body);
  if (msg_type == "signal_request") return read_signal(body);
  if (msg_type == "interrupt_request") return InterruptRequest{};
  if (msg_type == "clear_request") return ClearRequest{};
  if (msg_type == "kernel_info_request") return KernelInfoRequest{};
  if (msg_type == "shutdown_request") {
    const auto restart = body.find("restart");
    return ShutdownRequest{restart != body.end() && restart->is_boolean() && restart->get<bool>()};
  }
  return UnknownControl{};
}

std::string reply_type(std::string_view request_type) {
  constexpr std::string_view suffix = "_request";
  if (request_type.size() > suffix.size() && request_type.substr(request_type.size() - suffix.size()) == suffix)
    request_type.remove_suffix(suffix.size());
  return std::string(request_type) + "_reply";
}

}  // namespace camshaft::engine
