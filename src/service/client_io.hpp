// service/client_io.hpp: the io thread of a client: sockets, signatures and the client core.
// Thread: made and destroyed by the ClientService; run() is the io thread; submit(), stop() and connected() from any.
//         A thread that waits for a request may have the loop meanwhile (net/lent_loop.hpp), and is the io thread then.
// Owns:   context, loop, sockets, core. Errors: as for ClientService.
#pragma once
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/client_core.hpp"
#include "net/lent_loop.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "service/client_bodies.hpp"
#include "service/client_resume.hpp"
#include "service/client_service.hpp"
#include "wire/batch.hpp"
#include "wire/message.hpp"
#include "wire/replay_guard.hpp"
#include "wire/signer.hpp"

namespace camshaft::service {

class ClientIo final {
 public:
  ClientIo(const wire::ClientConnection& connection, wire::Signer signer, std::string session, const Clock& clock,
           Log& log, ClientOptions options, std::shared_ptr<ClientBoard> board);
  ~ClientIo();
  ClientIo(const ClientIo&) = delete;
  ClientIo& operator=(const ClientIo&) = delete;

  void run();
  void stop();
  std::optional<Result<Done>> connected(Duration wait);
  /// Queues a request; one wake-up serves all that are queued before the io thread looks.
  void submit(RequestPtr request, Submission submission);
  void hurry();
  /// The loop, for threads that wait for a request.
  net::LentLoop& lent() { return lent_; }
  /// Queues one message for several requests: the parts of a broadcast, or the one that gets its coalesced reply.
  void broadcast(std::vector<RequestPtr> requests, Submission submission);

 private:
  struct Queued {
    RequestPtr request;  // null for a broadcast
    Submission submission;
    std::vector<RequestPtr> parts{};
  };
  // When the io thread has been asked to look at the inbox.
  enum class Due : std::uint8_t { unasked, soon, now };
  // A connection that requests and replies travel by.
  struct Line {
    std::string address;
    std::unique_ptr<net::Socket> socket;
    bool up = false;
    bool lost = false;          // down for so long that requests are refused
    std::uint64_t outages = 0;  // so many times it broke
  };

  void open_sockets();
  void open_line(client::Channel channel, int port);
  void on_line_event(client::Channel channel, const net::SocketEvent& event);
  void on_reply(Frames frames);
  void take_reply(wire::Parts parts);
  void on_line_lost(client::Channel channel);
  void give_up(client::Channel channel, std::uint64_t before, Duration after);
  // client_reconnect.cpp
  void resume_lines();
  void ask_all(client::Channel channel);
  void ask_again(client::Channel channel);
  void resume_engine(EngineNumber number, const EngineId& id);
  const std::string& question_prefix() const { return question_prefix_; }
  void ask_fates(client::Channel channel, const EngineId& engine, std::vector<MsgId> ids);
  void on_fates(const wire::Parts& parts, std::uint64_t question);
  void on_notification(Frames frames);
  void on_output(Frames frames);
  void on_connection_reply(const wire::Parts& parts);
  void send_connection_request();
  void ready_if_complete();
  void settle(Result<Done> how);
  std::string silence() const;
  void ask(Due due);
  void take_inbox();
  bool take_inbox_here();
  void enqueue(Queued queued);
  void begin(Queued queued);
  void begin_broadcast(Queued queued);
  void fail(const RequestPtr& request, std::string_view why);
  void fail(const Queued& queued, std::string_view why);
  void transmit(std::uint64_t seq, WallTime submitted, Submission submission);
  void send_tasks();
  void send_body(const wire::Parts& question);
  template <class Event>
  void handle(Event event) {
    core_.handle(std::move(event), clock_.now(), actions_);
    perform_all();
  }
  void perform_all();
  void shut(std::string reason);
  bool verified(const wire::Parts& parts);
  Line& line(client::Channel channel) { return lines_[static_cast<std::size_t>(channel)]; }

  const wire::ClientConnection connection_;
  const wire::Signer signer_;
  const std::string session_;
  const Clock& clock_;
  Log& log_;
  const ClientOptions options_;
  const std::shared_ptr<ClientBoard> board_;
  const std::string connection_id_;  // msg_id of connection requests
  const std::string question_prefix_ = connection_id_ + "_";

  net::Context context_;
  net::Loop loop_;
  net::LentLoop lent_;
  client::ClientCore core_;
  client::Actions actions_;  // of the event being handled
  ClientResume resume_;
  ClientBodies bodies_;
  bool resumes_ = false;         // the controller answers questions about requests that it may have lost
  bool greeted_ = false;         // it has said so since the connection to it was made
  bool news_meanwhile_ = false;  // engines came or went while we asked which there are
  int questions_under_way_ = 0;  // so many times
  bool was_lost_ = false;        // the hub's line broke: the next greeting may be that of another controller
  std::uint64_t questions_ = 0;
  Submission* sending_ = nullptr;  // what a Transmit action sends
  wire::Batch tasks_;              // those of one round of the inbox; empty between rounds
  std::uint64_t envelopes_ = 0;    // sent so far
  wire::ReplayGuard outputs_seen_;
  wire::ReplayGuard notifications_seen_;
  std::array<Line, 5> lines_;
  std::unique_ptr<net::Socket> notification_, iopub_;
  bool notification_up_ = false, iopub_up_ = false, asked_ = false, answered_ = false, ready_ = false, shut_ = false;
  bool batches_ = false;  // the controller reads them
  std::uint64_t newest_seq_ = 0;
  std::size_t bad_signatures_ = 0;

  std::mutex inbox_mutex_;  // guards inbox_ and refusing_: how user threads hand over requests
  std::vector<Queued> inbox_;
  bool refusing_ = false;  // no more is taken: shut down
  Due due_ = Due::unasked;
  TimePoint last_submission_{};

  std::mutex outcome_mutex_;  // guards outcome_, for which the connecting thread sleeps
  std::condition_variable outcome_known_;
  std::optional<Result<Done>> outcome_;
};

}  // namespace camshaft::service
