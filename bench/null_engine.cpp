// An engine that answers every apply_request with an empty result at once, without Python: what is left is the
// controller and the wire. bench_null_engine ENGINE_FILE NUMBER
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "bench/task_frames.hpp"
#include "net/loop.hpp"
#include "service/origin.hpp"
#include "service/outboxes.hpp"
#include "wire/connection_file.hpp"
#include "wire/message.hpp"

namespace {

using namespace camshaft;

net::SocketOptions dealer(const std::string& uuid, const std::string& url) {
  return {.type = net::SocketType::dealer, .identity = uuid, .connect = {url}};
}

class NullEngine {
 public:
  NullEngine(net::Context& context, net::Loop& loop, const wire::EngineConnection& c, const std::string& uuid)
      : loop_(loop),
        uuid_(uuid),
        origin_(wire::Signer::make(c.signature_scheme, c.key).value(), SessionId(uuid), "bench", 1, loop.clock()),
        registration_(context, dealer(uuid, wire::url(c, c.registration))),
        shell_(context, {.type = net::SocketType::router,
                         .identity = uuid,
                         .connect = {wire::url(c, c.mux), wire::url(c, c.task)}}),
        control_(context, {.type = net::SocketType::router, .identity = uuid, .connect = {wire::url(c, c.control)}}),
        pings_(context, {.type = net::SocketType::sub, .connect = {wire::url(c, c.hb_ping)}, .subscribe_all = true}),
        pongs_(context, dealer(uuid, wire::url(c, c.hb_pong))) {
    loop.on_message(shell_, [this](net::Received&& r) { answer_tasks(std::move(r.frames)); });
    loop.after_round([this] { replies_.flush(); });
    loop.on_message(control_, [this](net::Received&& r) {
      answer(control_, std::move(r.frames), "shutdown_reply");
      loop_.stop();
    });
    loop.on_message(pings_, [this](net::Received&& r) { pongs_.send(r.frames); });
    registration_.send(
        origin_.message({}, "registration_request", Blob::of_static("{}"), fmt::format(R"({{"uuid":"{}"}})", uuid)));
  }

 private:
  // Replies to tasks that came together leave together, as those of an engine do.
  void answer_tasks(Frames frames) {
    auto message = wire::decode(frames, origin_.signer());
    if (!message || message->parts.identities.empty()) return;
    if (message->header.msg_type != wire::kBatchRequest) return answer(shell_, std::move(frames), "apply_reply");
    const std::string peer = message->parts.identities[0].str();
    replies_.learn(peer);
    const auto tasks = wire::read_batch(message->parts.content);
    if (!tasks) return;
    for (const wire::Parts& task : *tasks) {
      auto reply = wire::split(
          bench::reply_frames(unsigned_, "apply_reply", task.identities, task.header, uuid_, loop_.clock().wall()));
      replies_.add(peer, std::move(reply).value());
    }
  }

  void answer(net::Socket& socket, Frames frames, std::string_view type) {
    auto request = wire::decode(std::move(frames), origin_.signer());
    if (!request) return;
    socket.send(bench::reply_frames(origin_, type, std::move(request->parts.identities), request->parts.header, uuid_,
                                    loop_.clock().wall()));
  }

  net::Loop& loop_;
  std::string uuid_;
  service::Origin origin_;
  service::Origin unsigned_{wire::Signer::off(), SessionId(uuid_), "bench", 2, loop_.clock()};
  service::Outboxes replies_{{[this] { return origin_.header(wire::kBatchReply); },
                              [this]() -> const wire::Signer& { return origin_.signer(); },
                              [this](const std::string&, Frames frames) { shell_.send(frames); }}};
  net::Socket registration_, shell_, control_, pings_, pongs_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_null_engine ENGINE_FILE NUMBER\n");
    return 2;
  }
  const auto text = wire::read_file(argv[1]);
  const auto connection = text.and_then([](const std::string& t) { return wire::parse_engine_connection(t); });
  if (!connection) {
    std::fprintf(stderr, "bench_null_engine: %s\n", connection.error().message.c_str());
    return 1;
  }
  SystemClock clock;
  net::Context context;
  net::Loop loop(clock);
  NullEngine engine(context, loop, *connection, fmt::format("camshaft-py000-{:016x}", std::stoul(argv[2])));
  loop.run();
  return 0;
}
