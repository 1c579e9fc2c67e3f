#include "service/client_io.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "wire/news.hpp"

namespace camshaft::service {

using namespace std::chrono_literals;
using client::Channel;

namespace {

// Replies that were received before a connection broke are still handled before its requests are given up.
constexpr Duration kDrainTime = 200ms;
// So long a controller may be away (it is restarted, a cable is out) before requests are refused.
constexpr Duration kAbsence = 5s;
constexpr Duration kTick = 500ms;
constexpr Duration kAskAgain = 50ms;  // which engines there are, while they come and go
// Submissions that follow each other this closely are a burst; they wait so long at most.
constexpr Duration kBurst = 50us;
constexpr Duration kMoment = 300us;
// A thread that waits for a result may have the loop while so few are outstanding: with more, two threads are faster.
constexpr std::size_t kFew = 16;
// Between two calls in quick succession, nobody needs the loop.
constexpr Duration kLease = 1ms;
// Engines that a returned controller does not know yet: they have to notice that it was away, and to register.
constexpr Duration kEngineGrace = 40s;

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Whether it is a task whose first buffer may be kept beyond its sending: one that nobody lends.
bool has_body(const Submission& submission) {
  if (submission.channel != Channel::task || submission.msg_type != "apply_request" || submission.buffers.empty())
    return false;
  const auto lease = submission.lease.lock();
  return lease == nullptr || submission.buffers[0].owner != lease;
}

}  // namespace

ClientIo::ClientIo(const wire::ClientConnection& connection, wire::Signer signer, std::string session,
                   const Clock& clock, Log& log, ClientOptions options, std::shared_ptr<ClientBoard> board)
    : connection_(connection),
      signer_(std::move(signer)),
      session_(std::move(session)),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      board_(std::move(board)),
      connection_id_(board_->id_prefix() + "0"),
      loop_(clock),
      lent_(loop_, kLease, [this] { return ready_ && core_.outstanding() <= kFew; }),
      core_(board_->id_prefix()) {
  if (options_.curve) context_.encrypt(*options_.curve);
}

ClientIo::~ClientIo() = default;

void ClientIo::run() {
  try {
    open_sockets();
    loop_.at(clock_.now() + options_.timeout, [this] {
      if (!ready_) settle(Error{Errc::timed_out, silence()});
    });
    loop_.every(kTick, [this] { handle(client::Tick{}); });
    loop_.after_round([this] { board_->flush(); });
    lent_.run();
    take_inbox();  // what was submitted before the end is sent, though nobody waits for its reply
    shut("The client was closed before the reply came");
  } catch (const std::exception& error) {
    settle(Error{Errc::unavailable, error.what()});
    shut(fmt::format("The client's io thread failed: {}", error.what()));
  }
  // Sockets end on the thread that used them.
  for (Line& each : lines_) each.socket.reset();
  notification_.reset();
  iopub_.reset();
}

void ClientIo::stop() { lent_.stop(); }

// What is outstanding fails, and so does all that comes later.
void ClientIo::shut(std::string reason) {
  if (shut_) return;
  shut_ = true;
  std::vector<Queued> late;
  {
    const std::lock_guard lock(inbox_mutex_);
    refusing_ = true;
    late.swap(inbox_);
  }
  for (const Queued& each : late) fail(each, reason);
  handle(client::Closing{std::move(reason)});
  board_->flush();
  board_->close();
}

std::optional<Result<Done>> ClientIo::connected(Duration wait) {
  std::unique_lock lock(outcome_mutex_);
  outcome_known_.wait_for(lock, wait, [&] { return outcome_.has_value(); });
  return outcome_;
}

void ClientIo::settle(Result<Done> how) {
  const std::lock_guard lock(outcome_mutex_);
  if (outcome_) return;
  outcome_ = std::move(how);
  outcome_known_.notify_all();
}

void ClientIo::open_line(Channel channel, int port) {
  Line& opened = line(channel);
  opened.address = wire::url(connection_, port);
  net::SocketOptions options{net::SocketType::dealer};
  options.identity = session_;  // the same after a reconnection: answers find us
  options.linger = options_.linger;
  options.monitor = true;
  options.watch_peer = true;
  options.connect = {opened.address};
  opened.socket = std::make_unique<net::Socket>(context_, options);
  loop_.on_event(*opened.socket, [this, channel](const net::SocketEvent& event) { on_line_event(channel, event); });
  loop_.on_message(*opened.socket, [this](net::Received&& received) { on_reply(std::move(received.frames)); });
}

void ClientIo::open_sockets() {
  const auto subscribe = [this](int port, bool& up, void (ClientIo::*handler)(Frames)) {
    net::SocketOptions options{net::SocketType::sub};
    options.subscribe_all = true;
    options.subscribe_also = wire::news_topic(session_);
    options.monitor = true;
    options.watch_peer = true;
    options.connect = {wire::url(connection_, port)};
    auto socket = std::make_unique<net::Socket>(context_, options);
    loop_.on_event(*socket, [this, &up](const net::SocketEvent& event) {
      if (event.kind != net::SocketEvent::Kind::handshaken) return;
      up = true;
      ready_if_complete();
    });
    loop_.on_message(*socket,
                     [this, handler](net::Received&& received) { (this->*handler)(std::move(received.frames)); });
    return socket;
  };
  notification_ = subscribe(connection_.notification, notification_up_, &ClientIo::on_notification);
  iopub_ = subscribe(connection_.iopub, iopub_up_, &ClientIo::on_output);
  open_line(Channel::query, connection_.registration);
  open_line(Channel::mux, connection_.mux);
  open_line(Channel::task, connection_.task);
  open_line(Channel::control, connection_.control);
  if (connection_.broadcast != 0) open_line(Channel::broadcast, connection_.broadcast);
}

// The news of engines must be subscribed to before we ask which there are: nobody slips through between.
void ClientIo::ready_if_complete() {
  if (ready_) return;
  if (notification_up_ && line(Channel::query).up && !asked_) send_connection_request();
  if (!answered_ || !notification_up_ || !iopub_up_) return;
  ready_ = true;
  settle(Done{});
}

void ClientIo::send_connection_request() {
  asked_ = true;
  if (questions_under_way_++ == 0) news_meanwhile_ = false;
  wire::Outgoing message;
  message.header = Blob::of(wire::make_header(MsgId(connection_id_), "connection_request", SessionId(session_),
                                              options_.username, clock_.wall()));
  line(Channel::query).socket->send(wire::encode(std::move(message), signer_));
}

// Why the controller's first answer did not come, as far as it can be known.
std::string ClientIo::silence() const {
  const Line& query = lines_[static_cast<std::size_t>(Channel::query)];
  const double seconds = std::chrono::duration<double>(options_.timeout).count();
  if (!query.up)
    return fmt::format(
        "No controller answers at {} (waited {:g} s). Is ipcontroller running, and is this the connection "
        "file that it wrote?",
        query.address, seconds);
  if (!answered_)
    return fmt::format(
        "The controller at {} gave no valid answer (waited {:g} s). The key of the connection file is "
        "probably not the controller's: is the file left over from an earlier run?",
        query.address, seconds);
  return fmt::format(
      "The controller answers at {}, but not at {} (waited {:g} s). Is that port open between the hosts?",
      query.address, wire::url(connection_, iopub_up_ ? connection_.notification : connection_.iopub), seconds);
}

void ClientIo::on_line_event(Channel channel, const net::SocketEvent& event) {
  Line& changed = line(channel);
  if (event.kind == net::SocketEvent::Kind::handshaken) {
    changed.up = true;
    changed.lost = false;
    if (channel == Channel::task) board_->set_reach(Reach::here);
    if (!ready_) {
      ready_if_complete();
    } else if (channel == Channel::query) {
      send_connection_request();  // a new controller may have other engines
    } else {
      resume_lines();
    }
  }
  if (event.kind != net::SocketEvent::Kind::disconnected || !changed.up) return;
  changed.up = false;
  on_line_lost(channel);
}

void ClientIo::on_line_lost(Channel channel) {
  const bool resumable = resumes_ && (channel == Channel::task || channel == Channel::mux);
  if (resumable) resume_.broke(channel);
  if (channel == Channel::query) {
    greeted_ = false;
    asked_ = false;
    questions_under_way_ = 0;  // asked again when the line is up
    was_lost_ = true;
    if (resumes_)
      log_.warning("lost the controller at {}: waiting for it to come back (at most {:g} s)", line(channel).address,
                   std::chrono::duration<double>(options_.patience).count());
  }
  // What was sent over the broken connection may have been lost. A controller of ours will be asked; of another, the
  // answers would find nobody.
  if (!resumable) give_up(channel, newest_seq_ + 1, kDrainTime);
  const Duration absence = resumable ? options_.patience : kAbsence;
  const std::uint64_t outage = ++line(channel).outages;
  if (channel == Channel::task) {
    board_->set_reach(Reach::away);
    bodies_.broke();
  }
  loop_.at(clock_.now() + absence, [this, channel, outage] {
    if (line(channel).up || line(channel).outages != outage) return;
    line(channel).lost = true;
    if (channel == Channel::task) board_->set_reach(Reach::lost);
    resume_.settled(channel);
    give_up(channel, newest_seq_ + 1, Duration::zero());
  });
}

// Fails what is outstanding from before, once replies that have been received are handled.
void ClientIo::give_up(Channel channel, std::uint64_t before, Duration after) {
  const std::string reason = fmt::format(
      "The connection to the controller at {} broke while the request was outstanding. Is it still running?",
      line(channel).address);
  loop_.at(clock_.now() + after, [this, channel, before, reason] {
    handle(client::ChannelLost{channel, client::Seq{before}, reason});
  });
}

void ClientIo::submit(RequestPtr request, Submission submission) {
  enqueue({std::move(request), std::move(submission)});
}

void ClientIo::broadcast(std::vector<RequestPtr> requests, Submission submission) {
  enqueue({nullptr, std::move(submission), std::move(requests)});
}

// A submission alone leaves at once, from this very thread if the loop is free. Those of a burst wait for each other,
// but not for long: one wake-up and one message for several.
void ClientIo::enqueue(Queued queued) {
  Due wanted = Due::unasked;
  bool refused = false, alone = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    refused = refusing_;
    if (!refused) {
      inbox_.push_back(std::move(queued));
      const TimePoint now = clock_.now();
      const bool burst = now - last_submission_ < kBurst && inbox_.size() < wire::kBatchMessages;
      last_submission_ = now;
      const Due due = burst ? Due::soon : Due::now;
      if (due > due_) due_ = wanted = due;
      alone = wanted == Due::now && inbox_.size() == 1;
    }
  }
  if (!alone || !take_inbox_here()) ask(wanted);
  // Nobody else has seen a refused request yet, so this thread may answer it.
  // NOLINTNEXTLINE(bugprone-use-after-move): what was refused was not moved
  if (refused) fail(queued, "The client is closed: make a new one");
}

