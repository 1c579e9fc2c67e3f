#include "hub/hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "core/date.hpp"
#include "hub/date.hpp"

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;
// After this time everybody has been told what became of the tasks of an engine that left.
constexpr Duration kSettledAfter = 5s;
// What an engine sent before its process ended has been passed on by then.
constexpr Duration kLastReplies = 100ms;
// Who waits for tasks of an earlier controller has come back and asked by then.
constexpr Duration kEarlierSettledAfter = 10min;

HeartMonitor::Options heart_options(const Hub::Options& options) {
  HeartMonitor::Options heart = options.heart;
  heart.expect_for = *options.registration_timeout;
  return heart;
}

Hub::Options completed(Hub::Options options) {
  if (!options.registration_timeout) {
    options.registration_timeout = std::max<Duration>(std::chrono::seconds(30), options.heart.period * 10);
  }
  return options;
}

}  // namespace

std::string notification_content(EngineNumber number, const EngineId& uuid, const std::string& why) {
  if (!why.empty()) return json_text({{"id", to_int(number)}, {"uuid", uuid.value}, {"reason", why}});
  return fmt::format("{{\"id\": {}, \"uuid\": \"{}\"}}", to_int(number), uuid.value);
}

std::optional<Event> read_engine_request(std::string_view msg_type, const ClientId& from,
                                         const nlohmann::json& content) {
  const bool registration = msg_type == "registration_request";
  const auto member = [&](const char* key) {
    return content.is_object() && content.contains(key) ? content[key] : nlohmann::json();
  };
  if (msg_type == "properties_notification") return PropertiesChanged{EngineId(from.value), member("changes")};
  if (msg_type == "camshaft_engine_exit") {
    const auto host = member("host"), pid = member("pid"), why = member("reason");
    if (!host.is_string() || !pid.is_number_integer() || !why.is_string()) return std::nullopt;
    return ProcessEnded{host.get<std::string>(), pid.get<std::int64_t>(), why.get<std::string>()};
  }
  if (msg_type == "camshaft_engine_signal") {
    const auto set = member("set"), number = member("sig");
    if (!set.is_string() || !number.is_number_integer()) return std::nullopt;
    return SignalEngines{set.get<std::string>(), number.get<int>()};
  }
  if (!registration && msg_type != "unregistration_request") return std::nullopt;
  EngineId uuid;
  std::optional<std::int64_t> number;
  if (content.is_object()) {
    if (const auto found = content.find("uuid"); found != content.end() && found->is_string())
      uuid = EngineId(found->get<std::string>());
    if (const auto found = content.find("id"); found != content.end() && found->is_number_integer())
      number = found->get<std::int64_t>();
  }
  if (registration)
    return RegistrationRequested{from, std::move(uuid), number, member("properties"), member("camshaft")};
  const auto why = member("reason");
  return Unregister{number, std::move(uuid), GoneReason::unregistered, why.is_string() ? why.get<std::string>() : ""};
}

Hub::Hub(Options options, RecordSink& records, TimePoint now)
    : options_(completed(std::move(options))),
      registry_({.registration_timeout = *options_.registration_timeout}),
      hearts_(heart_options(options_), now),
      records_(records) {}

std::vector<Action> Hub::restore(const EngineState& state, TimePoint now) {
  registry_.restore(state);
  std::vector<Action> out;
  for (const auto& [number, uuid] : registry_.engines()) {
    if (!loads_.try_emplace(uuid, Load{.uuid = uuid, .number = number}).second) continue;
    hearts_.handle(Assume{uuid}, now);
    out.push_back(EngineRegistered{number, uuid, true});
  }
  return out;
}

void Hub::expect(const EngineState& state, TimePoint now) {
  for (const auto& [number, uuid] : state.engines) unsettle(uuid, now + kEarlierSettledAfter);
  for (const EngineId& uuid : state.unsettled) unsettle(uuid, now + kEarlierSettledAfter);
}

void Hub::unsettle(const EngineId& uuid, TimePoint until) {
  TimePoint& at = unsettled_.try_emplace(uuid, until).first->second;
  at = std::max(at, until);
}

