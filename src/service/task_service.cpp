#include "service/task_service.hpp"

#include <memory>
#include <utility>

#include "wire/json.hpp"

namespace camshaft::service {

namespace {

net::SocketOptions router(const std::string& address, const char* identity, bool towards_engines) {
  net::SocketOptions options{.type = net::SocketType::router};
  options.identity = identity;
  options.bind = {address};
  options.mandatory = towards_engines;
  options.handover = towards_engines;
  // The answers of a last drain get this long to leave.
  options.linger = std::chrono::milliseconds(500);
  return options;
}

sched::Outcome outcome_of(const wire::ReplyStatus& status) {
  if (!status.dependencies_met) return sched::Outcome::unmet;
  if (status.status == "ok") return sched::Outcome::ok;
  return status.status == "aborted" ? sched::Outcome::aborted : sched::Outcome::error;
}

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
      channel_(engines_, loop, [this](const EngineId& engine, const Frames&) {
        log_.debug("task: engine {} cannot be reached", engine.value);
      }) {
  loop.on_message(clients_, [this](net::Received&& received) { handle_request(std::move(received.frames)); });
  loop.on_message(engines_, [this](net::Received&& received) { handle_reply(std::move(received.frames)); });
}

void TaskService::engine_joined(const EngineId& engine, EngineNumber number) {
  channel_.engine_joined(engine);
  feed(sched::EngineJoined{engine, number});
}

void TaskService::engine_left(const EngineId& engine) {
  channel_.engine_left(engine);
  feed(sched::EngineLeft{engine});
}

void TaskService::drain() { feed(sched::Drain{}); }

void TaskService::handle_request(Frames frames) {
  auto payload = std::make_shared<Frames>(frames);
  auto request = wire::decode(std::move(frames), origin_.signer());
  if (!request) return drop("a client's task", request.error());
  if (request->parts.identities.empty()) return drop("a client's task", {Errc::truncated, "no routing id"});
  auto requirements = requirements_.parse(request->parts.metadata.view());
  ClientId client(request->parts.identities[0].str());
  if (requirements && pure_) {
    if (auto why = sched::refused_by_pure(*requirements)) requirements = Error{Errc::bad_value, std::move(*why)};
  }
  if (!requirements) {
    // The sender has the key, so it is told what is wrong instead of waiting for ever.
    tap_.submitted(*request);
    perform(sched::Fail{request->header.msg_id, client, payload, sched::FailureKind::invalid_dependency,
                        requirements.error().message, std::nullopt});
    return;
  }
  actions_.clear();
  scheduler_.handle(sched::Submit{request->header.msg_id, std::move(client), std::move(*requirements), payload},
                    loop_.clock().now(), actions_);
  // The record of a task must not be touched by somebody who uses its id again.
  const auto* refused = actions_.empty() ? nullptr : std::get_if<sched::Fail>(&actions_.front());
  if (refused == nullptr || refused->kind != sched::FailureKind::duplicate) tap_.submitted(*request);
  perform_all();
}

void TaskService::handle_reply(Frames frames) {
  auto reply = wire::decode(std::move(frames), origin_.signer());
  if (!reply) return drop("an engine's reply", reply.error());
  auto id = wire::parent_id(reply->parts.parent.view());
  const auto status = wire::parse_reply_status(reply->parts.metadata.view());
  if (!id || !status || reply->parts.identities.size() < 2)
    return drop("an engine's reply", {Errc::bad_json, "it does not say which task it answers"});
  reply_ = &*reply;
  EngineId engine(reply->parts.identities[0].str());
  feed(sched::Finished{std::move(*id), std::move(engine), outcome_of(*status)});
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
  Frames frames;
  frames.reserve(action.payload->size() + 1);
  frames.push_back(Blob::of(action.engine.value));
  frames.insert(frames.end(), action.payload->begin(), action.payload->end());
  channel_.send(action.engine, std::move(frames));
  tap_.dispatched(action.id, action.engine);
}

void TaskService::perform(const sched::Forward& action) {
  auto& identities = reply_->parts.identities;
  std::swap(identities[0], identities[1]);
  clients_.send(wire::join(reply_->parts));
  tap_.replied(*reply_, action.id, action.engine);
}

void TaskService::perform(const sched::Hide& action) {
  log_.debug("task: the reply of engine {} to {} is not passed on", action.engine.value, action.id.value);
}

void TaskService::perform(const sched::Fail& action) {
  const auto request = wire::split(*action.payload);
  std::string metadata = "{}";
  if (action.engine) metadata = R"({"status":"error","engine":)" + wire::quote(action.engine->value) + "}";
  const Frames reply = origin_.message({Blob::of(action.client.value)}, "apply_reply", request->header,
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