void ClientIo::hurry() {
  {
    const std::lock_guard lock(inbox_mutex_);
    if (due_ != Due::soon) return;
    due_ = Due::now;
  }
  if (!take_inbox_here()) ask(Due::now);
}

void ClientIo::ask(Due due) {
  if (due == Due::now) lent_.post([this] { take_inbox(); });
  if (due == Due::soon) lent_.post([this] { loop_.at(clock_.now() + kMoment, [this] { take_inbox(); }); });
}

void ClientIo::fail(const Queued& queued, std::string_view why) {
  if (queued.request) fail(queued.request, why);
  for (const RequestPtr& part : queued.parts) fail(part, why);
}

void ClientIo::fail(const RequestPtr& request, std::string_view why) {
  board_->answer(request, client::error_reply("EngineError", why), client::Status::error, true, clock_.wall());
}

bool ClientIo::take_inbox_here() {
  return lent_.run_here([this] {
    take_inbox();
    board_->flush();
  });
}

void ClientIo::take_inbox() {
  std::vector<Queued> taken;
  {
    const std::lock_guard lock(inbox_mutex_);
    taken.swap(inbox_);
    due_ = Due::unasked;
  }
  for (Queued& each : taken) each.request ? begin(std::move(each)) : begin_broadcast(std::move(each));
  send_tasks();
}

