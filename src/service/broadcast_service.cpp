#include "service/broadcast_service.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "wire/json.hpp"

namespace camshaft::service {

namespace {

using nlohmann::json;

json object_of(const Blob& text) {
  json value = json::parse(text.view(), nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : json::object();
}

// [[uuid, number], ...]; anything else is skipped.
std::vector<sched::BroadcastTarget> read_targets(const json& metadata) {
  std::vector<sched::BroadcastTarget> targets;
  const auto list = metadata.find("targets");
  if (list == metadata.end() || !list->is_array()) return targets;
  for (const json& pair : *list)
    if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_number_unsigned())
      targets.push_back({EngineId(pair[0].get<std::string>()), EngineNumber(pair[1].get<std::int32_t>())});
  return targets;
}

json write_targets(const std::vector<sched::BroadcastTarget>& targets) {
  json list = json::array();
  for (const auto& target : targets) list.push_back({target.engine.value, to_int(target.number)});
  return list;
}

std::string text_or(const json& object, const char* key, std::string fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::move(fallback);
}

bool flag(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

BroadcastService::BroadcastService(net::Context& context, net::Loop& loop, const std::string& clients,
                                   const std::vector<std::string>& engines, Origin origin, Log& log)
    : origin_(std::move(origin)),
      log_(log),
      clients_(context, {.type = net::SocketType::router, .identity = "sub_scheduler_0", .bind = {clients}}) {
  loop.on_message(clients_, [this](net::Received&& received) { handle_request(std::move(received.frames)); });
  for (std::size_t i = 0; i < engines.size(); ++i) {
    net::SocketOptions options{.type = net::SocketType::router};
    options.identity = fmt::format("sub_scheduler_leaf_{}", i);
    options.bind = {engines[i]};
    options.mandatory = true;
    options.handover = true;
    leaves_.push_back(std::make_unique<Leaf>(
        context, loop, options, [this](const EngineId& engine, const Frames& frames) { refuse(engine, frames); }));
    loop.on_message(leaves_.back()->socket,
                    [this](net::Received&& received) { handle_reply(std::move(received.frames)); });
  }
}

std::vector<int> BroadcastService::engine_ports() const {
  std::vector<int> ports;
  for (const auto& leaf : leaves_) ports.push_back(leaf->socket.port());
  return ports;
}

void BroadcastService::engine_joined(const EngineId& engine) {
  for (const auto& leaf : leaves_) leaf->channel.engine_joined(engine);
}

void BroadcastService::engine_left(const EngineId& engine) {
  for (const auto& leaf : leaves_) leaf->channel.engine_left(engine);
  collector_.engine_left(engine);
}

void BroadcastService::handle_request(Frames frames) {
  auto request = wire::decode(std::move(frames), origin_.signer());
  if (!request || request->parts.identities.empty()) {
    if (dropped_.noteworthy()) log_.warning("broadcast: dropped a bad request ({} dropped so far)", dropped_.count());
    return;
  }
  const wire::Parts& parts = request->parts;
  json metadata = object_of(parts.metadata);
  const MsgId original(text_or(metadata, "original_msg_id", request->header.msg_id.value));
  metadata["original_msg_id"] = original.value;
  const auto targets = read_targets(metadata);
  if (flag(metadata, "is_coalescing"))
    collector_.start(original, ClientId(parts.identities[0].str()), targets, leaves_.size());

  json header = object_of(parts.header);
  const Blob shared_metadata = Blob::of(metadata.dump());
  for (const auto& target : targets) {
    header["msg_id"] = sched::broadcast_child(original, target.engine).value;
    wire::Outgoing copy;
    copy.identities = {Blob::of(target.engine.value), parts.identities[0]};
    copy.header = Blob::of(header.dump());
    copy.parent = parts.parent;
    copy.metadata = shared_metadata;
    copy.content = parts.content;
    copy.buffers = parts.buffers;
    Leaf& leaf = *leaves_[sched::broadcast_leaf(target.number, leaves_.size())];
    leaf.channel.send(target.engine, wire::encode(std::move(copy), origin_.signer()));
  }
}

void BroadcastService::handle_reply(Frames frames) {
  auto reply = wire::decode(std::move(frames), origin_.signer());
  if (!reply || reply->parts.identities.size() < 2) {
    if (dropped_.noteworthy()) log_.warning("broadcast: dropped a bad reply ({} dropped so far)", dropped_.count());
    return;
  }
  wire::Parts& parts = reply->parts;
  json metadata = object_of(parts.metadata);
  const EngineId engine(parts.identities[0].str());
  if (!flag(metadata, "is_coalescing")) {
    std::swap(parts.identities[0], parts.identities[1]);
    clients_.send(wire::join(parts));
    return;
  }
  sched::BroadcastReply one{text_or(metadata, "status", "ok") != "ok",
                            parts.header,
                            parts.parent,
                            parts.metadata,
                            parts.content,
                            parts.buffers};
  const auto whole = collector_.reply(MsgId(text_or(metadata, "original_msg_id", "")), engine, std::move(one));
  if (!whole) return;
  json combined = object_of(whole->reply.metadata);
  combined["broadcast_targets"] = write_targets(whole->targets);
  wire::Outgoing out;
  out.identities = {Blob::of(whole->client.value)};
  out.header = whole->reply.header;
  out.parent = whole->reply.parent;
  out.metadata = Blob::of(combined.dump());
  out.content = whole->reply.content;
  out.buffers = whole->reply.buffers;
  clients_.send(wire::encode(std::move(out), origin_.signer()));
}

void BroadcastService::refuse(const EngineId& engine, const Frames& frames) {
  const auto request = wire::decode(frames, origin_.signer());
  if (!request || request->parts.identities.size() < 2) return;
  const json metadata = object_of(request->parts.metadata);
  const std::string why =
      fmt::format("engine {} is not connected to this controller (it died or was never registered)", engine.value);
  json reply_metadata = {{"status", "error"},
                         {"engine", engine.value},
                         {"is_broadcast", true},
                         {"is_coalescing", flag(metadata, "is_coalescing")},
                         {"original_msg_id", text_or(metadata, "original_msg_id", "")}};
  const char* type = request->header.msg_type == "execute_request" ? "execute_reply" : "apply_reply";
  Frames reply = origin_.message({request->parts.identities[0], request->parts.identities[1]}, type,
                                 request->parts.header, wire::error_content("EngineError", why), reply_metadata.dump());
  handle_reply(std::move(reply));
}

}  // namespace camshaft::service
