// service/client_service.hpp: a client of a controller for C++ programs (and, through the bindings, for Python).
// Thread: all members from any thread. One io thread of its own owns the sockets, and lends them to a thread that waits
//         (net/lent_loop.hpp); submit() hands over a value.
// Owns:   the io thread, the sockets, the ZeroMQ context. Requests may outlive it.
// Errors: connecting reports by Result; after that every failure is the reply of a request.
//
//   auto client = ClientService::connect(connection, clock, log).value();
//   const RequestPtr request = client->submit({.channel = client::Channel::task, .msg_type = "apply_request", ...});
//   client->wait(std::array{request}, 10s);
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/blob.hpp"
#include "core/log.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "net/curve.hpp"
#include "service/client_request.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {

struct ClientOptions {
  Duration timeout = std::chrono::seconds(10);   // for the controller's first answer
  std::string username = "username";             // in the headers
  std::chrono::milliseconds linger{1000};        // how long close() waits for unsent messages to leave
  Duration patience = std::chrono::seconds(60);  // for a controller that was there to come back
  std::optional<net::Curve> curve{};             // how connections are encrypted: as the connection file says
};

struct Submission {
  client::Channel channel = client::Channel::task;
  std::string msg_type;
  Blob content = Blob::of_static("{}");   // JSON text
  Blob metadata = Blob::of_static("{}");  // JSON text
  std::vector<Blob> buffers;              // large ones are not copied: they must not change before Request::sent()
  std::string engine;                     // uuid; for mux and control
  std::vector<std::string> engines{};     // uuids; for a broadcast whose replies become one
  std::weak_ptr<const void> lease{};      // expires with the last of the large buffers; see Request::sent()
};

class ClientIo;

class ClientService final {
 public:
  /// Starts connecting and returns at once; connected() tells how it went. `clock` and `log` must outlive the client.
  static Result<std::unique_ptr<ClientService>> open(const wire::ClientConnection& connection, const Clock& clock,
                                                     Log& log, ClientOptions options = {});
  /// open(), and waits for the controller's answer.
  static Result<std::unique_ptr<ClientService>> connect(const wire::ClientConnection& connection, const Clock& clock,
                                                        Log& log, ClientOptions options = {});
  ~ClientService();
  ClientService(const ClientService&) = delete;
  ClientService& operator=(const ClientService&) = delete;

  /// How connecting went, or nullopt when that is not known after `wait`. Errc::timed_out: no answer within
  /// options.timeout; Errc::unavailable: the controller refused.
  std::optional<Result<Done>> connected(Duration wait);

  const std::string& session() const { return session_; }
  const std::string& task_scheme() const { return task_scheme_; }
  bool closed() const { return board_->closed(); }
  std::map<EngineNumber, EngineId> engines() const { return board_->engines(); }

  /// Sends a request and returns at once.
  RequestPtr submit(Submission submission);
  /// What was submitted in a burst leaves now, and not when more of it has come together or a moment has passed.
  /// wait() does so of its own accord.
  void hurry();
  /// Sends one message for all of `engines` (uuids), which the controller's broadcast scheduler multiplies; returns a
  /// request for each engine, or a single one whose reply is made of all. `submission.metadata` must name the targets.
  std::vector<RequestPtr> broadcast(Submission submission, std::vector<std::string> engines, bool coalescing);
  /// True when all (or any) are done within `timeout`.
  bool wait(std::span<const RequestPtr> requests, Duration timeout, WaitFor what = {});
  /// For a wait in slices. `requests` must outlive it.
  Wait waiting(std::span<const RequestPtr> requests, WaitFor what = {});
  /// For generations of engines, and watching.
  ClientBoard& board() { return *board_; }

  /// Fails what is outstanding and closes the sockets. Idempotent.
  void close();

 private:
  ClientService(const wire::ClientConnection& connection, std::string session, int pid, const Clock& clock);

  const std::string session_;
  const std::string task_scheme_;
  const Clock& clock_;
  const std::shared_ptr<ClientBoard> board_;
  std::atomic<std::uint64_t> next_seq_{1};  // 0 is the connection request
  std::mutex closing_;                      // one close() at a time joins the thread; guards io_thread_
  std::unique_ptr<ClientIo> io_;
  std::thread io_thread_;
};

}  // namespace camshaft::service