void ClientIo::begin(Queued queued) {
  const Line& used = line(queued.submission.channel);
  newest_seq_ = std::max(newest_seq_, queued.request->seq_);
  if (used.lost) {
    fail(queued, fmt::format("The controller at {} is not reachable. Is ipcontroller running?", used.address));
    return;
  }
  if (has_body(queued.submission)) bodies_.share(queued.submission.buffers[0]);
  sending_ = &queued.submission;
  resume_.keep(queued.request->seq_, queued.submission);
  handle(client::Submitted{client::Seq{queued.request->seq_}, queued.submission.channel, queued.submission.msg_type,
                           queued.submission.engine, queued.request});
  sending_ = nullptr;
}

void ClientIo::begin_broadcast(Queued queued) {
  const Line& used = line(Channel::broadcast);
  for (const RequestPtr& part : queued.parts) newest_seq_ = std::max(newest_seq_, part->seq_);
  if (used.lost) {
    fail(queued, fmt::format("The controller at {} is not reachable. Is ipcontroller running?", used.address));
    return;
  }
  const Request& first = *queued.parts.front();
  const std::uint64_t message = first.part_of_ != 0 ? first.part_of_ : first.seq_;
  const WallTime submitted = first.submitted();
  if (first.part_of_ == 0) {  // coalescing: the core says whether it is sent
    sending_ = &queued.submission;
    handle(client::Submitted{client::Seq{message},
                             Channel::broadcast,
                             queued.submission.msg_type,
                             {},
                             queued.parts.front(),
                             std::nullopt,
                             queued.submission.engines});
    sending_ = nullptr;
    return;
  }
  for (const RequestPtr& part : queued.parts)
    handle(client::Submitted{client::Seq{part->seq_}, Channel::broadcast, queued.submission.msg_type, part->engine(),
                             part, client::Seq{message}});
  transmit(message, submitted, std::move(queued.submission));
}

