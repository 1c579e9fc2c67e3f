#include "service/task_service.hpp"

#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "wire/json.hpp"

namespace camshaft::service {

namespace {

net::SocketOptions router(const std::string& address, const char* identity, bool towards_engines) {
  net::SocketOptions options{.type = net::SocketType::router};
  options.identity = identity;
  options.bind = {address};
  options.mandatory = towards_engines;
  options.handover = true;  // a peer that lost its connection is back under its name
  // The answers of a last drain get this long to leave.
  options.linger = std::chrono::milliseconds(500);
  return options;
}

sched::Outcome outcome_of(const wire::ReplyStatus& status) {
  if (status.recalled) return sched::Outcome::recalled;
  if (!status.dependencies_met) return sched::Outcome::unmet;
  if (status.status == "ok") return sched::Outcome::ok;
  return status.status == "aborted" ? sched::Outcome::aborted : sched::Outcome::error;
}

constexpr std::size_t kUsualActions = 64;  // of one event: the room that more took is given back

bool is_ours(const EngineId& engine) { return engine.value.starts_with("camshaft-"); }

}  // namespace

TaskService::TaskService(net::Context& context, net::Loop& loop, const std::string& clients, const std::string& engines,
                         sched::Options options, std::uint64_t seed, Origin origin, TaskTap tap, Log& log)
    : loop_(loop),
      origin_(std::move(origin)),
      tap_(std::move(tap)),
      log_(log),
      pure_(options.scheme == sched::Scheme::pure),
      scheduler_(options, seed),
      clients_(context, router(clients, "task_in", false)),
      engines_(context, router(engines, "task_out", true)),
      // An engine that cannot be reached is on its way out: its tasks end when it is declared dead.
      channel_(engines_, loop,
               [this](const EngineId& engine, const Frames&) {
                 log_.debug("task: engine {} cannot be reached", engine.value);
               }),
      to_engines_(
          {[this] { return origin_.header(wire::kBatchRequest); },
           [this]() -> const wire::Signer& { return origin_.signer(); },
           [this](const std::string& engine, Frames frames) { channel_.send(EngineId(engine), std::move(frames)); }}),
      to_clients_({[this] { return origin_.header(wire::kBatchReply); },
                   [this]() -> const wire::Signer& { return origin_.signer(); },
                   [this](const std::string&, Frames frames) { clients_.send(frames); }}),
      resume_(loop, origin_, scheduler_,
              {[this](const EngineId& engine, Frames frames) {
                 to_engines_.flush();  // the engine must have a task before it is asked about it
                 channel_.send(engine, std::move(frames));
               },
               [this](const Frames& frames) {
                 to_clients_.flush();
                 clients_.send(frames);
               },
               [this](std::vector<sched::Action> actions) {
                 actions_ = std::move(actions);
                 perform_all();
               },
               [this](const MsgId& id, const EngineId& engine) { tap_.dispatched(id, engine); }},
              log),
      bodies_([this](const ClientId& client, const std::string& digest) {
        to_clients_.flush();
        clients_.send(origin_.message({Blob::of(client.value)}, wire::kBodyWanted, Blob::of_static("{}"), "{}",
                                      wire::with_body("{}", digest)));
      }) {
  loop.on_message(clients_, [this](net::Received&& received) { handle_request(std::move(received.frames)); });
  loop.on_message(engines_, [this](net::Received&& received) { handle_reply(std::move(received.frames)); });
  // Engines first: they would wait.
  loop.after_round([this] {
    to_engines_.flush();
    to_clients_.flush();
  });
  loop.after_work([this] {
    if (actions_.capacity() > kUsualActions) std::vector<sched::Action>().swap(actions_);
    packer_.tidy();
  });
}

void TaskService::engine_joined(const EngineId& engine, EngineNumber number, std::string_view properties, bool recalls,
                                bool reads_bodies) {
  channel_.engine_joined(engine);
  bodies_.engine_joined(engine, reads_bodies);
  feed(sched::EngineJoined{engine, number, read_properties(engine, properties), recalls});
  resume_.engine_back(engine);
}

void TaskService::engine_changed(const EngineId& engine, std::string_view properties) {
  feed(sched::EngineChanged{engine, read_properties(engine, properties)});
}

sched::Properties TaskService::read_properties(const EngineId& engine, std::string_view json) {
  auto properties = sched::parse_properties(json);
  if (properties) return std::move(*properties);
  log_.warning("task: the properties of engine {} are not used: {}", engine.value, properties.error().message);
  return {};
}

void TaskService::engine_left(const EngineId& engine, const std::string& why) {
  channel_.engine_left(engine);
  to_engines_.forget(engine.value);
  bodies_.engine_left(engine);
  feed(sched::EngineLeft{engine, why});
  resume_.engine_gone(engine);
}

void TaskService::engine_returned(const EngineId& engine, const std::vector<MsgId>& direct) {
  bodies_.engine_lacks(engine);
  resume_.direct().watch(engine, direct);
  resume_.engine_back(engine);
}

void TaskService::restore(EarlierTasks earlier) {
  for (const auto& [id, success] : earlier.done) scheduler_.remember(id, success);
  resume_.restore(std::move(earlier.tasks));
}

void TaskService::drain() { feed(sched::Drain{}); }

std::string TaskService::answer(const TaskQuestion& question) {
  nlohmann::json content{{"status", "ok"}};
  if (!question.cancel) {
    auto& texts = content["why"] = nlohmann::json::object();
    for (const MsgId& id : question.ids)
      if (auto text = scheduler_.why(id, loop_.clock().now()); !text.empty()) texts[id.value] = std::move(text);
    return content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  auto& ended = content["ended"] = nlohmann::json::array();
  auto& asked = content["asked"] = nlohmann::json::array();
  auto& unknown = content["unknown"] = nlohmann::json::array();
  for (const MsgId& id : question.ids)
    if (scheduler_.story(id).empty()) unknown.push_back(id.value);
  actions_.clear();
  scheduler_.handle(sched::Abort{question.ids, *question.cancel}, loop_.clock().now(), actions_);
  for (const sched::Action& action : actions_) {
    std::visit(
        [&](const auto& a) {
          using A = std::decay_t<decltype(a)>;
          if constexpr (std::is_same_v<A, sched::Fail>) {
            ended.push_back(a.id.value);
          } else if constexpr (std::is_same_v<A, sched::Recall> || std::is_same_v<A, sched::Interrupt> ||
                               std::is_same_v<A, sched::Kill>) {
            if (asked.empty() || asked.back() != a.id.value) asked.push_back(a.id.value);
          }
        },
        action);
  }
  perform_all();
  return content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void TaskService::handle_request(Frames frames) {
  auto request = wire::decode(std::move(frames), origin_.signer());
  if (!request) return drop("a client's task", request.error());
  if (request->parts.identities.empty()) return drop("a client's task", {Errc::truncated, "no routing id"});
  if (request->header.msg_type != wire::kBatchRequest) return submit(std::move(*request));
  auto tasks = wire::read_batch(request->parts.content);
  if (!tasks) return drop("a client's batch", tasks.error());
  to_clients_.learn(request->parts.identities[0].str());
  for (wire::Parts& task : *tasks) {
    task.identities = {request->parts.identities[0]};
    if (auto header = wire::parse_header(task.header.view())) {
      submit({std::move(task), std::move(*header)});
    } else {
      drop("a client's task", header.error());
    }
  }
  take_replies();
}

void TaskService::submit(wire::Message request) {
  if (request.header.msg_type == wire::kResumeRequest) return resume_.client_asks(request);
  if (!bodies_.concerns(request)) return submit_whole(std::move(request));
  TaskBodies::Ready ready = bodies_.take(std::move(request));
  for (const wire::Message& lost : ready.lost) lose(lost);
  for (wire::Message& whole : ready.tasks) submit_whole(std::move(whole));
}

// Its function was left out, and the client has thrown it away before it could be asked for it.
void TaskService::lose(const wire::Message& request) {
  tap_.submitted(request);
  perform(sched::Fail{
      request.header.msg_id, ClientId(request.parts.identities[0].str()), Parcel(wire::join(request.parts)),
      sched::FailureKind::engine_died,
      fmt::format("The function of task '{}' was lost on the way: submit the task again", request.header.msg_id.value),
      std::nullopt});
}

void TaskService::submit_whole(wire::Message request) {
  Parcel payload = packer_.pack(wire::join(request.parts));
  auto requirements = requirements_.parse(request.parts.metadata.view());
  ClientId client(request.parts.identities[0].str());
  if (requirements && pure_) {
    if (auto why = sched::refused_by_pure(*requirements)) requirements = Error{Errc::bad_value, std::move(*why)};
  }
  if (!requirements) {
    // The sender has the key, so it is told what is wrong instead of waiting for ever.
    tap_.submitted(request);
    perform(sched::Fail{request.header.msg_id, client, payload, sched::FailureKind::invalid_dependency,
                        requirements.error().message, std::nullopt});
    return;
  }
  if (!resume_.charge(request.header.msg_id, requirements->retries)) {
    tap_.submitted(request);
    perform(
        sched::Fail{request.header.msg_id, client, payload, sched::FailureKind::engine_died,
                    fmt::format("Task '{}' may have run as often as its retries allow", request.header.msg_id.value),
                    std::nullopt});
    return;
  }
  actions_.clear();
  if (const auto home = resume_.claim(request.header.msg_id)) {
    tap_.submitted(request);
    resume_.adopt({request.header.msg_id, std::move(client), std::move(*requirements), payload}, *home);
    return;
  }
  scheduler_.handle(sched::Submit{request.header.msg_id, std::move(client), std::move(*requirements), payload},
                    loop_.clock().now(), actions_);
  // The record of a task must not be touched by somebody who uses its id again.
  const auto* refused = actions_.empty() ? nullptr : std::get_if<sched::Fail>(&actions_.front());
  // After a break the first message may still arrive, late, by the connection that broke: then the second is too many.
  if (refused != nullptr && refused->kind == sched::FailureKind::duplicate && resume_.has_asked(refused->client)) {
    log_.debug("task: {} is here already", request.header.msg_id.value);
    actions_.erase(actions_.begin());
    return perform_all();
  }
  if (refused == nullptr || refused->kind != sched::FailureKind::duplicate) tap_.submitted(std::move(request));
  perform_all();
}

void TaskService::handle_reply(Frames frames) {
  auto reply = wire::decode(std::move(frames), origin_.signer());
  if (!reply) return drop("an engine's reply", reply.error());
  if (reply->header.msg_type != wire::kBatchReply) return finish(std::move(*reply));
  auto replies = wire::read_batch(reply->parts.content);
  if (!replies || reply->parts.identities.empty())
    return drop("an engine's batch", replies ? Error{Errc::truncated, "no routing id"} : replies.error());
  for (wire::Parts& one : *replies) {
    one.identities.insert(one.identities.begin(), reply->parts.identities[0]);
    finish({std::move(one), {}});
  }
}

// What engines have answered until now. A long batch of new tasks must not keep them waiting.
void TaskService::take_replies() {
  while (auto reply = engines_.receive()) handle_reply(std::move(*reply));
  to_engines_.flush();
}

void TaskService::finish(wire::Message reply) {
  if (reply.header.msg_type == wire::kResumeAnswer) return resume_.engine_answers(reply);
  auto id = wire::parent_id(reply.parts.parent.view());
  const auto status = wire::parse_reply_status(reply.parts.metadata.view());
  if (!id || !status || reply.parts.identities.size() < 2)
    return drop("an engine's reply", {Errc::bad_json, "it does not say which task it answers"});
  if (const auto client = resume_.wanted_by(*id)) {
    wire::Parts again = std::move(reply.parts);
    again.identities.erase(again.identities.begin() + 1);
    return to_clients_.add(client->value, std::move(again));
  }
  EngineId engine(reply.parts.identities[0].str());
  resume_.arrived(*id, engine);
  if (status->recalled || !status->dependencies_met) resume_.handed_back(*id, engine);
  reply_ = &reply;
  if (status->batches) to_engines_.learn(engine.value);
  if (status->lacks) bodies_.engine_lacks(engine);
  feed(sched::Finished{std::move(*id), std::move(engine), outcome_of(*status), status->took});
  reply_ = nullptr;
}

void TaskService::feed(sched::Event event) {
  actions_.clear();
  scheduler_.handle(std::move(event), loop_.clock().now(), actions_);
  perform_all();
}

void TaskService::perform_all() {
  for (const sched::Action& action : actions_) std::visit([this](const auto& a) { perform(a); }, action);
  schedule_tick();
}

void TaskService::perform(const sched::Dispatch& action) {
  resume_.sent(action.id, action.engine);
  wire::Parts task = wire::split(action.payload.frames()).value();
  bodies_.shorten(action.engine, task);
  to_engines_.add(action.engine.value, std::move(task));
  tap_.dispatched(action.id, action.engine);
}

void TaskService::perform(const sched::Forward& action) {
  wire::Parts reply = reply_->parts;
  const std::string client = reply.identities[1].str();
  reply.identities.erase(reply.identities.begin() + 1);
  to_clients_.add(client, std::move(reply));
  tap_.replied(std::move(*reply_), action.id, action.engine);
}

void TaskService::perform(const sched::Hide& action) {
  log_.debug("task: the reply of engine {} to {} is not passed on", action.engine.value, action.id.value);
}

void TaskService::perform(const sched::Recall& action) {
  log_.debug("task: {} is taken back from engine {} unless it has started", action.id.value, action.engine.value);
  say(action.engine, "recall_request", action.id);
}

// An engine of the original runs one task at a time as far as we know: its nanny's signal hits that one.
void TaskService::perform(const sched::Interrupt& action) {
  if (is_ours(action.engine)) return say(action.engine, "interrupt_request", action.id);
  if (on_signal) on_signal(action.engine, SIGINT);
}

void TaskService::perform(const sched::Kill& action) {
  if (is_ours(action.engine)) return say(action.engine, "kill_request", action.id);
  if (on_signal) on_signal(action.engine, SIGKILL);
}

void TaskService::say(const EngineId& engine, std::string_view msg_type, const MsgId& id) {
  to_engines_.flush();  // the engine must have the task before it hears about it
  channel_.send(engine, origin_.message({Blob::of(engine.value)}, msg_type, Blob::of_static("{}"),
                                        R"({"msg_ids":[)" + wire::quote(id.value) + "]}"));
}

void TaskService::perform(const sched::Fail& action) {
  const auto request = wire::split(action.payload.frames());
  std::string metadata = "{}";
  if (action.engine) metadata = R"({"status":"error","engine":)" + wire::quote(action.engine->value) + "}";
  const Frames reply =
      origin_.message({Blob::of(action.client.value)}, "apply_reply",
                      Blob::of(request->header.str()),  // a record of it must not hold what is packed beside it

                      wire::error_content(sched::exception_name(action.kind), action.text), metadata);
  clients_.send(reply);
  if (action.kind != sched::FailureKind::duplicate) tap_.failed(reply, action.id);
}

void TaskService::drop(std::string_view what, const Error& error) {
  if (dropped_.noteworthy())
    log_.warning("task: dropped {}: {} ({} dropped so far)", what, error.message, dropped_.count());
}

void TaskService::schedule_tick() {
  const auto deadline = scheduler_.next_deadline();
  if (deadline == tick_at_) return;
  if (tick_at_) loop_.cancel(tick_);
  tick_at_ = deadline;
  if (!deadline) return;
  tick_ = loop_.at(*deadline, [this] {
    tick_at_.reset();
    feed(sched::Tick{});
  });
}

}  // namespace camshaft::service
