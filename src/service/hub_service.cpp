#include "service/hub_service.hpp"

#include <algorithm>
#include <utility>

#include "core/date.hpp"
#include "wire/connection_file.hpp"
#include "wire/json.hpp"
#include "wire/news.hpp"

namespace camshaft::service {

namespace {

using namespace std::chrono_literals;
constexpr Duration kShutdownGrace = 100ms;  // for the answer and the notification to leave

hub::Status status_of(const std::string& text) {
  return text == "ok" ? hub::Status::ok : text == "aborted" ? hub::Status::aborted : hub::Status::error;
}

hub::Request request_of(wire::Message&& message, WallTime now) {
  hub::Request request;
  request.id = std::move(message.header.msg_id);
  request.msg_type = std::move(message.header.msg_type);
  request.client = std::move(message.header.session);
  request.submitted = parse_date(message.header.date).value_or(now);
  request.header = std::move(message.parts.header);
  request.metadata = std::move(message.parts.metadata);
  request.content = std::move(message.parts.content);
  request.buffers = std::move(message.parts.buffers);
  return request;
}

hub::Reply reply_of(MsgId id, wire::Message&& message) {
  hub::Reply reply;
  reply.id = std::move(id);
  if (const auto status = wire::parse_reply_status(message.parts.metadata.view())) {
    reply.status = status_of(status->status);
    reply.started = parse_date(status->started);
    reply.engine = EngineId(status->engine);
  }
  reply.completed = parse_date(message.header.date);
  reply.header = std::move(message.parts.header);
  reply.metadata = std::move(message.parts.metadata);
  reply.content = std::move(message.parts.content);
  reply.buffers = std::move(message.parts.buffers);
  return reply;
}

}  // namespace

HubService::HubService(net::Context& context, net::Loop& loop, const HubAddresses& addresses, hub::Hub::Options options,
                       RecordKeeper& records, std::filesystem::path engine_state_file, Origin origin,
                       HubListeners listeners, Log& log)
    : loop_(loop),
      origin_(std::move(origin)),
      listeners_(std::move(listeners)),
      log_(log),
      engine_state_file_(std::move(engine_state_file)),
      records_(records),
      hub_(std::move(options), records, loop.clock().now()),
      queries_(context,
               {.type = net::SocketType::router, .bind = addresses.queries, .linger = 500ms, .handover = true}),
      notification_(context, {.type = net::SocketType::xpub, .bind = {addresses.notification}, .linger = 500ms}),
      ping_(context, {.type = net::SocketType::pub, .bind = {addresses.hb_ping}}),
      pong_(context, {.type = net::SocketType::router, .bind = {addresses.hb_pong}, .handover = true, .monitor = true}),
      resubmit_(context, {.type = net::SocketType::dealer, .linger = 500ms}) {
  loop.on_message(queries_, [this](net::Received&& received) { handle_query(std::move(received.frames)); });
  loop.on_message(notification_, [this](net::Received&& received) {
    const auto session = wire::news_subscriber(received.frames.empty() ? "" : received.frames[0].view());
    if (session) queries_.send(origin_.message({Blob::of(*session)}, wire::kNewsReachYou, Blob::of_static("{}"), "{}"));
  });
  loop.on_event(pong_, [this](const net::SocketEvent& event) { handle_connection(event); });
  loop.on_message(pong_, [this](net::Received&& received) { handle_pong(std::move(received)); });
  loop.on_message(resubmit_, [](net::Received&&) {});
  schedule_tick();
}

void HubService::tell_clients(const wire::ClientConnection& connection) {
  auto told = nlohmann::json::parse(wire::render(connection));
  for (const char* secret : {"key", "curve_secretkey"}) told.erase(secret);
  hub_.set_client_connection(told);
}

void HubService::expect(const hub::EngineState& state) {
  hub_.expect(state, loop_.clock().now());
  schedule_tick();
}

void HubService::direct_ended(const std::vector<MsgId>& ids, const EngineId& engine, const std::string& why) {
  const std::size_t ended = hub_.end(ids, engine, why, loop_.clock().wall());
  for (const MsgId& id : ids) watchers_.ended(id, loop_.clock().now());
  answer_watchers();
  if (ended > 0) log_.info("{} direct requests of engine {} have ended: each {}", ended, engine.value, why);
}

void HubService::restore() {
  const auto text = wire::read_file(engine_state_file_);
  if (!text) return log_.warning("nothing to restore: {}", text.error().message);
  const auto state = hub::parse_engine_state(*text);
  if (!state) return log_.warning("cannot restore {}: {}", engine_state_file_.string(), state.error().message);
  perform(hub_.restore(*state, loop_.clock().now()));
  schedule_tick();
}

// ---- queries and registrations -----------------------------------------------------------------------------------

// Whoever lacks the key, or repeats somebody else's message, learns nothing: no answer (protocol 2.5).
void HubService::handle_query(Frames frames) {
  auto request = wire::decode(std::move(frames), origin_.signer());
  if (!request || request->parts.identities.empty() || !replays_.is_fresh(request->parts.signature.view())) {
    if (dropped_.noteworthy())
      log_.warning("hub: dropped a query: {} ({} dropped so far)",
                   request ? "it was seen before, or has no sender" : request.error().message, dropped_.count());
    return;
  }
  asking_ = request->parts.identities[0];
  const nlohmann::json content = hub::parse_untrusted(request->parts.content.view());
  const std::string& type = request->header.msg_type;
  if (const auto event = hub::read_engine_request(type, ClientId(asking_.str()), content)) {
    if (std::holds_alternative<hub::RegistrationRequested>(*event) && refuses_for_want_of_files()) return;
    return feed(*event);
  }
  if (is_task_question(type)) return pass_on(std::make_shared<wire::Message>(std::move(*request)), content);
  if (type == "properties_request") return answer(*request);  // no record has a part in it
  // Whoever has the answer to a task may ask for its record: what was seen before the question counts.
  listeners_.catch_up([this, request = std::make_shared<wire::Message>(std::move(*request))] { answer(*request); });
}

// Connections beyond the limit would not be accepted, and their engines wait for nothing.
bool HubService::refuses_for_want_of_files() {
  const std::size_t engines = hub_.registry().engines().size() + hub_.registry().pending() + 1;
  const auto why = too_few_files("engines", engines, kFilesPerEngine, open_files_);
  if (!why) return false;
  log_.warning("a registration is refused: {}", *why);
  queries_.send(origin_.message({asking_}, "registration_reply", Blob::of_static("{}"),
                                wire::error_content("RuntimeError", *why)));
  return true;
}

void HubService::pass_on(const std::shared_ptr<wire::Message>& request, const nlohmann::json& content) {
  const auto reply = [this, request](std::string text) {
    std::string type = request->header.msg_type;
    type.replace(type.rfind("request"), std::string::npos, "reply");
    queries_.send(origin_.message({request->parts.identities[0]}, type, request->parts.header, std::move(text)));
  };
  auto question = read_task_question(request->header.msg_type, content);
  if (!question) return reply(hub::json_text(hub::error_content({"ValueError", question.error().message})));
  listeners_.ask_tasks(std::move(*question), reply);
}

// Who waits for tasks that are not its own is told when one has ended, instead of asking again and again.
void HubService::watch(const wire::Message& request) {
  const auto question = EndWatchers::read(request.parts.content.view());
  if (!question) {
    queries_.send(origin_.message({request.parts.identities[0]}, "hub_error", request.parts.header,
                                  wire::error_content("ValueError", question.error().message)));
    return;
  }
  const bool news =
      std::any_of(question->ids.begin(), question->ids.end(), [&](const MsgId& id) { return !hub_.is_pending(id); });
  watchers_.add(request, *question, news, loop_.clock().now());
  answer_watchers();
}

void HubService::answer_watchers() {
  for (const wire::Message& request : watchers_.due(loop_.clock().now()))
    queries_.send(
        origin_.message({request.parts.identities[0]}, "watch_reply", request.parts.header, R"({"status": "ok"})"));
  const auto deadline = watchers_.next_deadline();
  if (!deadline || (watchers_at_ && *watchers_at_ <= *deadline)) return;
  watchers_at_ = deadline;
  loop_.at(*deadline, [this, at = *deadline] {
    if (watchers_at_ == at) watchers_at_.reset();
    answer_watchers();
  });
}

void HubService::answer(const wire::Message& request) {
  if (request.header.msg_type == "watch_request") return watch(request);
  const nlohmann::json content = hub::parse_untrusted(request.parts.content.view());
  if (request.header.msg_type == "become_dask_request" && listeners_.start_dask) {
    const bool given = content.is_object() && content.contains("scheduler_args");
    const nlohmann::json arguments = given ? content["scheduler_args"] : nlohmann::json::object();
    return listeners_.start_dask(hub::json_text(arguments), [this, request](std::string reply) {
      send_answer(request, {.msg_type = "become_dask_reply", .content = std::move(reply)});
    });
  }
  if (request.header.msg_type == "stop_distributed_request" && listeners_.stop_dask) listeners_.stop_dask();
  hub::Response response = hub_.answer(request.header.msg_type, content);
  if (auto* known = std::get_if<hub::Answer>(&response)) return send_answer(request, std::move(*known));
  // The store may answer on a thread of its own, and later.
  records_.ask(std::get<hub::Question>(std::move(response)), [this, request](hub::Answer answer) {
    loop_.post([this, request, answer = std::move(answer)]() mutable { send_answer(request, std::move(answer)); });
  });
}

void HubService::send_answer(const wire::Message& request, hub::Answer answer) {
  if (!answer.again.empty()) submit_again(answer);
  queries_.send(origin_.message({request.parts.identities[0]}, answer.msg_type, request.parts.header,
                                std::move(answer.content), "{}", std::move(answer.buffers)));
  for (const hub::PropertiesChanged& changed : answer.changed) {
    // Engines of the original would take it for an answer to their registration.
    if (changed.uuid.value.starts_with("camshaft-"))
      queries_.send(origin_.message({Blob::of(changed.uuid.value)}, "properties_notification", Blob::of_static("{}"),
                                    hub::json_text({{"changes", changed.changes}})));
    perform(hub::EngineChanged{changed.uuid});
  }
  if (!answer.shut_down) return;
  log_.info("stopping: a client asked for it");
  announce_shutdown(request.parts.header);
  loop_.at(loop_.clock().now() + kShutdownGrace, listeners_.shut_down);
}

// The tasks go the way of all others; their replies come back here, where nobody waits for them: the record is what
// counts.
void HubService::submit_again(hub::Answer& answer) {
  const auto next_id = [this] { return origin_.next_id(); };
  for (hub::Request& request : hub_.resubmit(answer, next_id, loop_.clock().wall())) {
    wire::Outgoing out;
    out.header = out.parent = std::move(request.header);
    out.metadata = std::move(request.metadata);
    out.content = std::move(request.content);
    out.buffers = std::move(request.buffers);
    resubmit_.send(wire::encode(std::move(out), origin_.signer()));
  }
}

void HubService::announce_shutdown(Blob parent) {
  publish("shutdown_notification", R"({"status":"ok"})", std::move(parent));
}

void HubService::publish(std::string_view type, std::string content, Blob parent) {
  notification_.send(origin_.message({}, type, std::move(parent), std::move(content)));
}

// ---- hearts --------------------------------------------------------------------------------------------------------

void HubService::handle_pong(net::Received received) {
  if (received.frames.size() != 2) return;
  EngineId engine(received.frames[0].str());
  if (received.descriptor >= 0) heart_of_descriptor_.insert_or_assign(received.descriptor, engine);
  feed(hub::Pong{std::move(engine), received.frames[1].str()});
}

void HubService::handle_connection(const net::SocketEvent& event) {
  if (event.kind != net::SocketEvent::Kind::disconnected) return;
  auto heart = heart_of_descriptor_.extract(event.descriptor);
  if (!heart.empty()) feed(hub::ConnectionLost{std::move(heart.mapped())});
}

// ---- the hub's decisions -------------------------------------------------------------------------------------------

void HubService::feed(const hub::Event& event) {
  perform(hub_.handle(event, loop_.clock().now(), loop_.clock().wall()));
  schedule_tick();
}

void HubService::perform(const std::vector<hub::Action>& actions) {
  for (const hub::Action& action : actions) std::visit([this](const auto& a) { perform(a); }, action);
}

void HubService::perform(const hub::RegistrationReply& action) {
  queries_.send(origin_.message({asking_}, "registration_reply", Blob::of_static("{}"), action.content));
}

// Schedulers first: a client may use the engine as soon as it hears of it.
void HubService::perform(const hub::EngineRegistered& action) {
  listeners_.engine_joined(action.uuid, action.number, hub::json_text(hub_.properties().of(action.uuid)),
                           hub_.recalls(action.uuid), hub_.reads_bodies(action.uuid));
  publish("registration_notification", hub::notification_content(action.number, action.uuid));
  log_.info("engine {} {} ({})", to_int(action.number), action.returned ? "is back" : "registered", action.uuid.value);
}

void HubService::perform(const hub::EngineReturned& action) {
  listeners_.engine_returned(action.uuid, hub_.direct_requests(action.uuid));
  log_.info("engine {} has connected again", action.uuid.value);
}

void HubService::perform(const hub::EngineGone& action) {
  listeners_.engine_left(action.uuid, action.why);
  publish("unregistration_notification", hub::notification_content(action.number, action.uuid, action.why));
  log_.info("engine {} is gone: {} ({})", to_int(action.number),
            action.why.empty() ? hub::to_text(action.reason) : action.why, action.uuid.value);
}

void HubService::perform(const hub::EngineChanged& action) {
  listeners_.engine_changed(action.uuid, hub::json_text(hub_.properties().of(action.uuid)));
}

void HubService::perform(const hub::SignalEngine& action) { listeners_.signal_engine(action.uuid, action.signal); }

void HubService::perform(const hub::Ping& action) { ping_.send({Blob::of(action.text)}); }

void HubService::perform(const hub::SaveEngines&) {
  if (const auto saved = wire::write_private_file(engine_state_file_, hub_.engine_state()); !saved)
    log_.warning("engine state is not saved: {}", saved.error().message);
}

void HubService::perform(const hub::RegistrationIgnored& action) {
  log_.warning("a registration request was ignored: {}", action.why);
}

void HubService::perform(const hub::RegistrationDropped& action) {
  log_.warning("the registration of engine {} is over: {}", action.uuid.value,
               action.stalled ? "its heart never began to beat" : "it was withdrawn");
}

void HubService::schedule_tick() {
  const TimePoint deadline = hub_.next_deadline();
  if (deadline == tick_at_) return;
  loop_.cancel(tick_);
  tick_at_ = deadline;
  tick_ = loop_.at(deadline, [this] {
    tick_at_ = {};
    feed(hub::Tick{});
  });
}

// ---- records -------------------------------------------------------------------------------------------------------

void HubService::record(std::vector<Traffic> traffic) {
  for (Traffic& seen : traffic) std::visit([this](auto& one) { record(std::move(one)); }, seen);
  answer_watchers();
}

void HubService::record(MuxIn&& seen) {
  EngineId engine(seen.frames.front().str());
  auto message = wire::decode(std::move(seen.frames), origin_.signer());
  if (!message) {
    if (dropped_.noteworthy())
      log_.warning("hub: a direct request is not recorded: {} ({} so far)", message.error().message, dropped_.count());
    return;
  }
  // Only requests that are answered become tasks; comm messages are not (protocol 4.8).
  const std::string& type = message->header.msg_type;
  if (type != "apply_request" && type != "execute_request") return;
  hub_.record(hub::MuxRequest{std::move(engine), request_of(std::move(*message), loop_.clock().wall())});
}

void HubService::record(MuxOut&& seen) {
  if (seen.frames.size() < 2) return;
  EngineId engine(seen.frames[1].str());
  auto message = wire::decode(std::move(seen.frames), origin_.signer());
  if (!message) return;
  auto id = wire::parent_id(message->parts.parent.view());
  if (!id) return;
  watchers_.ended(*id, loop_.clock().now());
  hub::Reply reply = reply_of(std::move(*id), std::move(*message));
  reply.engine = std::move(engine);
  hub_.record(hub::MuxReply{std::move(reply)}, loop_.clock().wall());
}

void HubService::record(Output&& seen) {
  auto message = wire::decode(std::move(seen.frames), origin_.signer());
  if (!message) return;
  if (message->header.msg_type == "shutdown_reply") {
    feed(hub::Unregister{std::nullopt, EngineId(message->header.session.value), hub::GoneReason::shut_down});
    return;
  }
  auto parent = wire::parent_id(message->parts.parent.view());
  if (!parent) return;
  hub_.record(hub::IoPub{std::move(*parent), std::move(message->header.msg_type), std::move(message->parts.content)});
}

void HubService::record(TaskIn&& seen) {
  hub_.record(hub::TaskSubmitted{request_of(std::move(seen.message), loop_.clock().wall())});
}

void HubService::record(TaskMoved&& seen) {
  hub_.record(hub::TaskDispatched{std::move(seen.id), std::move(seen.engine)});
}

void HubService::record(TaskOut&& seen) {
  if (seen.message.header.msg_id.empty()) {  // it came with others
    if (auto header = wire::parse_header(seen.message.parts.header.view())) seen.message.header = std::move(*header);
  }
  watchers_.ended(seen.id, loop_.clock().now());
  hub_.record(hub::TaskReplied{reply_of(std::move(seen.id), std::move(seen.message))}, loop_.clock().wall());
}

}  // namespace camshaft::service
