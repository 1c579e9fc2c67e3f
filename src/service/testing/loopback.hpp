// service/testing/loopback.hpp: ring 2 of the tests: one service and its peers in one thread, over loopback.
// Thread: one. Owns: the context, the loop, the clock. Errors: pump_until says false when its step limit is reached.
#pragma once
#include <functional>
#include <string>

#include "core/log.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "service/origin.hpp"

namespace camshaft::service::testing {

inline constexpr const char* kKey = "0badcafe-0123456789abcdef01234567";
inline constexpr const char* kAnyPort = "tcp://127.0.0.1:*";

struct Loopback {
  net::Context context;
  SystemClock clock;
  net::Loop loop{clock};
  NullLog log;

  static wire::Signer signer() { return wire::Signer::make("hmac-sha256", kKey).value(); }
  Origin origin(const char* session = "s", int number = 1) const {
    return Origin(signer(), SessionId(session), "user", number, clock);
  }
  /// Runs the loop until `done`; false after 500 rounds without it (about five seconds when nothing happens).
  bool pump_until(const std::function<bool()>& done) {
    for (int round = 0; round < 500; ++round) {
      if (done()) return true;
      loop.run_once(std::chrono::milliseconds(10));
    }
    return done();
  }
  static std::string url(int port) { return "tcp://127.0.0.1:" + std::to_string(port); }
};

/// A client or an engine as the service sees one: a DEALER that speaks signed messages.
class Peer {
 public:
  Peer(Loopback& net, int port, std::string identity = "")
      : origin_(net.origin(identity.empty() ? "client" : identity.c_str())),
        socket_(net.context, {.type = net::SocketType::dealer, .identity = identity, .connect = {Loopback::url(port)}}),
        identity_(std::move(identity)) {}

  /// Sends a request; returns its id. `route` frames stand left of the delimiter.
  MsgId request(const char* type, std::string metadata = "{}", std::vector<Blob> route = {}) {
    Frames frames = origin_.message(std::move(route), type, Blob::of_static("{}"), "{}", std::move(metadata));
    const MsgId id = wire::decode(frames, Loopback::signer()).value().header.msg_id;
    socket_.send(frames);
    return id;
  }
  /// Answers a received request the way an engine does: to the identities it came with.
  void answer(const wire::Message& request, std::string status = "ok") {
    socket_.send(origin_.message(request.parts.identities, "apply_reply", request.parts.header,
                                 "{\"status\":\"" + status + "\"}",
                                 "{\"status\":\"" + status + "\",\"engine\":\"" + identity_ + "\"}"));
  }
  void send_raw(const Frames& frames) { socket_.send(frames); }
  /// The next message, if one is here.
  std::optional<wire::Message> receive() {
    auto frames = socket_.receive();
    if (!frames) return std::nullopt;
    return wire::decode(std::move(*frames), Loopback::signer()).value();
  }
  Origin& origin() { return origin_; }

 private:
  Origin origin_;
  net::Socket socket_;
  std::string identity_;
};

}  // namespace camshaft::service::testing
