#include "service/cluster_probe.hpp"

#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

namespace camshaft::service {
namespace {

constexpr Duration kPatience = std::chrono::seconds(1);

}  // namespace

Result<std::unique_ptr<ClusterProbe>> ClusterProbe::make(net::Context& context, net::Loop& loop,
                                                         const wire::ClientConnection& connection, Answer answer) {
  auto signer = wire::Signer::make(connection.signature_scheme, connection.key);
  if (!signer) return signer.error();
  if (const auto& key = connection.curve_serverkey; key && !key->empty()) {
    auto curve = net::curve_of_client(*key);
    if (!curve) return curve.error();
    context.encrypt(*std::move(curve));
  }
  try {
    return std::unique_ptr<ClusterProbe>(
        new ClusterProbe(context, loop, connection, std::move(*signer), std::move(answer)));
  } catch (const net::NetError& error) {
    return Error{Errc::unavailable, error.what()};
  }
}

ClusterProbe::ClusterProbe(net::Context& context, net::Loop& loop, const wire::ClientConnection& connection,
                           wire::Signer signer, Answer answer)
    : loop_(loop),
      origin_(std::move(signer), random_session(), "cluster", ::getpid(), loop.clock()),
      socket_(context, {.type = net::SocketType::dealer, .identity = origin_.session().value}),
      answer_(std::move(answer)) {
  socket_.connect(wire::url(connection, connection.registration));
  loop_.on_message(socket_, [this](net::Received&& received) { on_frames(std::move(received.frames)); });
}

ClusterProbe::~ClusterProbe() { loop_.forget(socket_); }

void ClusterProbe::ask() {
  const TimePoint now = loop_.clock().now();
  if (open_ && now - asked_at_ < kPatience) return;
  open_ = true;
  asked_at_ = now;
  socket_.send(origin_.message({}, "connection_request", Blob::of_static("{}"), "{}"));
}

void ClusterProbe::tell_exit(int pid, const std::string& how) {
  if (!ours_) return;  // the original would complain of a message that it does not know
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return;
  const nlohmann::json content{{"host", host.data()}, {"pid", pid}, {"reason", how}};
  socket_.send(origin_.message({}, "camshaft_engine_exit", Blob::of_static("{}"),
                               content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

void ClusterProbe::on_frames(Frames frames) {
  const auto message = wire::decode(std::move(frames), origin_.signer());
  if (!message || message->header.msg_type != "connection_reply") return;
  const auto content = nlohmann::json::parse(message->parts.content.view(), nullptr, false);
  if (!content.is_object() || content.value("status", "") != "ok") return;
  open_ = false;
  ours_ = content.contains("camshaft");
  std::set<std::string> engines;
  const auto listed = content.find("engines");
  if (listed != content.end() && listed->is_object()) {
    for (const auto& [number, uuid] : listed->items()) {
      if (uuid.is_string()) engines.insert(uuid.get<std::string>());
    }
  }
  answer_(engines);
}

}  // namespace camshaft::service
