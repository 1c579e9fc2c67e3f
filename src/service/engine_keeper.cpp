#include "service/engine_keeper.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json.hpp>

#include "service/connection_question.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {
namespace {

using nlohmann::json;

const cluster::EngineRef kOurs{};  // a keeper has one engine

bool lists(const json& reply, const std::string& uuid) {
  const auto engines = reply.find("engines");
  if (engines == reply.end() || !engines->is_object()) return false;
  return std::any_of(engines->begin(), engines->end(), [&](const json& one) { return one == uuid; });
}

}  // namespace

EngineKeeper::EngineKeeper(int restarts) : restarts_(cluster::RestartPolicy{.most = restarts}) {}

void EngineKeeper::started() { restarts_.started(kOurs, clock_.now()); }

std::string EngineKeeper::how(const cluster::Exit& exit) const {
  return cluster::describe(exit) + (exit.signal == SIGKILL && memory_kills_.lately() ? ", probably out of memory" : "");
}

std::optional<Duration> EngineKeeper::again() {
  const TimePoint now = clock_.now();
  const auto next = restarts_.died(kOurs, now);
  if (!next) return std::nullopt;
  return std::max<Duration>(next->at - now, Duration::zero());
}

Told tell_end(const EngineEnd& end, Duration patience) {
  auto connection = wire::parse_engine_connection(end.connection);
  if (!connection) return Told::nobody;
  if (end.location) connection->location = *end.location;
  if (end.key) connection->key = *end.key;
  const auto question =
      ConnectionQuestion::ask(wire::url(*connection, connection->registration), connection->signature_scheme,
                              connection->key, connection->curve_serverkey.value_or(end.curve_serverkey.value_or("")));
  if (!question) return Told::nobody;
  const auto answer = (*question)->answer(patience);
  if (!answer) return Told::nobody;
  const json reply = json::parse(*answer, nullptr, false);
  if (!reply.is_object() || !lists(reply, end.uuid)) return Told::unknown;
  // The original would complain of a message that it does not know.
  if (reply.contains("camshaft")) {
    std::array<char, 256> host{};
    (void)!::gethostname(host.data(), host.size() - 1);
    const json content{{"host", host.data()}, {"pid", end.pid}, {"reason", end.how}};
    (*question)->say("camshaft_engine_exit", content.dump(-1, ' ', false, json::error_handler_t::replace));
    (void)(*question)->answer(patience);
  }
  return Told::listed;
}

}  // namespace camshaft::service
