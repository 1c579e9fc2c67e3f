#include "client/client_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace camshaft::client {

using namespace std::chrono_literals;

namespace {

// Output travels another way than replies: this long after a reply, with nothing at all arriving, it is taken as lost
// (a subscription that came too late, a broken connection), so that nobody waits for ever.
constexpr Duration kOutputPatience = 10s;
// An engine's last words may arrive just after the news of its death.
constexpr Duration kLastWords = 1s;
constexpr Duration kSweepEvery = 5s;

}  // namespace

std::optional<Channel> channel_of(std::string_view name) {
  if (name == "mux") return Channel::mux;
  if (name == "task") return Channel::task;
  if (name == "control") return Channel::control;
  if (name == "query") return Channel::query;
  if (name == "broadcast") return Channel::broadcast;
  return std::nullopt;
}

std::string_view to_text(Channel channel) {
  switch (channel) {
    case Channel::mux:
      return "mux";
    case Channel::task:
      return "task";
    case Channel::control:
      return "control";
    case Channel::query:
      return "query";
    case Channel::broadcast:
      return "broadcast";
  }
  return "";
}

std::optional<Seq> ClientCore::seq_of(std::string_view msg_id) const {
  if (msg_id.substr(0, id_prefix_.size()) != id_prefix_) return std::nullopt;
  msg_id.remove_prefix(id_prefix_.size());
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(msg_id.data(), msg_id.data() + msg_id.size(), seq);
  if (error != std::errc{} || end != msg_id.data() + msg_id.size()) return std::nullopt;
  return Seq{seq};
}

