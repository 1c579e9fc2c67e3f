#include "service/engine_service.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/date.hpp"
#include "core/properties.hpp"
#include "wire/json.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

using engine::Link;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kDroppedEvery = seconds(10);
constexpr Duration kLifelineGrace = milliseconds(500);
// A task that takes less may let its reply wait for others, so long at most and for so many.
constexpr Duration kBrief = std::chrono::microseconds(200);
constexpr Duration kMoment = std::chrono::microseconds(300);
constexpr std::size_t kTogether = 32;
// A step of priority is worth so much waiting, as in the scheduler (sched::Options); more steps than so many do not
// count.
constexpr std::chrono::microseconds kAging = std::chrono::hours(1);
constexpr std::int64_t kHighestPriority = 1'000'000;
// How the controller's scheduler calls itself towards engines: what comes from it is a task.
constexpr std::string_view kScheduler = "task_out";
// Waking a thread takes longer than many tasks: so long after one, both threads look for the caller's next.
constexpr Duration kStayAwake = std::chrono::microseconds(250);
// So long after the interpreter has left it alone, the io thread cares for the loop again.
constexpr Duration kLease = std::chrono::milliseconds(1);

// Empties a descriptor of wake-ups; false at its end.
bool drain(int descriptor) {
  char bytes[64];
  ssize_t got;
  do {
    got = read(descriptor, bytes, sizeof bytes);
  } while (got == sizeof bytes || (got < 0 && errno == EINTR));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

std::int64_t turn_of(std::int64_t priority, TimePoint arrival) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(arrival.time_since_epoch()).count();
  return now - std::clamp(priority, -kHighestPriority, kHighestPriority) * kAging.count();
}

void set_nonblocking(int descriptor) { fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK); }

}  // namespace

