#include "service/relay_service.hpp"

#include <fmt/format.h>

#include <utility>

#include "wire/json.hpp"

namespace camshaft::service {

namespace {

net::SocketOptions router(const std::string& address, std::string identity, bool towards_engines) {
  net::SocketOptions options{.type = net::SocketType::router};
  options.identity = std::move(identity);
  options.bind = {address};
  options.mandatory = towards_engines;
  options.handover = true;  // a peer that lost its connection is back under its name
  return options;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

PairRelay::PairRelay(net::Context& context, net::Loop& loop, std::string name, const ChannelAddresses& addresses,
                     Origin& origin, Log& log)
    : name_(std::move(name)),
      origin_(origin),
      log_(log),
      clients_(context, router(addresses.client, name_ + "_in", false)),
      engines_(context, router(addresses.engine, name_ + "_out", true)),
      channel_(engines_, loop, [this](const EngineId& engine, const Frames& frames) { refuse(engine, frames); }) {
  loop.on_message(clients_, [this](net::Received&& received) {
    Frames& frames = received.frames;
    if (frames.size() < 2) return log_.warning("{}: dropped a client message without an engine to send it to", name_);
    std::swap(frames[0], frames[1]);
    if (on_request) on_request(frames);
    const EngineId engine(frames[0].str());
    channel_.send(engine, std::move(frames));
  });
  loop.on_message(engines_, [this](net::Received&& received) {
    Frames& frames = received.frames;
    if (frames.size() < 2) return log_.debug("{}: dropped an engine message without a client to send it to", name_);
    std::swap(frames[0], frames[1]);
    clients_.send(frames);
    if (on_reply) on_reply(std::move(frames));
  });
}

// Only a verified request is answered: whoever lacks the key learns nothing.
void PairRelay::refuse(const EngineId& engine, const Frames& frames) {
  const auto request = wire::decode(frames, origin_.signer());
  if (!request || request->parts.identities.size() < 2) return;
  const std::string& type = request->header.msg_type;
  if (!ends_with(type, "_request")) return;  // comm messages expect no answer
  const std::string reply = type.substr(0, type.size() - std::string_view("_request").size()) + "_reply";
  const std::string why =
      fmt::format("engine {} is not connected to this controller (it died or was never registered)", engine.value);
  // As a relayed reply would look: the client's routing id, then the engine's identity.
  Frames answer = origin_.message({request->parts.identities[1], request->parts.identities[0]}, reply,
                                  request->parts.header, wire::error_content("EngineError", why),
                                  fmt::format(R"({{"status":"error","engine":{}}})", wire::quote(engine.value)));
  clients_.send(answer);
  if (on_reply) on_reply(std::move(answer));
}

RelayService::RelayService(net::Context& context, net::Loop& loop, const ChannelAddresses& mux,
                           const ChannelAddresses& control, const ChannelAddresses& iopub, Origin origin, RelayTap tap,
                           Log& log)
    : origin_(std::move(origin)),
      tap_(std::move(tap)),
      mux_(context, loop, "mux", mux, origin_, log),
      control_(context, loop, "control", control, origin_, log),
      iopub_engines_(context, {.type = net::SocketType::sub, .bind = {iopub.engine}, .subscribe_all = true}),
      iopub_clients_(context, {.type = net::SocketType::pub, .bind = {iopub.client}}) {
  mux_.on_request = tap_.mux_request;
  mux_.on_reply = tap_.mux_reply;
  loop.on_message(iopub_engines_, [this](net::Received&& received) {
    iopub_clients_.send(received.frames);
    // Busy and idle are most of the traffic and leave no trace in a record.
    if (tap_.output && !ends_with(received.frames.front().view(), ".status")) tap_.output(std::move(received.frames));
  });
}

void RelayService::engine_joined(const EngineId& engine) {
  mux_.engines().engine_joined(engine);
  control_.engines().engine_joined(engine);
}

void RelayService::send_signal(const EngineId& engine, int signal) {
  // The second name is where the answer is routed to: no client has it, so it ends there.
  control_.engines().send(engine,
                          origin_.message({Blob::of(engine.value), Blob::of_static("camshaft-tasks")}, "signal_request",
                                          Blob::of_static("{}"), "{\"sig\":" + std::to_string(signal) + "}"));
}

void RelayService::engine_left(const EngineId& engine) {
  mux_.engines().engine_left(engine);
  control_.engines().engine_left(engine);
}

}  // namespace camshaft::service