/// Whether the state file is out of date now.
bool Hub::settle(TimePoint now) {
  return std::erase_if(unsettled_, [now](const auto& entry) { return entry.second <= now; }) > 0;
}

// Those that are registered stand in the list of engines.
std::string Hub::engine_state() const {
  EngineState state = registry_.state();
  for (const auto& [uuid, until] : unsettled_)
    if (!registry_.number_of(uuid)) state.unsettled.insert(uuid);
  return render_engine_state(state);
}

std::vector<Action> Hub::handle(const Event& event, TimePoint now, WallTime wall) {
  std::vector<Action> out;
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, RegistrationRequested> || std::is_same_v<E, Unregister>) {
          if constexpr (std::is_same_v<E, RegistrationRequested>) learn(e, out);
          perform(registry_.handle(e, now), now, out);
        } else if constexpr (std::is_same_v<E, PropertiesChanged>) {
          if (properties_.change(e.uuid, e.changes) && registry_.number_of(e.uuid))
            out.push_back(EngineChanged{e.uuid});
        } else if constexpr (std::is_same_v<E, ProcessEnded>) {
          note_end(e, now);
        } else if constexpr (std::is_same_v<E, SignalEngines>) {
          for (const auto& [number, uuid] : registry_.engines()) {
            if (properties_.of(uuid).value("engine_set", Json()) == e.set) out.push_back(SignalEngine{uuid, e.signal});
          }
        } else {
          perform(hearts_.handle(e, now), now, out);
        }
        if constexpr (std::is_same_v<E, Tick>) {
          bury(now, out);
          perform(registry_.handle(PurgeStalled{}, now), now, out);
          if (next_strand_ && *next_strand_ <= now) strand(now, wall);
          if (settle(now)) out.push_back(SaveEngines{});
        }
      },
      event);
  return out;
}

// Its replies may still be under way: they are faster than the moment that passes before it is taken off the list.
void Hub::note_end(const ProcessEnded& end, TimePoint now) {
  for (const auto& [number, uuid] : registry_.engines()) {
    const Json& properties = properties_.of(uuid);
    if (properties.value("pid", Json()) != end.pid || properties.value("host", Json()) != end.host) continue;
    ended_.try_emplace(uuid, Ended{now + kLastReplies, end.why});
    return;
  }
}

void Hub::bury(TimePoint now, std::vector<Action>& out) {
  for (auto it = ended_.begin(); it != ended_.end();) {
    if (it->second.bury_at > now) {
      ++it;
      continue;
    }
    const auto [uuid, end] = *it;
    it = ended_.erase(it);
    perform(registry_.handle(Unregister{std::nullopt, uuid, GoneReason::process_ended, end.why}, now), now, out);
  }
}

// Only the engine itself speaks from a routing id that is its uuid: nobody else may describe it.
void Hub::learn(const RegistrationRequested& request, std::vector<Action>& out) {
  if (request.from.value != request.uuid.value) return;
  const auto can = [&](const char* what) {
    return request.capabilities.is_object() && request.capabilities.value(what, nlohmann::json()) == true;
  };
  if (can("recall")) recalling_.insert(request.uuid);
  if (can("bodies")) body_readers_.insert(request.uuid);
  if (properties_.declare(request.uuid, request.properties) && registry_.number_of(request.uuid))
    out.push_back(EngineChanged{request.uuid});
}

TimePoint Hub::next_deadline() const {
  TimePoint soonest = hearts_.next_deadline();
  if (const auto stalled = registry_.next_deadline()) soonest = std::min(soonest, *stalled);
  if (next_strand_) soonest = std::min(soonest, *next_strand_);
  for (const auto& [uuid, until] : unsettled_) soonest = std::min(soonest, until);
  for (const auto& [uuid, end] : ended_) soonest = std::min(soonest, end.bury_at);
  return soonest;
}