void ClientIo::transmit(std::uint64_t seq, WallTime submitted, Submission submission) {
  const bool with_body = has_body(submission);
  wire::Parts message;
  if (submission.channel == Channel::mux || submission.channel == Channel::control)
    message.identities = {Blob::of(std::move(submission.engine))};
  message.header = Blob::of(wire::make_header(MsgId(board_->id_prefix() + std::to_string(seq)), submission.msg_type,
                                              SessionId(session_), options_.username, submitted));
  message.parent = Blob::of_static("{}");
  message.metadata = std::move(submission.metadata);
  message.content = std::move(submission.content);
  message.buffers = std::move(submission.buffers);
  const bool task = submission.channel == Channel::task;
  if (with_body) bodies_.shorten(message);
  if (task && batches_ && wire::fits_batch(message)) {
    tasks_.add(std::move(message));
    if (tasks_.full()) send_tasks();
    return;
  }
  if (task) send_tasks();  // the order of tasks is kept
  line(submission.channel).socket->send(wire::encode({}, std::move(message), signer_));
}

void ClientIo::send_tasks() {
  if (tasks_.empty()) return;
  const auto header = [&] {
    const MsgId id(board_->id_prefix() + "e" + std::to_string(envelopes_++));
    return Blob::of(wire::make_header(id, wire::kBatchRequest, SessionId(session_), options_.username, clock_.wall()));
  };
  line(Channel::task).socket->send(tasks_.take({}, header, signer_));
}

