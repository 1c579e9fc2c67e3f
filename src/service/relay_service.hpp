// service/relay_service.hpp: the channels that the controller only passes on: direct (mux), control and iopub.
// Thread: that of its loop. Owns: its sockets.
// Errors: a request to an engine that is not there is answered with an EngineError; malformed messages are dropped and
//         counted.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "core/log.hpp"
#include "net/loop.hpp"
#include "service/engine_channel.hpp"
#include "service/origin.hpp"

namespace camshaft::service {

/// Where each channel listens: full addresses such as "tcp://127.0.0.1:*".
struct ChannelAddresses {
  std::string client;
  std::string engine;
};

/// Hears the traffic that task records are made of. Called on the relay's thread; must be quick.
struct RelayTap {
  std::function<void(Frames)> mux_request;  // [engine, client, message...]
  std::function<void(Frames)> mux_reply;    // [client, engine, message...]
  std::function<void(Frames)> output;       // [topic, message...]
};

/// One two-sided ROUTER relay: swaps the first two frames, looks at nothing else (protocol 3.2).
class PairRelay final {
 public:
  PairRelay(net::Context& context, net::Loop& loop, std::string name, const ChannelAddresses& addresses, Origin& origin,
            Log& log);

  int client_port() const { return clients_.port(); }
  int engine_port() const { return engines_.port(); }
  EngineChannel& engines() { return channel_; }

  std::function<void(Frames)> on_request;  // as sent to the engine; may be empty
  std::function<void(Frames)> on_reply;    // as sent to the client; may be empty

 private:
  void refuse(const EngineId& engine, const Frames& frames);

  std::string name_;
  Origin& origin_;
  Log& log_;
  net::Socket clients_;
  net::Socket engines_;
  EngineChannel channel_;
};

class RelayService final {
 public:
  RelayService(net::Context& context, net::Loop& loop, const ChannelAddresses& mux, const ChannelAddresses& control,
               const ChannelAddresses& iopub, Origin origin, RelayTap tap, Log& log);

  PairRelay& mux() { return mux_; }
  PairRelay& control() { return control_; }
  int iopub_client_port() const { return iopub_clients_.port(); }
  int iopub_engine_port() const { return iopub_engines_.port(); }

  void engine_joined(const EngineId& engine);
  /// Holds messages for an engine of an earlier controller for a while, as for one that has joined.
  void expect(const EngineId& engine) { engine_joined(engine); }
  void engine_left(const EngineId& engine);
  /// Asks an engine, or its nanny, for a signal to its process; nobody waits for the answer.
  void send_signal(const EngineId& engine, int signal);

 private:
  Origin origin_;
  RelayTap tap_;
  PairRelay mux_;
  PairRelay control_;
  net::Socket iopub_engines_;
  net::Socket iopub_clients_;
};

}  // namespace camshaft::service