void Hub::perform(std::vector<HeartAction> actions, TimePoint now, std::vector<Action>& out) {
  for (HeartAction& action : actions) {
    if (auto* ping = std::get_if<Ping>(&action)) {
      out.push_back(std::move(*ping));
    } else if (const auto* began = std::get_if<HeartBegan>(&action)) {
      perform(registry_.handle(*began, now), now, out);
    } else if (const auto* stopped = std::get_if<HeartStopped>(&action)) {
      // A heart may stop that is pending again by now, or that nobody ever registered: no engine is lost then.
      if (registry_.number_of(stopped->uuid))
        perform(registry_.handle(Unregister{std::nullopt, stopped->uuid, stopped->reason}, now), now, out);
    }
  }
}

void Hub::perform(std::vector<RegistryAction> actions, TimePoint now, std::vector<Action>& out) {
  bool changed = false;
  for (RegistryAction& action : actions) {
    std::visit(
        [&](auto& a) {
          using A = std::decay_t<decltype(a)>;
          if constexpr (std::is_same_v<A, RegistrationAccepted>) {
            if (a.pending) {
              hearts_.handle(Expect{a.uuid}, now);
            } else {
              out.push_back(EngineReturned{a.uuid});
            }
            out.push_back(RegistrationReply{a.uuid, accepted_content(a.number)});
          } else if constexpr (std::is_same_v<A, RegistrationRefused>) {
            out.push_back(RegistrationReply{a.uuid, json_text(error_content(a.error))});
          } else if constexpr (std::is_same_v<A, EngineRegistered>) {
            Load& load = loads_.try_emplace(a.uuid, Load{.uuid = a.uuid, .number = a.number}).first->second;
            load.number = a.number;
            load.live = true;
            load.why.clear();
            load.strand_at.reset();
            changed = true;
            out.push_back(std::move(a));
          } else if constexpr (std::is_same_v<A, EngineGone>) {
            hearts_.handle(Forget{a.uuid}, now);
            unsettle(a.uuid, now + kSettledAfter);
            if (const auto end = ended_.find(a.uuid); end != ended_.end()) {
              a.why = end->second.why;
              ended_.erase(end);
            }
            if (Load* load = find_load(a.uuid)) {
              load->why = a.why;
              load->live = false;
              load->strand_at = now + *options_.registration_timeout;
              next_strand_ = std::min(next_strand_.value_or(*load->strand_at), *load->strand_at);
            }
            changed = true;
            out.push_back(std::move(a));
          } else if constexpr (std::is_same_v<A, RegistrationDropped>) {
            hearts_.handle(Forget{a.uuid}, now);
            properties_.forget(a.uuid);
            out.push_back(std::move(a));
          } else if constexpr (std::is_same_v<A, EngineForgotten>) {
            properties_.forget(a.uuid);
            recalling_.erase(a.uuid);
            body_readers_.erase(a.uuid);
            const Load* load = find_load(a.uuid);
            if (load && load->queue + load->tasks == 0) loads_.erase(a.uuid);
          } else {
            out.push_back(std::move(a));
          }
        },
        action);
  }
  if (changed) out.push_back(SaveEngines{});
}

std::string Hub::accepted_content(EngineNumber number) const {
  const auto period = std::chrono::duration_cast<std::chrono::milliseconds>(options_.heart.period).count();
  const std::string info =
      options_.connection_info.empty() ? "" : fmt::format(", \"connection_info\": {}", options_.connection_info);
  const std::string ours =
      options_.capabilities.empty() ? "" : fmt::format(", \"camshaft\": {}", options_.capabilities.dump());
  return fmt::format("{{\"status\": \"ok\", \"id\": {}, \"hb_period\": {}{}{}}}", to_int(number), period, ours, info);
}

void Hub::strand(TimePoint now, WallTime wall) {
  std::vector<std::pair<std::uint64_t, MsgId>> stranded;
  pending_.each([&](MsgId id, const Pending& task) {
    const Load* engine = task.engine;
    if (task.queue == Queue::mux && engine && engine->strand_at && *engine->strand_at <= now)
      stranded.emplace_back(task.order, std::move(id));
  });
  std::sort(stranded.begin(), stranded.end());
  for (auto& [order, id] : stranded) {
    const Load& engine = *pending_.find(id)->engine;
    const std::string why = fmt::format("Engine {} died while running task {}{}{}", to_int(engine.number),
                                        py_repr(id.value), engine.why.empty() ? "" : ": ", engine.why);
    fail(std::move(id), engine.uuid, why, wall);
  }
  next_strand_.reset();
  for (auto& [uuid, load] : loads_) {
    if (!load.strand_at) continue;
    if (*load.strand_at <= now) {
      load.strand_at.reset();
    } else {
      next_strand_ = std::min(next_strand_.value_or(*load.strand_at), *load.strand_at);
    }
  }
}

