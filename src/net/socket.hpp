// net/socket.hpp: ZeroMQ sockets as RAII values-with-identity; the only header besides loop.hpp that services need.
// Thread: a Socket is made, used and destroyed on one thread; a Context is shared.
// Owns:   the socket. The small frames of a received message share one allocation; large ones are never copied.
// Errors: constructors throw NetError (bad address, address in use); send() and receive() report by value.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.hpp"
#include "core/result.hpp"
#include "net/curve.hpp"

namespace camshaft::net {

/// A socket could not be made, bound or connected; what() says which address and why.
struct NetError : std::runtime_error {
  explicit NetError(const std::string& what, int number = 0) : std::runtime_error(what), code(number) {}
  int code;  // errno of a failed bind, else 0
};

class Context final {
 public:
  explicit Context(int io_threads = 1);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* handle() const { return handle_; }

  /// Sockets that are made from now on are encrypted, those of inproc excepted.
  void encrypt(Curve curve) { curve_ = std::move(curve); }
  const std::optional<Curve>& curve() const { return curve_; }

 private:
  void* handle_;
  std::optional<Curve> curve_;
};

enum class SocketType { router, dealer, pub, sub, xpub, pair, push, pull };

struct SocketOptions {
  SocketType type;
  std::string identity;           // "" = anonymous
  std::vector<std::string> bind;  // "tcp://127.0.0.1:*" asks for a free port, see port()
  std::vector<std::string> connect;
  std::chrono::milliseconds linger{0};  // how long undelivered messages may hold up the end
  int hwm = 0;                          // 0 = unlimited, both ways
  bool mandatory = false;               // router: send() to an unknown peer says so instead of dropping
  bool handover = false;                // router: a newcomer with a known identity replaces the old connection
  bool subscribe_all = false;           // sub: everything
  std::string subscribe_also;           // sub: a topic whose arrival an xpub at the other end can notice
  bool watch_peer = false;              // connect: notice a peer that falls silent within 10 s, and connect again
  bool monitor = false;                 // events() reports connections; see Socket::on_events in Loop
};

/// What a monitored socket says of its connections.
struct SocketEvent {
  enum class Kind { connected, handshaken, disconnected } kind;
  int descriptor;  // with disconnected on a bound socket: matches Received::descriptor
  std::string endpoint;
};

/// A received message and the descriptor of the connection it came by (-1 when unknown; known on monitored sockets).
struct Received {
  Frames frames;
  int descriptor = -1;
};

enum class Sent { ok, no_such_peer, would_block };

class Socket final {
 public:
  Socket(Context& context, const SocketOptions& options);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// The port of the nth bound tcp address.
  int port(std::size_t nth = 0) const;
  void connect(const std::string& endpoint);
  void disconnect(const std::string& endpoint);
  /// Undelivered messages are dropped at the end, and the socket does not connect again for them meanwhile.
  void abandon();

  /// Sends without blocking. Small frames are copied, large ones travel by reference.
  Sent send(const Frames& frames);
  /// The next message, or nullopt when none waits.
  std::optional<Frames> receive();
  /// The same, with the descriptor of the connection.
  std::optional<Received> receive_with_descriptor();
  /// The next connection event of a monitored socket, or nullopt.
  std::optional<SocketEvent> next_event();

  void* handle() const { return handle_; }
  void* monitor_handle() const { return monitor_; }
  /// Grow with all that may have used up what the sockets' descriptors told (zmq_getsockopt(3), ZMQ_FD).
  std::uint64_t uses() const { return uses_; }
  std::uint64_t monitor_uses() const { return monitor_uses_; }

 private:
  void* handle_;
  void* monitor_ = nullptr;
  std::uint64_t uses_ = 0, monitor_uses_ = 0;
  std::vector<std::string> endpoints_;
};

}  // namespace camshaft::net