EngineService::EngineService(EngineConfig config, Log& log, std::function<void(EngineNumber)> number_changed)
    : config_(std::move(config)),
      log_(log),
      number_changed_(std::move(number_changed)),
      interpreter_(pthread_self()),
      loop_(clock_),
      lent_(loop_, kLease, [] { return true; }),
      context_(std::make_unique<net::Context>()),
      membership_(config_.membership, clock_.now()),
      ids_(SessionId(config_.membership.uuid.value), getpid()),
      replies_({[this] { return header(wire::kBatchReply); }, [this]() -> const wire::Signer& { return *signer_; },
                [this](const std::string&, const Frames& frames) { links_->send_shell(frames); }}),
      properties_(nlohmann::json::parse(config_.properties, nullptr, false)) {
  if (!properties_.is_object()) properties_ = nlohmann::json::object();
  // Signals belong to the interpreter's thread: the io thread is born with all of them blocked.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

EngineService::~EngineService() { close(); }

void EngineService::run() {
  if (config_.lifeline >= 0) {
    set_nonblocking(config_.lifeline);
    loop_.on_readable(config_.lifeline, [this] {
      if (drain(config_.lifeline)) return;
      loop_.forget(config_.lifeline);
      log_.info("whoever started this engine is gone: stopping");
      begin_stop(0, kLifelineGrace);
    });
  }
  if (config_.stop_requests >= 0) {
    set_nonblocking(config_.stop_requests);
    loop_.on_readable(config_.stop_requests, [this] {
      drain(config_.stop_requests);
      log_.info("SIGTERM: stopping");
      why_leaving_ = config_.termination;
      begin_stop(0, kStopGrace);
    });
  }
  if (config_.wake_ups >= 0) {
    set_nonblocking(config_.wake_ups);
    loop_.on_readable(config_.wake_ups, [this] {
      drain(config_.wake_ups);
      wake();
    });
  }
  loop_.after_round([this] { replies_.flush(); });
  loop_.stay_awake(kStayAwake);
  feed(engine::Tick{});
  lent_.run();
  links_.reset();  // sockets end on the thread that used them
}

// ---- membership -----------------------------------------------------------------------------------------------------

void EngineService::feed(const engine::MemberEvent& event) {
  if (leaving_) return;
  for (const auto& action : membership_.handle(event, clock_.now())) perform(action);
  rearm_tick();
}

void EngineService::rearm_tick() {
  if (tick_) loop_.cancel(*tick_);
  tick_.reset();
  if (membership_.wake_at() == TimePoint::max()) return;
  tick_ = loop_.at(membership_.wake_at(), [this] {
    tick_.reset();
    feed(engine::Tick{});
  });
}

void EngineService::perform(const engine::MemberAction& action) {
  struct {
    EngineService& self;
    // Links come and go between rounds: the loop must not lose a socket whose handler is running.
    void operator()(const engine::ReadConnection&) {
      self.loop_.post([s = &self] { s->read_connection(); });
    }
    void operator()(const engine::CloseLinks&) {
      self.loop_.post([s = &self] { s->close_links(); });
    }
    void operator()(const engine::SendRegistration& a) {
      std::string content = fmt::format(R"({{"uuid": "{}")", self.uuid().value);
      if (a.number) content += fmt::format(R"(, "id": {})", to_int(*a.number));
      content += fmt::format(R"(, "properties": {}, "camshaft": {{"version": {}, "recall": true, "bodies": true}})",
                             self.properties(), wire::quote(self.config_.version));
      self.send_to_hub("registration_request", content + "}");
    }
    void operator()(const engine::ConnectBroadcast& a) {
      if (!self.links_) return;
      if (const auto done = self.links_->connect_broadcast(a.number); !done)
        self.log_.warning("{}", done.error().message);
    }
    void operator()(const engine::AnswerHeartbeats&) {
      self.answering_ = true;
      // The ping that came a moment ago still counts: with a slow heartbeat it saves a whole period.
      if (self.last_ping_ && self.links_) self.links_->send_pong(*self.last_ping_);
      self.last_ping_.reset();
      self.loop_.post([s = &self] {
        if (s->links_) s->links_->settle();
      });
    }
    void operator()(const engine::ForgetRequests&) {
      std::size_t forgotten = 0;
      {
        const std::lock_guard lock(self.queue_mutex_);
        for (const auto& a : self.queue_.handle(engine::ControllerLost{}))
          forgotten += self.waiting_.erase(static_cast<std::uint64_t>(std::get<engine::Discard>(a).ticket));
      }
      if (forgotten > 0) self.log_.warning("dropped {} waiting requests of the controller that was lost", forgotten);
    }
    void operator()(const engine::Say& a) {
      if (self.log_.enabled(a.level)) self.log_.write(a.level, a.line);
    }
    void operator()(const engine::Exit& a) {
      self.log_.error("{}", a.line);
      self.begin_stop(a.code, kStopGrace);
    }
  } doer{*this};
  std::visit(doer, action);
}

void EngineService::read_connection() {
  std::string source = config_.file.string();
  Result<std::string> text =
      config_.connection ? Result<std::string>(*config_.connection) : wire::read_file(config_.file);
  if (config_.connection) source = "IPP_CONNECTION_INFO";
  if (!text) return feed(engine::Unconfigured{text.error().message});
  if (links_ && *text == connection_text_) return;  // still the controller that does not answer

  auto connection = wire::parse_engine_connection(*text);
  if (!connection) return feed(engine::Unconfigured{fmt::format("{}: {}", source, connection.error().message)});
  if (config_.location) connection->location = *config_.location;
  if (config_.key) connection->key = *config_.key;
  const std::string server_key = connection->curve_serverkey.value_or(config_.curve_serverkey.value_or(""));
  if (!server_key.empty()) {
    auto curve = net::curve_of_client(server_key);
    if (!curve) return feed(engine::Unconfigured{fmt::format("{}: {}", source, curve.error().message)});
    context_->encrypt(*std::move(curve));
    encrypted_ = true;
  }
  auto signer = wire::Signer::make(connection->signature_scheme, connection->key);
  if (!signer) return feed(engine::Unconfigured{fmt::format("{}: {}", source, signer.error().message)});

  close_links();
  EngineLinks::Handlers handlers;
  handlers.on_registration = [this](Frames frames) { on_registration(std::move(frames)); };
  handlers.on_shell = [this](Frames frames) { on_shell(std::move(frames)); };
  handlers.on_control = [this](Frames frames) { on_control(std::move(frames)); };
  handlers.on_ping = [this](Frames frames) { on_ping(std::move(frames)); };
  handlers.on_link = [this](Link link, bool up) {
    if (up) {
      feed(engine::LinkUp{link});
    } else {
      feed(engine::LinkDown{link});
    }
  };
  auto links = EngineLinks::connect(*context_, loop_, *connection, uuid(), std::move(handlers));
  if (!links) return feed(engine::Unconfigured{fmt::format("{}: {}", source, links.error().message)});
  links_ = std::move(*links);
  signer_.emplace(std::move(*signer));
  connection_text_ = *text;
  feed(engine::Configured{source, links_->address()});
}

void EngineService::close_links() {
  replies_.clear();
  if (links_) links_->abandon();
  links_.reset();
  answering_ = false;
  last_ping_.reset();
}

void EngineService::on_ping(Frames frames) {
  if (answering_) {
    links_->send_pong(frames);
    feed(engine::Pinged{});
  } else {
    last_ping_ = std::move(frames);
  }
}

void EngineService::on_registration(Frames frames) {
  const auto message = open(std::move(frames));
  if (!message) return;
  const auto content = nlohmann::json::parse(message->parts.content.view(), nullptr, false);
  if (!content.is_object()) return;
  if (message->header.msg_type == "properties_notification") {
    const auto changes = content.find("changes");
    if (changes == content.end() || !changes->is_object()) return;
    const std::lock_guard lock(properties_mutex_);
    camshaft::change_properties(properties_, *changes);
    return;
  }
  if (message->header.msg_type != "registration_reply") return;
  if (content.value("status", "") == "ok" && content.contains("id") && content["id"].is_number_integer()) {
    engine::Accepted accepted{EngineNumber{content["id"].get<std::int32_t>()}};
    if (content.contains("hb_period") && content["hb_period"].is_number())
      accepted.hb_period = milliseconds(content["hb_period"].get<std::int64_t>());
    if (const auto ours = content.find("camshaft"); ours != content.end() && ours->is_object())
      accepted.resumes = ours->value(std::string(wire::kResumeKey), nlohmann::json()) == true;
    number_.store(to_int(accepted.number));
    number_changed_(accepted.number);
    feed(accepted);
  } else {
    const auto text = [&](const char* key) {
      return content.contains(key) && content[key].is_string() ? content[key].get<std::string>() : std::string();
    };
    feed(engine::Refused{text("ename"), text("evalue")});
  }
}

// ---- requests -------------------------------------------------------------------------------------------------------

std::optional<wire::Message> EngineService::open(Frames frames) {
  auto message = wire::decode(std::move(frames), *signer_);
  if (!message) {
    count_dropped(message.error());
    return std::nullopt;
  }
  if (!replay_guard_.is_fresh(message->parts.signature.view())) {
    count_dropped({Errc::replayed, "a message seen before"});
    return std::nullopt;
  }
  return std::move(*message);
}

void EngineService::count_dropped(const Error& error) {
  const auto tell = [this] {
    std::string text;
    for (const auto& [code, count] : dropped_) {
      const char* what = code == Errc::bad_signature ? "with a bad signature (a peer with another key?)"
                         : code == Errc::replayed    ? "seen before"
                                                     : "that cannot be read";
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
    }
    dropped_.clear();
    if (!text.empty()) log_.warning("dropped messages: {}", text);
  };
  ++dropped_[error.code];
  if (dropped_timer_) return;
  tell();
  dropped_timer_ = true;
  loop_.at(clock_.now() + kDroppedEvery, [this, tell] {
    dropped_timer_ = false;
    tell();
  });
}

ParentPtr EngineService::make_parent(const wire::Message& message) const {
  auto parent = std::make_shared<EngineParent>();
  parent->id = message.header.msg_id;
  parent->header = Blob::of(message.parts.header.str());  // a copy: the request's buffers must not live as long
  return parent;
}

void EngineService::queue(wire::Message message, bool on_control) {
  auto task = std::make_shared<EngineTask>();
  task->ticket = engine::Ticket{next_ticket_++};
  task->msg_type = message.header.msg_type;
  task->kind = task->msg_type == "apply_request"     ? engine::Kind::apply
               : task->msg_type == "execute_request" ? engine::Kind::execute
               : on_control                          ? engine::Kind::clear
                                                     : engine::Kind::other;
  task->on_control = on_control;
  task->metadata = metadata_reader_.read(message.parts.metadata.view());
  std::optional<std::int64_t> turn;
  if (!message.parts.identities.empty() && message.parts.identities[0].view() == kScheduler)
    turn = turn_of(task->metadata.priority, clock_.now());
  task->parent = make_parent(message);
  task->parent->counted = !task->metadata.codec.empty();
  task->identities = std::move(message.parts.identities);
  task->content = std::move(message.parts.content);
  task->buffers = std::move(message.parts.buffers);
  task->mark = wire::ReplayGuard::mark_of(message.parts.signature.view());
  std::vector<engine::Action> actions;
  {
    const std::lock_guard lock(queue_mutex_);
    waiting_.emplace(static_cast<std::uint64_t>(task->ticket), task);
    actions = queue_.handle(engine::Arrived{{task->ticket, message.header.msg_id, task->kind, turn}});
    if (!actions.empty() && std::holds_alternative<engine::Start>(actions.front())) {
      waiting_.erase(static_cast<std::uint64_t>(task->ticket));
      slot_ = std::move(task);
      actions.clear();
      anything_.store(true, std::memory_order_release);
      queue_changed_.notify_one();
    }
  }
  settle(actions);
}

// Answers the requests that the queue gave up; not for Start, which goes to the interpreter.
void EngineService::settle(const std::vector<engine::Action>& actions) {
  for (const auto& action : actions) {
    const auto* aborted = std::get_if<engine::AnswerAborted>(&action);
    const auto* recalled = std::get_if<engine::AnswerRecalled>(&action);
    if (aborted == nullptr && recalled == nullptr) continue;
    const auto ticket = static_cast<std::uint64_t>(aborted != nullptr ? aborted->ticket : recalled->ticket);
    TaskPtr task;
    {
      const std::lock_guard lock(queue_mutex_);
      const auto found = waiting_.find(ticket);
      if (found == waiting_.end()) continue;
      task = std::move(found->second);
      waiting_.erase(found);
    }
    task->started = clock_.wall();
    EngineReply reply;
    reply.status = "aborted";
    reply.recalled = recalled != nullptr;
    reply.content = R"({"status": "aborted"})";
    send_reply(*task, reply);
    if (reply.recalled) replay_guard_.forget(task->mark);  // it may come back, when others have handed it back, too
    if (!task->parent->counted) send_status(*task->parent, "idle");
  }
}

// Until anything_ is set: in the loop, if it can be had, or asleep while the io thread is there.
void EngineService::wait_for_work() {
  constexpr auto kForever = net::LentLoop::Deadline::max();
  const auto ready = [&] { return anything_.load(std::memory_order_acquire); };
  if (lent_.drive(ready, kForever, kStayAwake)) return;
  lent_.ask();
  if (lent_.drive(ready, kForever, 2 * kStayAwake)) return;
  std::unique_lock lock(queue_mutex_);
  queue_changed_.wait(lock, [&] { return slot_ || woken_ || stopping_; });
}

EngineService::Taken EngineService::next() {
  std::unique_lock lock(queue_mutex_);
  if (!slot_ && !stopping_ && !queue_.running()) {
    for (const auto& action : queue_.handle(engine::Idle{}))
      if (const auto* start = std::get_if<engine::Start>(&action)) {
        auto node = waiting_.extract(static_cast<std::uint64_t>(start->ticket));
        slot_ = std::move(node.mapped());
      }
  }
  const auto anything = [&] { return slot_ || woken_ || stopping_; };
  if (!anything()) {
    anything_.store(false, std::memory_order_relaxed);
    lock.unlock();
    wait_for_work();
    lock.lock();
  }
  if (stopping_) return {Next::stopped, nullptr};
  if (slot_) {
    TaskPtr task = std::move(slot_);
    slot_.reset();
    lock.unlock();
    task->started = clock_.wall();
    if (!task->parent->counted && !task->on_control)
      lent_.post([this, parent = task->parent] { send_status(*parent, "busy"); });
    return {Next::task, std::move(task)};
  }
  woken_ = false;
  return {Next::woken, nullptr};
}

void EngineService::finish(const TaskPtr& task, EngineReply reply) {
  // The reply to a short task waits a moment for that of the next, which has arrived already: one wake-up and one
  // message for several. While nothing else waits to be run, a reply leaves at once.
  task->ended = clock_.wall();
  const bool brief = task->parent->counted && task->ended - task->started < kBrief;
  auto chunks = take_chunks();
  bool at_once = false, first = false;
  {
    const std::lock_guard lock(queue_mutex_);
    auto actions = queue_.handle(engine::Finished{task->ticket, reply.aborts_executes});
    finished_.push_back({task, std::move(reply), std::move(chunks), std::move(actions)});
    at_once = !brief || queue_.waiting() == 0 || finished_.size() == kTogether;
    first = !at_once && !std::exchange(answering_soon_, true);
  }
  const auto answer = [this] { answer_finished(); };
  const auto answer_soon = [this, when = clock_.now() + kMoment] { loop_.at(when, [this] { answer_finished(); }); };
  if (at_once) {
    const bool here = lent_.run_here([&] {
      answer();
      replies_.flush();
    });
    if (!here) lent_.post(answer);
  } else if (first && !lent_.run_here(answer_soon)) {
    lent_.post(answer_soon);
  }
}

void EngineService::answer_finished() {
  std::vector<Answered> finished;
  {
    const std::lock_guard lock(queue_mutex_);
    finished.swap(finished_);
    answering_soon_ = false;
  }
  for (const Answered& each : finished) {
    send_chunks(each.chunks);
    if (!each.reply.silent) send_reply(*each.task, each.reply);
    if (!each.task->parent->counted && !each.task->on_control) send_status(*each.task->parent, "idle");
    settle(each.actions);
  }
}

void EngineService::send_reply(const EngineTask& task, const EngineReply& reply) {
  if (!signer_ || task.identities.empty()) return;
  const std::string peer = task.identities[0].str();
  wire::Parts out;
  out.header = header(engine::reply_type(task.msg_type));
  out.parent = task.parent->header;
  if (task.kind == engine::Kind::apply || task.kind == engine::Kind::execute) {
    const WallTime ended = task.ended == WallTime{} ? clock_.wall() : task.ended;
    out.metadata = Blob::of(reply_metadata(task, reply, uuid(), number(), ended, !replies_.knows(peer)));
  } else {
    out.metadata = Blob::of(fmt::format(R"({{"engine": "{}", "status": "{}"}})", uuid().value, reply.status));
  }
  out.content = Blob::of(reply.content);
  out.buffers = reply.buffers;
  // Whether it arrives is not known here; while the controller is away, it cannot.
  if (!reply.recalled) keep_reply(task, out);
  if (!links_) return;
  if (task.on_control) {
    links_->send_control(wire::encode(task.identities, std::move(out), *signer_));
  } else {
    out.identities.assign(task.identities.begin() + 1, task.identities.end());
    replies_.add(peer, std::move(out));
  }
}

// ---- sending --------------------------------------------------------------------------------------------------------

void EngineService::send_to_hub(std::string_view type, std::string content) {
  if (!links_) return;
  wire::Outgoing out;
  out.header = header(type);
  out.content = Blob::of(std::move(content));
  links_->send_registration(wire::encode(std::move(out), *signer_));
}

Blob EngineService::header(std::string_view type) {
  return Blob::of(wire::make_header(ids_.next(), type, SessionId(uuid().value), config_.username, clock_.wall()));
}

// ---- the end --------------------------------------------------------------------------------------------------------

void EngineService::wake() {
  const std::lock_guard lock(queue_mutex_);
  woken_ = true;
  anything_.store(true, std::memory_order_release);
  queue_changed_.notify_one();
  lent_.nudge();
}

void EngineService::stop(int code, Duration grace) {
  lent_.post([this, code, grace] { begin_stop(code, grace); });
}

void EngineService::begin_stop(int code, Duration grace) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (stopping_) return;
    exit_code_.store(code);  // before the interpreter may look: it ends the process with it
    stopping_ = true;
    anything_.store(true, std::memory_order_release);
    queue_changed_.notify_one();
  }
  leaving_ = true;
  if (const auto number = membership_.number(); number || links_)
    send_to_hub("unregistration_request", unregistration_content(number, why_leaving_));
  {
    const std::lock_guard lock(queue_mutex_);
    interrupt_user_code();
  }
  loop_.at(clock_.now() + grace, [this] { end_process(); });
}

void EngineService::end_process() {
  answer_finished();
  send_chunks(take_chunks());
  replies_.flush();
  links_.reset();
  context_.reset();  // waits until the farewells are sent, at most the links' linger
  _exit(exit_code_.load());
}

void EngineService::close() {
  if (closed_) return;
  closed_ = true;
  lent_.post([this] {
    answer_finished();
    send_chunks(take_chunks());
    loop_.stop();
  });
  thread_.join();
  context_.reset();
}

}  // namespace camshaft::service