// The controller has a task without its function.
void ClientIo::send_body(const wire::Parts& question) {
  send_tasks();
  wire::Parts answer = bodies_.answer(question);
  const MsgId id(board_->id_prefix() + "e" + std::to_string(envelopes_++));
  answer.header =
      Blob::of(wire::make_header(id, wire::kBodyHere, SessionId(session_), options_.username, clock_.wall()));
  line(Channel::task).socket->send(wire::encode({}, std::move(answer), signer_));
}

void ClientIo::perform_all() {
  const auto request_of = [](const client::Owner& owner) { return std::static_pointer_cast<Request>(owner); };
  for (client::Action& action : actions_) {
    if (auto* transmitted = std::get_if<client::Transmit>(&action)) {
      const RequestPtr request = request_of(transmitted->owner);
      transmit(request->seq_, request->submitted(), std::move(*sending_));
    } else if (auto* retransmitted = std::get_if<client::Retransmit>(&action)) {
      const auto request = request_of(retransmitted->owner);
      if (auto submission = resume_.again(request->seq_, questions_))
        transmit(request->seq_, request->submitted(), std::move(*submission));
    } else if (auto* answer = std::get_if<client::Answer>(&action)) {
      const auto request = request_of(answer->owner);
      resume_.forget(request->seq_);
      board_->answer(request, std::move(answer->reply), answer->status, answer->outputs_done, clock_.wall());
    } else if (auto* show = std::get_if<client::Show>(&action)) {
      board_->show(*request_of(show->owner), std::move(show->message));
    } else if (auto* outputs = std::get_if<client::OutputsDone>(&action)) {
      board_->outputs_done(*request_of(outputs->owner));
    } else {
      board_->set_engines(core_.engines());
    }
  }
  actions_.clear();
}

bool ClientIo::verified(const wire::Parts& parts) {
  if (signer_.verifies(parts.signed_bytes(), parts.signature.view())) return true;
  ++bad_signatures_;
  log_.warning("dropped a message with a bad signature ({} so far): does every peer use the same key?",
               bad_signatures_);
  return false;
}

void ClientIo::on_reply(Frames frames) {
  auto parts = wire::split(std::move(frames));
  if (!parts || !verified(*parts)) return;
  if (client::text_field(parts->header, "msg_type").view() != wire::kBatchReply) {
    take_reply(std::move(*parts));
  } else if (auto replies = wire::read_batch(parts->content)) {
    for (wire::Parts& reply : *replies) take_reply(std::move(reply));
  } else {
    log_.warning("dropped a batch of replies: {}", replies.error().message);
  }
}

void ClientIo::take_reply(wire::Parts parts) {
  const Blob parent = client::text_field(parts.parent, "msg_id");
  if (parent.empty()) {
    const Blob type = client::text_field(parts.header, "msg_type");
    if (type.view() == wire::kBodyWanted) return send_body(parts);
    // Engines may have come between the first answer and now.
    if (type.view() == wire::kNewsReachYou) return send_connection_request();
  }
  if (parent.view() == connection_id_) {
    on_connection_reply(parts);
    return;
  }
  if (const std::string& prefix = question_prefix(); parent.view().starts_with(prefix)) {
    std::uint64_t question = 0;
    const std::string_view number = parent.view().substr(prefix.size());
    std::from_chars(number.data(), number.data() + number.size(), question);
    return on_fates(parts, question);
  }
  client::Reply reply;
  reply.date = client::text_field(parts.header, "date");
  reply.content = std::move(parts.content);
  reply.metadata = std::move(parts.metadata);
  reply.buffers = std::move(parts.buffers);
  handle(client::ReplyArrived{parent.view(), std::move(reply)});
}

