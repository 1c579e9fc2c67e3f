// service/broadcast_service.hpp: one request to many engines. The original's tree of scheduler processes collapses
// into one relay: same client port, same leaf ports, same rewriting of messages (protocol 4.9).
// Thread: that of its loop. Owns: its sockets.
// Errors: bad signatures are dropped and counted; an engine that is not there is answered for with an EngineError.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/tally.hpp"
#include "net/loop.hpp"
#include "sched/broadcast.hpp"
#include "service/engine_channel.hpp"
#include "service/origin.hpp"

namespace camshaft::service {

class BroadcastService final {
 public:
  /// `engines` has one address per leaf: 2^depth of them.
  BroadcastService(net::Context& context, net::Loop& loop, const std::string& clients,
                   const std::vector<std::string>& engines, Origin origin, Log& log);

  int client_port() const { return clients_.port(); }
  std::vector<int> engine_ports() const;

  void engine_joined(const EngineId& engine);
  void engine_left(const EngineId& engine);

 private:
  struct Leaf {
    Leaf(net::Context& context, net::Loop& loop, const net::SocketOptions& options,
         EngineChannel::Undeliverable undeliverable)
        : socket(context, options), channel(socket, loop, std::move(undeliverable)) {}
    net::Socket socket;
    EngineChannel channel;
  };
  void handle_request(Frames frames);
  void handle_reply(Frames frames);
  void refuse(const EngineId& engine, const Frames& frames);

  Origin origin_;
  Log& log_;
  Tally dropped_;
  sched::BroadcastCollector collector_;
  net::Socket clients_;
  std::vector<std::unique_ptr<Leaf>> leaves_;
};

}  // namespace camshaft::service
