#include "service/tell_controller.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>

#include "service/connection_question.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {
namespace {

using nlohmann::json;

bool lists(const json& reply, const std::string& uuid) {
  const auto engines = reply.find("engines");
  if (engines == reply.end() || !engines->is_object()) return false;
  return std::any_of(engines->begin(), engines->end(), [&](const json& one) { return one == uuid; });
}

/// `concerns` sees what the controller says of itself first.
Told tell(const ControllerPlace& place, const std::function<bool(const json&)>& concerns, const char* msg_type,
          const json& content, Duration patience) {
  auto connection = wire::parse_engine_connection(place.connection);
  if (!connection) return Told::nobody;
  if (place.location) connection->location = *place.location;
  if (place.key) connection->key = *place.key;
  const auto question = ConnectionQuestion::ask(
      wire::url(*connection, connection->registration), connection->signature_scheme, connection->key,
      connection->curve_serverkey.value_or(place.curve_serverkey.value_or("")));
  if (!question) return Told::nobody;
  const auto answer = (*question)->answer(patience);
  if (!answer) return Told::nobody;
  const json reply = json::parse(*answer, nullptr, false);
  if (!reply.is_object() || !concerns(reply)) return Told::unknown;
  if (!reply.contains("camshaft")) return Told::original;
  (*question)->say(msg_type, content.dump(-1, ' ', false, json::error_handler_t::replace));
  return (*question)->answer(patience) ? Told::told : Told::nobody;
}

}  // namespace

Told tell_end(const ControllerPlace& place, const EngineEnd& end, Duration patience) {
  std::array<char, 256> host{};
  (void)!::gethostname(host.data(), host.size() - 1);
  return tell(
      place, [&](const json& reply) { return lists(reply, end.uuid); }, "camshaft_engine_exit",
      {{"host", host.data()}, {"pid", end.pid}, {"reason", end.how}}, patience);
}

Told tell_signal(const ControllerPlace& place, const std::string& set, int signal, Duration patience) {
  return tell(
      place, [](const json&) { return true; }, "camshaft_engine_signal", {{"set", set}, {"sig", signal}}, patience);
}

}  // namespace camshaft::service