void ClientIo::on_connection_reply(const wire::Parts& parts) {
  const auto content = nlohmann::json::parse(parts.content.view(), nullptr, false);
  if (!content.is_object() || text_of(content, "status") != "ok") {
    const std::string what = content.is_object() ? text_of(content, "evalue") : std::string("its answer is not JSON");
    settle(Error{Errc::unavailable,
                 fmt::format("The controller at {} refused the connection: {}", line(Channel::query).address, what)});
    return;
  }
  client::EnginesKnown known;
  const auto engines = content.find("engines");
  if (engines != content.end() && engines->is_object())
    for (const auto& [number, uuid] : engines->items())
      if (!number.empty() && number.size() < 10 && number.find_first_not_of("0123456789") == std::string::npos &&
          uuid.is_string())
        known.engines[EngineNumber{std::stoi(number)}] = EngineId(uuid.get<std::string>());
  const auto ours = content.find("camshaft");  // what this controller understands beyond the original
  batches_ =
      ours != content.end() && ours->is_object() && ours->value("batch", nlohmann::json()) == wire::kBatchVersion;
  bodies_.controller_reads(ours != content.end() && ours->is_object() &&
                           ours->value(std::string(wire::kBodiesKey), nlohmann::json()) == true);
  resumes_ = ours != content.end() && ours->is_object() &&
             ours->value(std::string(wire::kResumeKey), nlohmann::json()) == true;
  answered_ = true;
  if (was_lost_ && resumes_) known.grace = kEngineGrace;
  if (questions_under_way_ > 0) --questions_under_way_;
  // News travel by another connection and may have overtaken the answer: then one that is newer is asked for.
  known.outdated = news_meanwhile_;
  if (!known.outdated) was_lost_ = false;
  if (known.outdated && questions_under_way_ == 0)
    loop_.at(clock_.now() + kAskAgain, [this] { send_connection_request(); });
  handle(std::move(known));
  greeted_ = true;
  resume_lines();
  ready_if_complete();
}

void ClientIo::on_notification(Frames frames) {
  auto parts = wire::split(std::move(frames));
  if (!parts || !verified(*parts) || !notifications_seen_.is_fresh(parts->signature.view())) return;
  const auto header = wire::parse_header(parts->header.view());
  if (!header) return;
  if (header->msg_type == "shutdown_notification") {
    loop_.at(clock_.now() + kDrainTime, [this] {  // the reply to a shutdown_request travels another way
      shut("The controller was shut down before the reply came");
      loop_.stop();
    });
    return;
  }
  const auto content = nlohmann::json::parse(parts->content.view(), nullptr, false);
  if (!content.is_object()) return;
  const auto number = content.find("id");
  const EngineId id(text_of(content, "uuid"));
  if (id.empty() || number == content.end() || !number->is_number_integer()) return;
  news_meanwhile_ = true;
  if (header->msg_type == "registration_notification")
    resume_engine(EngineNumber{number->get<std::int32_t>()}, id);
  else if (header->msg_type == "unregistration_notification")
    handle(client::EngineLeft{id, text_of(content, "reason")});
}

void ClientIo::on_output(Frames frames) {
  auto parts = wire::split(std::move(frames));
  // Every client hears every engine: what names another session is dropped before it costs a signature.
  if (!parts || parts->parent.view().find(session_) == std::string_view::npos) return;
  if (!verified(*parts) || !outputs_seen_.is_fresh(parts->signature.view())) return;
  const Blob parent = client::text_field(parts->parent, "msg_id");
  client::OutputMessage message{client::text_field(parts->header, "msg_type").str(), std::move(parts->content),
                                std::move(parts->metadata), std::move(parts->buffers)};
  handle(client::OutputArrived{parent.view(), std::move(message)});
}

}  // namespace camshaft::service