Hub::Load* Hub::find_load(const EngineId& uuid) {
  const auto found = loads_.find(uuid);
  return found == loads_.end() ? nullptr : &found->second;
}

void Hub::attach(Pending& task, Load* engine) {
  const auto counter = [&](Load& load) -> std::size_t& { return task.queue == Queue::mux ? load.queue : load.tasks; };
  task.engine ? --counter(*task.engine) : --unassigned_;
  task.engine = engine;
  engine ? ++counter(*engine) : ++unassigned_;
}

TaskRecord Hub::make_record(Request request, Queue queue) {
  TaskRecord record;
  record.id = std::move(request.id);
  record.header = std::move(request.header);
  record.metadata = std::move(request.metadata);
  record.content = std::move(request.content);
  record.buffers = std::move(request.buffers);
  record.submitted = request.submitted;
  record.client = std::move(request.client);
  record.queue = queue;
  return record;
}

void Hub::record(MuxRequest event) {
  // Comm messages get no reply: they would be pending for ever.
  if (event.request.msg_type.starts_with("comm_")) return;
  Load* engine = find_load(event.engine);
  if (!engine || !engine->live) return;
  const bool fresh = pending_.try_emplace(event.request.id, Pending{Queue::mux, engine, ++order_}).second;
  if (!fresh) return;
  ++engine->queue;
  TaskRecord made = make_record(std::move(event.request), Queue::mux);
  made.engine = std::move(event.engine);
  records_.put(Insert{std::move(made)});
}

void Hub::record(TaskSubmitted event) {
  if (!pending_.try_emplace(event.request.id, Pending{Queue::task, nullptr, ++order_}).second) return;
  ++unassigned_;
  records_.put(Insert{make_record(std::move(event.request), Queue::task)});
}

void Hub::record(TaskDispatched event) {
  Pending* task = pending_.find(event.id);
  Load* engine = find_load(event.engine);
  if (!task || !engine) return;
  attach(*task, engine);
  records_.put(Update{std::move(event.id), Dispatched{std::move(event.engine)}});
}

void Hub::resume(const MsgId& id, Queue queue) {
  if (pending_.try_emplace(id, Pending{queue, nullptr, ++order_}).second) ++unassigned_;
}

void Hub::give_up(WallTime now) {
  std::vector<std::pair<std::uint64_t, MsgId>> left;
  pending_.each([&](MsgId id, const Pending& task) { left.emplace_back(task.order, std::move(id)); });
  std::sort(left.begin(), left.end());
  for (auto& [order, id] : left) {
    const std::string why = fmt::format("The controller was stopped before task {} ended", py_repr(id.value));
    fail(std::move(id), EngineId(), why, now);
  }
}

std::vector<MsgId> Hub::direct_requests(const EngineId& uuid) const {
  const auto engine = loads_.find(uuid);
  if (engine == loads_.end() || engine->second.queue == 0) return {};
  std::vector<std::pair<std::uint64_t, MsgId>> found;
  pending_.each([&](MsgId id, const Pending& task) {
    if (task.queue == Queue::mux && task.engine == &engine->second) found.emplace_back(task.order, std::move(id));
  });
  std::sort(found.begin(), found.end());
  std::vector<MsgId> ids;
  for (auto& [order, id] : found) ids.push_back(std::move(id));
  return ids;
}

void Hub::attach(const std::vector<MsgId>& ids, const EngineId& uuid) {
  Load* engine = find_load(uuid);
  if (!engine) return;
  for (const MsgId& id : ids)
    if (Pending* task = pending_.find(id)) attach(*task, engine);
}

