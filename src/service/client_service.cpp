#include "service/client_service.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <random>
#include <utility>

#include "service/client_io.hpp"
#include "wire/message.hpp"
#include "wire/signer.hpp"

namespace camshaft::service {

namespace {

// Longer than anybody waits, and still safe to add to now().
constexpr Duration kForever = std::chrono::hours(24 * 365);

std::string new_session() {
  std::random_device random;
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return wire::hex_id(bytes);
}

}  // namespace

ClientService::ClientService(const wire::ClientConnection& connection, std::string session, int pid, const Clock& clock)
    : session_(std::move(session)),
      task_scheme_(connection.task_scheme),
      clock_(clock),
      board_(std::make_shared<ClientBoard>(fmt::format("{}_{}_", session_, pid))) {}

Result<std::unique_ptr<ClientService>> ClientService::open(const wire::ClientConnection& connection, const Clock& clock,
                                                           Log& log, ClientOptions options) {
  if (const auto& key = connection.curve_serverkey; key && !key->empty()) {
    auto curve = net::curve_of_client(*key);
    if (!curve) return curve.error();
    options.curve = *std::move(curve);
  }
  auto signer = wire::Signer::make(connection.signature_scheme, connection.key);
  if (!signer) return signer.error();
  std::unique_ptr<ClientService> made(new ClientService(connection, new_session(), getpid(), clock));
  made->io_ = std::make_unique<ClientIo>(connection, std::move(*signer), made->session_, clock, log, std::move(options),
                                         made->board_);
  made->io_thread_ = std::thread([io = made->io_.get()] { io->run(); });
  return made;
}

Result<std::unique_ptr<ClientService>> ClientService::connect(const wire::ClientConnection& connection,
                                                              const Clock& clock, Log& log, ClientOptions options) {
  auto made = open(connection, clock, log, std::move(options));
  if (!made) return made;
  const auto outcome = (*made)->connected(kForever);
  if (outcome && !*outcome) return outcome->error();
  return made;
}

ClientService::~ClientService() { close(); }

std::optional<Result<Done>> ClientService::connected(Duration wait) { return io_->connected(wait); }

RequestPtr ClientService::submit(Submission submission) {
  auto request = std::make_shared<Request>(board_, next_seq_.fetch_add(1), submission.engine, clock_.wall());
  request->buffers_ = submission.lease;
  io_->submit(request, std::move(submission));
  return request;
}

void ClientService::hurry() { io_->hurry(); }

std::vector<RequestPtr> ClientService::broadcast(Submission submission, std::vector<std::string> engines,
                                                 bool coalescing) {
  const WallTime now = clock_.wall();
  const std::uint64_t message = next_seq_.fetch_add(1);
  submission.channel = client::Channel::broadcast;
  std::vector<RequestPtr> made;
  if (coalescing) {
    made.push_back(std::make_shared<Request>(board_, message, "", now));
    submission.engines = std::move(engines);
  } else {
    for (std::string& engine : engines)
      made.push_back(std::make_shared<Request>(board_, next_seq_.fetch_add(1), std::move(engine), now, message));
  }
  for (const RequestPtr& request : made) request->buffers_ = submission.lease;
  io_->broadcast(made, std::move(submission));
  return made;
}

bool ClientService::wait(std::span<const RequestPtr> requests, Duration timeout, WaitFor what) {
  return waiting(requests, what).until(std::chrono::steady_clock::now() + std::min(timeout, kForever));
}

Wait ClientService::waiting(std::span<const RequestPtr> requests, WaitFor what) {
  hurry();
  return {*board_, io_->lent(), requests, what};
}

void ClientService::close() {
  const std::lock_guard lock(closing_);
  if (!io_thread_.joinable()) return;
  io_->stop();
  io_thread_.join();
}

}  // namespace camshaft::service
