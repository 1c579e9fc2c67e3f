// A client whose connection to the controller broke and stands again: it asks what became of what it waits for.
#include <fmt/format.h>

#include "service/client_io.hpp"

namespace camshaft::service {

using client::Channel;
using namespace std::chrono_literals;

namespace {
bool can_answer(const EngineId& engine) { return engine.value.starts_with("camshaft-"); }
}  // namespace

// What has been sent since a line stands again comes before the question, so the answer speaks of it as well.
void ClientIo::resume_lines() {
  if (!greeted_) return;
  if (!resumes_) {  // another controller than before: it knows nothing of us
    for (const Channel channel : {Channel::task, Channel::mux}) {
      if (!resume_.due(channel)) continue;
      resume_.settled(channel);
      give_up(channel, newest_seq_ + 1, Duration::zero());
    }
    return;
  }
  for (const Channel channel : {Channel::task, Channel::mux}) {
    if (!resume_.due(channel) || !line(channel).up) continue;
    resume_.settled(channel);
    ask_all(channel);
    ask_again(channel);
  }
}

void ClientIo::ask_all(Channel channel) {
  if (channel == Channel::task) return ask_fates(channel, EngineId(), core_.unanswered(channel));
  const auto engines = core_.engines();
  for (const auto& [number, id] : engines) ask_fates(channel, id, core_.unanswered(channel, number));
}

// Others may still be on their way back, and a question or a reply may go into one of their old connections.
void ClientIo::ask_again(Channel channel) {
  const std::uint64_t outage = line(channel).outages;
  for (const Duration later : {Duration(3s), Duration(10s), Duration(30s)})
    loop_.at(clock_.now() + later, [this, channel, outage] {
      if (line(channel).up && line(channel).outages == outage && resumes_) ask_all(channel);
    });
}

// One that was missing when the controller came back has found it as well.
void ClientIo::resume_engine(EngineNumber number, const EngineId& id) {
  const bool awaited = core_.awaits(id);
  handle(client::EngineJoined{number, id});
  if (awaited) ask_fates(Channel::mux, id, core_.unanswered(Channel::mux, number));
}

void ClientIo::ask_fates(Channel channel, const EngineId& engine, std::vector<MsgId> ids) {
  if (ids.empty()) return;
  if (channel == Channel::task) send_tasks();
  if (channel == Channel::mux && !can_answer(engine)) {
    client::FatesKnown lost;
    for (MsgId& id : ids)
      lost.failed.emplace_back(std::move(id),
                               "The connection to the controller broke while the request was outstanding");
    return handle(std::move(lost));
  }
  wire::Parts message;
  message.parent = message.metadata = Blob::of_static("{}");
  if (channel == Channel::mux) message.identities = {Blob::of(engine.value)};
  const MsgId id(fmt::format("{}{}", question_prefix(), ++questions_));
  message.header =
      Blob::of(wire::make_header(id, wire::kResumeRequest, SessionId(session_), options_.username, clock_.wall()));
  message.content = Blob::of(wire::render(wire::ResumeAsk{0, true, std::move(ids)}));
  line(channel).socket->send(wire::encode({}, std::move(message), signer_));
}

void ClientIo::on_fates(const wire::Parts& parts, std::uint64_t question) {
  auto fates = wire::parse_fates(parts.content.view());
  // An engine that left again meanwhile is answered for by the relay: its end is the end of what was sent to it.
  if (!fates) return log_.warning("the answer about requests under way cannot be read: {}", fates.error().message);
  client::FatesKnown known = resume_.decide(std::move(*fates), question, core_);
  if (!known.again.empty())
    log_.info("{} requests had not arrived when the connection broke: sent again", known.again.size());
  handle(std::move(known));
  send_tasks();
}

}  // namespace camshaft::service
