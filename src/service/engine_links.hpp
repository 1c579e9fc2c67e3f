// service/engine_links.hpp: an engine's sockets to one controller, and which of their connections stand.
// Thread: made, used and destroyed on the loop's thread.
// Owns:   the sockets; they leave the loop with it. A new controller means new links.
// Errors: connect() returns one line for an address that cannot be used.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/ids.hpp"
#include "engine/membership.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {

class EngineLinks final {
 public:
  struct Handlers {
    std::function<void(Frames)> on_registration, on_shell, on_control, on_ping;
    std::function<void(engine::Link, bool up)> on_link;
  };

  static Result<std::unique_ptr<EngineLinks>> connect(net::Context& context, net::Loop& loop,
                                                      const wire::EngineConnection& connection, const EngineId& uuid,
                                                      Handlers handlers);
  ~EngineLinks();
  EngineLinks(const EngineLinks&) = delete;
  EngineLinks& operator=(const EngineLinks&) = delete;

  /// The leaf of the broadcast tree depends on the engine's number.
  Result<Done> connect_broadcast(EngineNumber number);
  /// Stops watching connections other than the registration's: the loop has less to poll.
  void settle();

  /// The end of these links sends nothing more: sockets that lingered would meet the next ones under the same name.
  void abandon();

  void send_registration(const Frames& frames) { registration_.send(frames); }
  void send_shell(const Frames& frames) { shell_.send(frames); }
  void send_control(const Frames& frames) { control_.send(frames); }
  void send_iopub(const Frames& frames) { iopub_.send(frames); }
  void send_pong(const Frames& frames) { hb_pong_.send(frames); }

  const std::string& address() const { return address_; }

 private:
  EngineLinks(net::Context& context, net::Loop& loop, const wire::EngineConnection& connection, const EngineId& uuid,
              Handlers handlers);
  std::string url(int port) const;
  void watch(net::Socket& socket, engine::Link link);
  void listen();

  net::Loop& loop_;
  wire::EngineConnection connection_;
  Handlers handlers_;
  std::string address_;
  net::Socket registration_, shell_, control_, iopub_, hb_ping_, hb_pong_;
  int broadcast_port_ = 0;
};

}  // namespace camshaft::service
