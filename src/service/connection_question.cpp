#include "service/connection_question.hpp"

#include <unistd.h>

namespace camshaft::service {

Result<std::unique_ptr<ConnectionQuestion>> ConnectionQuestion::ask(const std::string& address, std::string_view scheme,
                                                                    std::string_view key,
                                                                    const std::string& curve_serverkey) {
  auto signer = wire::Signer::make(std::string(scheme), std::string(key));
  if (!signer) return signer.error();
  std::optional<net::Curve> encrypted;
  if (!curve_serverkey.empty()) {
    auto curve = net::curve_of_client(curve_serverkey);
    if (!curve) return curve.error();
    encrypted = *std::move(curve);
  }
  try {
    return std::unique_ptr<ConnectionQuestion>(
        new ConnectionQuestion(address, std::move(*signer), std::move(encrypted)));
  } catch (const net::NetError& error) {
    return Error{Errc::bad_value, error.what()};
  }
}

ConnectionQuestion::ConnectionQuestion(const std::string& address, wire::Signer signer, std::optional<net::Curve> curve)
    : loop_(clock_),
      origin_(std::move(signer), random_session(), "username", ::getpid(), clock_),
      socket_(
          [&]() -> net::Context& {
            if (curve) context_.encrypt(*std::move(curve));
            return context_;
          }(),
          {.type = net::SocketType::dealer, .identity = origin_.session().value}) {
  socket_.connect(address);
  loop_.on_message(socket_, [this](net::Received&& received) {
    const auto message = wire::decode(std::move(received.frames), origin_.signer());
    if (message && message->header.msg_type == "connection_reply") answer_ = message->parts.content.str();
  });
  send_question();
}

void ConnectionQuestion::send_question() {
  answer_.reset();
  socket_.send(origin_.message({}, "connection_request", Blob::of_static("{}"), "{}"));
}

void ConnectionQuestion::say(const std::string& msg_type, std::string content) {
  socket_.send(origin_.message({}, msg_type, Blob::of_static("{}"), std::move(content)));
  send_question();
}

ConnectionQuestion::~ConnectionQuestion() { loop_.forget(socket_); }

std::optional<std::string> ConnectionQuestion::answer(Duration wait) {
  const TimePoint deadline = clock_.now() + wait;
  while (!answer_) {
    const Duration left = deadline - clock_.now();
    if (left <= Duration::zero()) break;
    loop_.run_once(left);
  }
  return answer_;
}

}  // namespace camshaft::service
