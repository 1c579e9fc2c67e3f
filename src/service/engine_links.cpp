#include "service/engine_links.hpp"

#include <sys/stat.h>

#include <charconv>
#include <utility>

namespace camshaft::service {

using engine::Link;

namespace {

// Enough for a farewell to leave the machine; a dead controller must not hold up the end of an engine.
constexpr std::chrono::milliseconds kLinger{500};

net::SocketOptions options(net::SocketType type, const EngineId& uuid) {
  net::SocketOptions made{type};
  made.identity = uuid.value;
  made.linger = kLinger;
  made.monitor = true;
  made.watch_peer = true;
  return made;
}

int port_of(const std::string& endpoint) {
  const std::size_t at = endpoint.find_last_of(":-");
  int port = 0;
  if (at != std::string::npos) std::from_chars(endpoint.data() + at + 1, endpoint.data() + endpoint.size(), port);
  return port;
}

}  // namespace

Result<std::unique_ptr<EngineLinks>> EngineLinks::connect(net::Context& context, net::Loop& loop,
                                                          const wire::EngineConnection& connection,
                                                          const EngineId& uuid, Handlers handlers) {
  try {
    return std::unique_ptr<EngineLinks>(new EngineLinks(context, loop, connection, uuid, std::move(handlers)));
  } catch (const net::NetError& error) {
    return Error{Errc::bad_value, error.what()};
  }
}

EngineLinks::EngineLinks(net::Context& context, net::Loop& loop, const wire::EngineConnection& connection,
                         const EngineId& uuid, Handlers handlers)
    : loop_(loop),
      connection_(connection),
      handlers_(std::move(handlers)),
      registration_(context, options(net::SocketType::dealer, uuid)),
      shell_(context, options(net::SocketType::router, uuid)),
      control_(context, options(net::SocketType::router, uuid)),
      // XPUB, not PUB: it says when the relay has subscribed, so that no early output is lost.
      iopub_(context, options(net::SocketType::xpub, uuid)),
      hb_ping_(context,
               [&] {
                 auto made = options(net::SocketType::sub, uuid);
                 made.subscribe_all = true;
                 return made;
               }()),
      hb_pong_(context, options(net::SocketType::dealer, uuid)) {
  address_ = url(connection_.registration);
  registration_.connect(address_);
  shell_.connect(url(connection_.mux));
  shell_.connect(url(connection_.task));
  control_.connect(url(connection_.control));
  iopub_.connect(url(connection_.iopub));
  hb_ping_.connect(url(connection_.hb_ping));
  hb_pong_.connect(url(connection_.hb_pong));

  watch(registration_, Link::registration);
  watch(control_, Link::control);
  watch(iopub_, Link::iopub);
  watch(hb_ping_, Link::hb_ping);
  watch(hb_pong_, Link::hb_pong);
  loop_.on_event(shell_, [this](const net::SocketEvent& event) {
    if (event.kind == net::SocketEvent::Kind::connected) return;
    const bool up = event.kind == net::SocketEvent::Kind::handshaken;
    const int port = port_of(event.endpoint);
    if (port == connection_.mux) handlers_.on_link(Link::mux, up);
    if (port == connection_.task) handlers_.on_link(Link::task, up);
    if (port == broadcast_port_) handlers_.on_link(Link::broadcast, up);
  });
  loop_.on_message(iopub_, [this](net::Received&& received) {
    const std::string_view first = received.frames.empty() ? std::string_view() : received.frames.front().view();
    if (!first.empty() && first[0] == '\x01') handlers_.on_link(Link::subscription, true);
  });
  loop_.on_message(registration_,
                   [this](net::Received&& received) { handlers_.on_registration(std::move(received.frames)); });
  listen();
}

EngineLinks::~EngineLinks() {
  for (net::Socket* socket : {&registration_, &shell_, &control_, &iopub_, &hb_ping_, &hb_pong_}) loop_.forget(*socket);
}

void EngineLinks::abandon() {
  for (net::Socket* socket : {&registration_, &shell_, &control_, &iopub_, &hb_ping_, &hb_pong_}) socket->abandon();
}

void EngineLinks::watch(net::Socket& socket, Link link) {
  loop_.on_event(socket, [this, link](const net::SocketEvent& event) {
    if (event.kind == net::SocketEvent::Kind::connected) return;
    handlers_.on_link(link, event.kind == net::SocketEvent::Kind::handshaken);
  });
}

void EngineLinks::listen() {
  loop_.on_message(shell_, [this](net::Received&& received) { handlers_.on_shell(std::move(received.frames)); });
  loop_.on_message(control_, [this](net::Received&& received) { handlers_.on_control(std::move(received.frames)); });
  loop_.on_message(hb_ping_, [this](net::Received&& received) { handlers_.on_ping(std::move(received.frames)); });
}

void EngineLinks::settle() {
  for (net::Socket* socket : {&shell_, &control_, &iopub_, &hb_ping_, &hb_pong_}) loop_.forget(*socket);
  listen();
}

Result<Done> EngineLinks::connect_broadcast(EngineNumber number) {
  const auto& leaves = connection_.broadcast;
  if (leaves.empty()) return Error{Errc::bad_value, "the connection file has no broadcast ports"};
  const auto count = static_cast<std::int32_t>(leaves.size());
  broadcast_port_ = leaves[static_cast<std::size_t>(((to_int(number) % count) + count) % count)];
  try {
    shell_.connect(url(broadcast_port_));
  } catch (const net::NetError& error) {
    return Error{Errc::bad_value, error.what()};
  }
  return Done{};
}

std::string EngineLinks::url(int port) const {
  std::string address = wire::url(connection_, port);
  // The original's controller binds ipc addresses with a dash where its peers connect with a colon.
  constexpr std::string_view ipc = "ipc://";
  if (address.compare(0, ipc.size(), ipc) == 0) {
    struct stat found;
    std::string dashed = address;
    dashed[address.rfind(':')] = '-';
    if (stat(address.c_str() + ipc.size(), &found) != 0 && stat(dashed.c_str() + ipc.size(), &found) == 0)
      return dashed;
  }
  return address;
}

}  // namespace camshaft::service