std::optional<EngineNumber> ClientCore::number_of(std::string_view uuid) const {
  const auto found = numbers_.find(std::string(uuid));
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

ClientCore::Entries::iterator ClientCore::find(std::string_view parent_id) {
  if (const auto seq = seq_of(parent_id)) return entries_.find(static_cast<std::uint64_t>(*seq));
  // "<prefix><message>_<uuid>": one engine's part of a broadcast, or a contribution to its coalesced reply.
  if (parent_id.substr(0, id_prefix_.size()) != id_prefix_) return entries_.end();
  const auto part = parts_.find(std::string(parent_id.substr(id_prefix_.size())));
  if (part != parts_.end()) return entries_.find(part->second);
  const auto message = seq_of(parent_id.substr(0, parent_id.find('_', id_prefix_.size())));
  const auto whole = message ? entries_.find(static_cast<std::uint64_t>(*message)) : entries_.end();
  return whole != entries_.end() && whole->second.coalesces() ? whole : entries_.end();
}

bool ClientCore::Entry::concerns(EngineNumber number) const {
  return engine == number || (of && std::find(of->engines.begin(), of->engines.end(), number) != of->engines.end());
}

ClientCore::Entries::iterator ClientCore::erase(Entries::iterator entry) {
  if (entry->second.of) parts_.erase(entry->second.of->part);
  return entries_.erase(entry);
}

// Everything about the entry is known; returns the one after it.
ClientCore::Entries::iterator ClientCore::complete(Entries::iterator entry) {
  if (entry->second.give_up) --timed_;
  if (!entry->second.listens) return erase(entry);
  entry->second.give_up.reset();
  entry->second.state = Complete{};
  ++listening_;
  return std::next(entry);
}

ClientCore::Entries::iterator ClientCore::answer_and_drop(Entries::iterator entry, Reply reply, Status status,
                                                          Actions& out) {
  out.push_back(Answer{entry->second.owner, std::move(reply), status, true});
  --waiting_;
  if (entry->second.give_up) --timed_;
  return erase(entry);
}

void ClientCore::handle(Submitted event, TimePoint, Actions& out) {
  const auto seq = static_cast<std::uint64_t>(event.seq);
  std::optional<EngineNumber> engine;
  if (event.channel == Channel::mux || event.channel == Channel::control || event.part_of) {
    engine = number_of(event.engine);
    if (!engine) {
      const std::string why =
          fmt::format("No engine '{}' is registered: it has stopped or never started", event.engine);
      out.push_back(Answer{std::move(event.owner), error_reply("EngineError", why), Status::error, true});
      return;
    }
  }
  std::vector<EngineNumber> engines;
  for (const std::string& uuid : event.engines)
    if (const auto number = number_of(uuid)) engines.push_back(*number);
  if (engines.size() != event.engines.size()) {
    out.push_back(Answer{std::move(event.owner), error_reply("EngineError", "An engine has left: choose targets anew"),
                         Status::error, true});
    return;
  }
  if (!event.part_of) out.push_back(Transmit{event.owner});
  if (event.msg_type.substr(0, 5) == "comm_") {  // comm messages have no reply
    out.push_back(Answer{event.owner, ok_reply(), Status::ok, true});
    Entry entry{};  // but what the engine's comm says in turn belongs to it, for as long as somebody listens
    entry.owner = std::move(event.owner);
    entry.channel = event.channel;
    entry.listens = true;
    entry.engine = engine;
    entry.state = Complete{};
    if (entries_.emplace(seq, std::move(entry)).second) ++listening_;
    return;
  }
  const bool executes = event.msg_type == "execute_request";
  Entry entry{};
  entry.owner = std::move(event.owner);
  entry.channel = event.channel;
  entry.kind = executes || event.msg_type == "apply_request"                               ? Kind::run
               : event.channel == Channel::control && event.msg_type == "shutdown_request" ? Kind::shutdown
                                                                                           : Kind::call;
  entry.listens = executes || !engines.empty();
  entry.engine = engine;
  if (event.part_of || !engines.empty()) entry.of = std::make_unique<Broadcast>(Broadcast{{}, std::move(engines)});
  if (event.part_of) {
    entry.of->part = fmt::format("{}_{}", static_cast<std::uint64_t>(*event.part_of), event.engine);
    parts_.emplace(entry.of->part, seq);
  }
  if (entries_.emplace(seq, std::move(entry)).second) ++waiting_;
}

void ClientCore::handle(ReplyArrived event, TimePoint now, Actions& out) {
  const auto found = find(event.parent_id);
  if (found == entries_.end() || !std::holds_alternative<Waiting>(found->second.state)) return;  // stale
  Entry& entry = found->second;
  const ReplyFacts facts = read_facts(event.reply);
  const bool no_more =
      entry.kind != Kind::run || facts.status == Status::aborted || !facts.from_engine || entry.coalesces();
  const bool all_here =
      facts.outputs && !entry.coalesces() ? entry.outputs_seen >= *facts.outputs : entry.idle_seen || no_more;
  out.push_back(Answer{entry.owner, compact(std::move(event.reply)), facts.status, all_here});
  --waiting_;
  if (all_here) {
    complete(found);
    return;
  }
  if (!facts.engine.empty()) entry.engine = number_of(facts.engine.value);
  if (!entry.give_up) ++timed_;
  entry.give_up = now + kOutputPatience;
  entry.state = Answered{facts.outputs};
}

void ClientCore::handle(OutputArrived event, TimePoint now, Actions& out) {
  last_output_ = now;
  const auto found = find(event.parent_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  ++entry.outputs_seen;
  entry.idle_seen = entry.idle_seen || is_idle(event.message);
  if (event.message.msg_type != "status") {
    entry.listens = true;
    out.push_back(Show{entry.owner, std::move(event.message)});
  }
  const auto* answered = std::get_if<Answered>(&entry.state);
  if (answered == nullptr) return;
  if (answered->outputs ? entry.outputs_seen < *answered->outputs : !entry.idle_seen) return;
  out.push_back(OutputsDone{entry.owner});
  complete(found);
}

void ClientCore::handle(EngineJoined event, TimePoint, Actions& out) {
  // A controller that was started again may know it by another number.
  std::optional<EngineNumber> before;
  if (const auto away = away_.extract(event.id); !away.empty()) before = away.mapped().number;
  if (const auto there = numbers_.find(event.id.value); there != numbers_.end()) {
    if (there->second == event.number) return;
    before = there->second;
    engines_.erase(there->second);
  }
  const auto known = engines_.find(event.number);
  if (known != engines_.end()) numbers_.erase(known->second.value);
  numbers_[event.id.value] = event.number;
  engines_[event.number] = std::move(event.id);
  out.push_back(EnginesChanged{});
  if (!before || *before == event.number) return;
  for (auto& [seq, entry] : entries_) {
    if (entry.engine == before) entry.engine = event.number;
    if (entry.of) std::replace(entry.of->engines.begin(), entry.of->engines.end(), *before, event.number);
  }
}

void ClientCore::handle(const EngineLeft& event, TimePoint now, Actions& out) {
  if (const auto away = away_.find(event.id); away != away_.end()) {
    const EngineNumber number = away->second.number;
    away_.erase(away);
    return stranded(number, event.why, now, out);
  }
  const auto found = numbers_.find(event.id.value);
  if (found == numbers_.end()) return;
  const EngineNumber number = found->second;
  numbers_.erase(found);
  engines_.erase(number);
  out.push_back(EnginesChanged{});
  stranded(number, event.why, now, out);
}

void ClientCore::handle(const EnginesKnown& event, TimePoint now, Actions& out) {
  std::vector<EngineId> left;
  for (const auto& [number, id] : engines_) {
    if (event.outdated) break;
    const auto still = event.engines.find(number);
    if (still != event.engines.end() && still->second == id) continue;
    const auto is_it = [&id = id](const auto& engine) { return engine.second == id; };
    if (std::none_of(event.engines.begin(), event.engines.end(), is_it)) left.push_back(id);
  }
  for (EngineId& id : left) {
    if (event.grace == Duration::zero()) {
      handle(EngineLeft{std::move(id)}, now, out);
      continue;
    }
    const auto number = numbers_.extract(id.value).mapped();
    engines_.erase(number);
    away_.insert_or_assign(std::move(id), Away{number, now + event.grace});
    out.push_back(EnginesChanged{});
  }
  for (const auto& [number, id] : event.engines) handle(EngineJoined{number, id}, now, out);
}

std::vector<MsgId> ClientCore::unanswered(Channel channel, std::optional<EngineNumber> engine) const {
  std::vector<std::uint64_t> seqs;
  for (const auto& [seq, entry] : entries_)
    if (entry.channel == channel && std::holds_alternative<Waiting>(entry.state) && (!engine || entry.engine == engine))
      seqs.push_back(seq);
  std::sort(seqs.begin(), seqs.end());
  std::vector<MsgId> ids;
  ids.reserve(seqs.size());
  for (const std::uint64_t seq : seqs) ids.emplace_back(msg_id(seq));
  return ids;
}

void ClientCore::handle(const FatesKnown& event, TimePoint, Actions& out) {
  const auto waiting = [&](const MsgId& id) {
    const auto found = find(id.value);
    return found != entries_.end() && std::holds_alternative<Waiting>(found->second.state) ? found : entries_.end();
  };
  for (const auto& [id, why] : event.failed)
    if (const auto entry = waiting(id); entry != entries_.end())
      answer_and_drop(entry, error_reply("EngineError", why), Status::error, out);
  for (const MsgId& id : event.again)
    if (const auto entry = waiting(id); entry != entries_.end()) out.push_back(Retransmit{entry->second.owner});
}

// The engine has left. What was sent to it directly is lost; what the scheduler gave it is the scheduler's to answer.
void ClientCore::stranded(EngineNumber number, const std::string& why, TimePoint now, Actions& out) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    if (!entry.concerns(number) || std::holds_alternative<Complete>(entry.state)) {
      ++it;
    } else if ((entry.channel == Channel::mux || entry.channel == Channel::broadcast) &&
               std::holds_alternative<Waiting>(entry.state)) {
      it = answer_and_drop(
          it,
          error_reply("EngineError", fmt::format("Engine {} died while running task '{}'{}{}", to_int(number),
                                                 msg_id(it->first), why.empty() ? "" : ": ", why)),
          Status::error, out);
    } else {  // its reply to a control message, or its last output, may be under way
      if (!entry.give_up) ++timed_;
      entry.give_up = now + kLastWords;
      ++it;
    }
  }
}

