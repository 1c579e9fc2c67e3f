// service/client_fake_controller.hpp: for tests and benchmarks of the client: sockets of a controller on loopback, and
// behind them whatever the test wants to answer.
// Thread: made by the test, then everything runs on a thread of its own; on_thread() runs a job there and waits for it.
// Owns:   the thread and the sockets. Errors: throws what the sockets throw.
#pragma once
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "wire/connection_file.hpp"
#include "wire/message.hpp"
#include "wire/news.hpp"
#include "wire/signer.hpp"

namespace camshaft::service {

class FakeController final {
 public:
  /// Answers one verified request that came by `channel` ("mux", "task", "control", "query").
  using Handler = std::function<void(FakeController&, const std::string& channel, const wire::Message&)>;

  explicit FakeController(Handler handler, std::string key = "a-key")
      : key_(std::move(key)), signer_(wire::Signer::make("hmac-sha256", key_).value()), handler_(std::move(handler)) {
    std::promise<void> opened;
    thread_ = std::thread([&] {
      open();
      opened.set_value();
      loop_.run();
      close();
    });
    opened.get_future().wait();
  }
  ~FakeController() {
    loop_.stop();
    thread_.join();
  }
  FakeController(const FakeController&) = delete;
  FakeController& operator=(const FakeController&) = delete;

  wire::ClientConnection connection() const { return connection_; }
  std::map<int, std::string> engines{{0, "engine-a"}, {1, "engine-b"}};  // what a connection_reply says
  bool original = true;                                                  // it says nothing that is ours only

  std::function<void()> before_greeting = [] {};  // runs on the controller's thread

  /// Runs `job` on the controller's thread and waits for it.
  void on_thread(std::function<void()> job) {
    std::promise<void> ran;
    loop_.post([&] {
      job();
      ran.set_value();
    });
    ran.get_future().wait();
  }

  // The rest is for the controller's thread.
  void reply(const std::string& channel, const wire::Message& request, std::string content, std::string metadata = "{}",
             std::vector<Blob> buffers = {}) {
    wire::Outgoing message;
    message.identities = {request.parts.identities.at(0)};
    std::string type = request.header.msg_type;
    if (const auto at = type.rfind("request"); at != std::string::npos) type.replace(at, std::string::npos, "reply");
    message.header = header(type);
    message.parent = request.parts.header;
    message.metadata = Blob::of(std::move(metadata));
    message.content = Blob::of(std::move(content));
    message.buffers = std::move(buffers);
    routers_.at(channel)->send(wire::encode(std::move(message), signer_));
  }
  void publish(const std::string& type, const Blob& parent, std::string content) {
    publish_signed(type, parent, std::move(content), signer_);
  }
  void publish_signed(const std::string& type, const Blob& parent, std::string content, const wire::Signer& signer) {
    wire::Outgoing message;
    message.identities = {Blob::of("engine.0." + type)};
    message.header = header(type);
    message.parent = parent;
    message.content = Blob::of(std::move(content));
    iopub_->send(wire::encode(std::move(message), signer));
  }
  void notify(const std::string& type, std::string content) {
    wire::Outgoing message;
    message.header = header(type);
    message.content = Blob::of(std::move(content));
    notification_->send(wire::encode(std::move(message), signer_));
  }
  /// Says that this client's subscription has arrived.
  void confirm_news(const wire::Message& request) {
    wire::Outgoing message;
    message.identities = {request.parts.identities.at(0)};
    message.header = header(std::string(wire::kNewsReachYou));
    message.content = Blob::of(std::string("{}"));
    routers_.at("query")->send(wire::encode(std::move(message), signer_));
  }
  /// Ends one channel's socket: its connections break.
  void drop(const std::string& channel) {
    loop_.forget(*routers_.at(channel));
    routers_.erase(channel);
  }

 private:
  Blob header(const std::string& type) {
    return Blob::of(wire::make_header(ids_.next(), type, session_, "fake", clock_.wall()));
  }
  std::unique_ptr<net::Socket> socket(net::SocketType type, int& port) {
    net::SocketOptions options{type};
    options.bind = {"tcp://127.0.0.1:*"};
    auto made = std::make_unique<net::Socket>(context_, options);
    port = made->port();
    return made;
  }
  void open() {
    connection_.key = key_;
    for (const auto& [channel, port] : {std::pair<std::string, int*>{"query", &connection_.registration},
                                        {"mux", &connection_.mux},
                                        {"task", &connection_.task},
                                        {"control", &connection_.control}}) {
      routers_[channel] = socket(net::SocketType::router, *port);
      loop_.on_message(*routers_[channel], [this, name = channel](net::Received&& received) {
        const auto request = wire::decode(std::move(received.frames), signer_);
        if (!request) return;  // as a hub does: silence
        if (request->header.msg_type == "connection_request") return greet(*request);
        handler_(*this, name, *request);
      });
    }
    notification_ = socket(net::SocketType::pub, connection_.notification);
    iopub_ = socket(net::SocketType::pub, connection_.iopub);
  }
  void greet(const wire::Message& request) {
    const auto told = engines;  // as they were when the question came
    before_greeting();
    std::string list;
    for (const auto& [number, uuid] : told)
      list += (list.empty() ? "\"" : ", \"") + std::to_string(number) + "\": \"" + uuid + "\"";
    reply("query", request, R"({"status": "ok", "engines": {)" + list + (original ? "}}" : R"(}, "camshaft": {}})"));
  }
  void close() {
    routers_.clear();
    notification_.reset();
    iopub_.reset();
  }

  SystemClock clock_;
  const std::string key_;
  const wire::Signer signer_;
  const Handler handler_;
  const SessionId session_{"fake-controller"};
  wire::MsgIdSource ids_{session_, 1};
  wire::ClientConnection connection_;
  net::Context context_;
  net::Loop loop_{clock_};
  std::map<std::string, std::unique_ptr<net::Socket>> routers_;
  std::unique_ptr<net::Socket> notification_, iopub_;
  std::thread thread_;
};

}  // namespace camshaft::service