std::size_t Hub::end(const std::vector<MsgId>& ids, const EngineId& engine, const std::string& why, WallTime now) {
  std::size_t ended = 0;
  for (const MsgId& id : ids) {
    if (!pending_.contains(id)) continue;
    fail(id, engine, fmt::format("Task {} {}", py_repr(id.value), why), now);
    ++ended;
  }
  return ended;
}

void Hub::fail(MsgId id, const EngineId& engine, const std::string& why, WallTime now) {
  Json header{{"date", format_sortable_date(now)}}, metadata{{"status", "error"}};
  if (!engine.empty()) header["engine"] = metadata["engine"] = engine.value;
  finish({.id = std::move(id),
          .engine = engine,
          .status = Status::error,
          .header = Blob::of(json_text(header)),
          .metadata = Blob::of(json_text(metadata)),
          .content = Blob::of(json_text(error_content({"EngineError", why})))},
         now);
}

void Hub::record(MuxReply event, WallTime now) { finish(std::move(event.reply), now); }
void Hub::record(TaskReplied event, WallTime now) { finish(std::move(event.reply), now); }

void Hub::finish(Reply reply, WallTime now) {
  if (Pending* task = pending_.find(reply.id)) {
    const bool counts = task->queue == Queue::mux || reply.status != Status::aborted;
    attach(*task, nullptr);
    --unassigned_;
    pending_.erase(reply.id);
    if (Load* engine = find_load(reply.engine); engine && counts) ++engine->completed;
  }
  // Also for an id that is not pending: a reply later than the record's stranding is still the better answer.
  records_.put(Update{std::move(reply.id), Finished{.engine = std::move(reply.engine),
                                                    .started = reply.started,
                                                    .completed = reply.completed.value_or(now),
                                                    .received = now,
                                                    .status = reply.status,
                                                    .header = std::move(reply.header),
                                                    .metadata = std::move(reply.metadata),
                                                    .content = std::move(reply.content),
                                                    .buffers = std::move(reply.buffers)}});
}

void Hub::record(IoPub event) {
  if (event.parent.empty()) return;
  std::optional<Change> change;
  if (event.msg_type == "stream" || event.msg_type == "execute_input") {
    const Json content = parse_untrusted(event.content.view());
    const auto text = [&](const char* key) {
      return content.is_object() && content.contains(key) && content[key].is_string() ? content[key].get<std::string>()
                                                                                      : std::string();
    };
    if (event.msg_type == "stream") {
      change = Printed{text("name") == "stderr" ? Stream::err : Stream::out, text("text")};
    } else {
      change = Displayed{Displayed::What::execute_input, Blob::of(text("code"))};
    }
  } else if (event.msg_type == "execute_result") {
    change = Displayed{Displayed::What::execute_result, std::move(event.content)};
  } else if (event.msg_type == "error") {
    change = Displayed{Displayed::What::error, std::move(event.content)};
  }
  if (!change) return;
  // A pending task has a record, or had one that was culled: a stub would pretend otherwise.
  const bool or_stub = !pending_.contains(event.parent);
  records_.put(Update{std::move(event.parent), *std::move(change), or_stub});
}

void Hub::check() const {
  registry_.check();
  std::unordered_map<const Load*, std::pair<std::size_t, std::size_t>> counted;
  std::size_t unassigned = 0;
  pending_.each([&](const MsgId&, const Pending& task) {
    if (!task.engine) {
      ++unassigned;
    } else {
      ++(task.queue == Queue::mux ? counted[task.engine].first : counted[task.engine].second);
    }
  });
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw std::logic_error("hub: " + what);
  };
  require(unassigned == unassigned_, "the number of unassigned tasks is wrong");
  for (const auto& [uuid, load] : loads_) {
    require(counted[&load] == std::pair(load.queue, load.tasks), "the load of an engine is wrong");
    require(load.live == (registry_.number_of(uuid) == load.number), "an engine is live here and not there");
    counted.erase(&load);
  }
  require(counted.empty(), "a task points at an engine that does not exist");
}

}  // namespace camshaft::hub
