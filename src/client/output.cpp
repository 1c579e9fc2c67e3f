#include "client/output.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace camshaft::client {

void append_stream(std::string& screen, std::string_view text) {
  while (!text.empty()) {
    if (!screen.empty() && screen.back() == '\r' && text.front() != '\n') {
      const auto line = screen.rfind('\n');
      screen.resize(line == std::string::npos ? 0 : line + 1);
    }
    // Everything up to and including the next carriage return goes in as it is; what comes after it decides.
    const auto end = text.find('\r');
    const auto taken = end == std::string_view::npos ? text.size() : end + 1;
    screen.append(text.substr(0, taken));
    text.remove_prefix(taken);
  }
}

bool is_idle(const OutputMessage& message) {
  if (message.msg_type != "status") return false;
  const auto content = nlohmann::json::parse(message.content.view(), nullptr, false);
  const auto state = content.is_object() ? content.find("execution_state") : content.end();
  return content.is_object() && state != content.end() && *state == "idle";
}

void Output::add(OutputMessage message) {
  if (message.msg_type == "status") return;
  ++changes;
  if (message.msg_type != "stream") {
    messages.push_back(std::move(message));
    return;
  }
  const auto content = nlohmann::json::parse(message.content.view(), nullptr, false);
  if (!content.is_object()) return;
  const auto text = content.find("text");
  const auto name = content.find("name");
  if (text == content.end() || !text->is_string()) return;
  const bool is_err = name != content.end() && *name == "stderr";
  append_stream(is_err ? err : out, text->get_ref<const std::string&>());
}

}  // namespace camshaft::client