void ClientCore::handle(const ChannelLost& event, TimePoint, Actions& out) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool lost = it->second.channel == event.channel && Seq{it->first} < event.before &&
                      std::holds_alternative<Waiting>(it->second.state);
    it = lost ? answer_and_drop(it, error_reply("EngineError", event.reason), Status::error, out) : std::next(it);
  }
}

void ClientCore::handle(Tick, TimePoint now, Actions& out) {
  for (auto it = away_.begin(); it != away_.end();) {
    if (now < it->second.until) {
      ++it;
      continue;
    }
    const EngineNumber number = it->second.number;
    it = away_.erase(it);
    stranded(number, "", now, out);
  }
  const bool sweep = listening_ > 0 && now - last_sweep_ >= kSweepEvery;
  if (sweep) last_sweep_ = now;
  if (timed_ == 0 && !sweep) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    if (std::holds_alternative<Complete>(entry.state)) {
      // Nobody else holds the owner: no one can ask for output that would still come.
      if (sweep && entry.owner.use_count() == 1) {
        --listening_;
        it = erase(it);
      } else {
        ++it;
      }
    } else if (!entry.give_up || now < *entry.give_up) {
      ++it;
    } else if (std::holds_alternative<Waiting>(entry.state)) {
      const bool as_wished = entry.kind == Kind::shutdown;
      it =
          answer_and_drop(it,
                          as_wished ? ok_reply()
                                    : error_reply("EngineError", fmt::format("Engine {} died before it answered '{}'",
                                                                             to_int(*entry.engine), msg_id(it->first))),
                          as_wished ? Status::ok : Status::error, out);
    } else if (entry.engine && engines_.count(*entry.engine) != 0 && now - last_output_ < kOutputPatience) {
      entry.give_up = last_output_ + kOutputPatience;  // output is still flowing: ours may be in the queue
      ++it;
    } else {
      out.push_back(OutputsDone{entry.owner});
      it = complete(it);
    }
  }
}

void ClientCore::handle(const Closing& event, TimePoint, Actions& out) {
  const Reply reply = error_reply("EngineError", event.reason);
  for (auto& [seq, entry] : entries_) {
    if (std::holds_alternative<Waiting>(entry.state)) {
      out.push_back(Answer{entry.owner, reply, Status::error, true});
    } else if (std::holds_alternative<Answered>(entry.state)) {
      out.push_back(OutputsDone{entry.owner});
    }
  }
  entries_.clear();
  parts_.clear();
  waiting_ = timed_ = listening_ = 0;
}

}  // namespace camshaft::client
