// service/connection_question.hpp: asks a controller, of which only an address is known, how clients connect to it.
// Thread: one. Owns: its context, loop and socket.
// Errors: a wrong signature scheme or address; a controller that does not answer, or not to this key, gives no answer.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "service/origin.hpp"

namespace camshaft::service {

class ConnectionQuestion final {
 public:
  /// Sends the question, encrypted when the controller's public key is given, to `address` ("tcp://host:port", where
  /// the controller takes registrations and queries).
  static Result<std::unique_ptr<ConnectionQuestion>> ask(const std::string& address, std::string_view scheme,
                                                         std::string_view key, const std::string& curve_serverkey);
  ~ConnectionQuestion();
  ConnectionQuestion(const ConnectionQuestion&) = delete;
  ConnectionQuestion& operator=(const ConnectionQuestion&) = delete;

  /// The content of the connection_reply, JSON text; nullopt when it is not here after `wait`.
  std::optional<std::string> answer(Duration wait);
  /// Says something that is not answered, and asks again: an answer() then shows that it has arrived.
  void say(const std::string& msg_type, std::string content);

 private:
  void send_question();
  ConnectionQuestion(const std::string& address, wire::Signer signer, std::optional<net::Curve> curve);

  SystemClock clock_;
  net::Context context_;
  net::Loop loop_;
  Origin origin_;
  net::Socket socket_;
  std::optional<std::string> answer_;
};

}  // namespace camshaft::service
