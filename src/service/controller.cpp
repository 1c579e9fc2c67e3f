#include "service/controller.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

#include "core/heap.hpp"
#include "service/broadcast_service.hpp"
#include "service/dask_scheduler.hpp"
#include "service/fixed_ports.hpp"
#include "service/hub_service.hpp"
#include "service/ports.hpp"
#include "service/record_stores.hpp"
#include "service/relay_service.hpp"
#include "service/task_service.hpp"
#include "service/traffic_batch.hpp"
#include "wire/batch.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

namespace {

// Waking a sleeping thread costs more than passing on a task: scheduler and relay look for more for so long.
constexpr Duration kStayAwake = std::chrono::microseconds(200);

// So much longer than for an engine is waited for clients to send again what never arrived: two minutes by default.
constexpr int kDirectPatience = 4;

const char* why_ended(sched::DirectEnded::Why why) {
  switch (why) {
    case sched::DirectEnded::Why::lost:
      return "has run, but its result was lost when the connection to the controller broke";
    case sched::DirectEnded::Why::never_arrived:
      return "was lost on its way to the engine when a connection broke, and its client has not sent it again";
    case sched::DirectEnded::Why::engine_missing:
      break;
  }
  return "was under way when the controller was lost, and its engine did not come back";
}

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

// The files of an earlier run, when they can be used again.
struct EarlierRun {
  wire::ClientConnection client;
  wire::EngineConnection engine;
};

std::optional<EarlierRun> load_earlier(const ControllerConfig& config, Log& log) {
  const auto client_text = wire::read_file(config.client_file);
  const auto engine_text = wire::read_file(config.engine_file);
  if (!client_text || !engine_text) return std::nullopt;
  const auto client = wire::parse_client_connection(*client_text);
  const auto engine = wire::parse_engine_connection(*engine_text);
  if (!client || !engine || client->key != engine->key || client->registration != engine->registration ||
      client->signature_scheme != engine->signature_scheme || engine->broadcast.empty()) {
    log.warning("the connection files of the earlier run do not fit together: a new pair is written");
    return std::nullopt;
  }
  if (client->curve_serverkey.value_or("") != (config.curve ? config.curve->public_key : ""))
    throw std::runtime_error(
        "the connection files of the earlier run name another key of encryption, or none: give the controller the pair "
        "that they name (IPP_CURVE_PUBLICKEY, IPP_CURVE_SECRETKEY), or start it without --reuse");
  return EarlierRun{*client, *engine};
}

// What the user can do about an address that cannot be bound.
std::runtime_error explain(const net::NetError& error, bool reused) {
  std::string line = error.what();
  if (error.code == EADDRINUSE) {
    if (const std::string holder = holder_of_port(line); !holder.empty()) line += "; " + holder;
  }
  if (error.code == EADDRINUSE && reused)
    line +=
        "; the ports come from the connection files of an earlier run: stop whoever uses them, or start without "
        "--reuse";
  else if (error.code == EADDRINUSE)
    line += "; choose other ports with --port or --ports, or none for free ones";
  else if (error.code == EADDRNOTAVAIL || error.code == ENODEV)
    line += "; --ip wants an address of this host, or '*' for all of them";
  return std::runtime_error(line);
}

sched::Scheme scheme_of(const std::string& name) {
  if (name == "custom") return sched::Scheme::custom;
  if (const auto scheme = sched::scheme_named(name)) return *scheme;
  throw std::runtime_error(fmt::format("unknown task scheme '{}'", name));
}

}  // namespace

struct Controller::Parts {
  Parts(ControllerConfig given, const Clock& clock_, Log& log_);

  Origin origin(int number) const {
    return Origin(signer.clone(), SessionId(config.session), config.username, getpid() * 10 + number, clock);
  }
  void plan_addresses();
  void write_files();
  void expect_engines();
  void keep_journal();
  void take_up_tasks();
  TaskResume::Records recorded_replies();
  DirectResume::Listener direct_listener();
  void remove_files();
  void deliver(std::vector<Traffic> traffic) { hub->record(std::move(traffic)); }
  HubListeners listeners();
  RelayTap relay_tap();
  TaskTap task_tap();

  ControllerConfig config;
  const Clock& clock;
  Log& log;
  std::optional<EarlierRun> earlier;
  wire::Signer signer;
  wire::ClientConnection client;
  wire::EngineConnection engine;
  std::unique_ptr<RecordKeeper> records;
  net::Context context;
  net::Loop hub_loop{clock}, relay_loop{clock}, task_loop{clock};
  TrafficBatch relay_seen{relay_loop, hub_loop, [this](std::vector<Traffic> traffic) { deliver(std::move(traffic)); }};
  TrafficBatch tasks_seen{task_loop, hub_loop, [this](std::vector<Traffic> traffic) { deliver(std::move(traffic)); }};
  DaskScheduler dask{hub_loop, config.find_python, log};
  std::unique_ptr<HubService> hub;
  std::unique_ptr<RelayService> relay;
  std::unique_ptr<BroadcastService> broadcast;
  std::unique_ptr<TaskService> tasks;
};

Controller::Parts::Parts(ControllerConfig given, const Clock& clock_, Log& log_)
    : config(std::move(given)), clock(clock_), log(log_), signer(wire::Signer::off()) {
  if (config.reuse) earlier = load_earlier(config, log);
  if (earlier) {
    client = earlier->client;
    engine = earlier->engine;
    config.engine_ip = ip_of(engine.interface);
    config.client_ip = ip_of(client.interface);
    config.key = engine.key;
    config.signature_scheme = engine.signature_scheme;
  } else {
    client.interface = interface_of(config.client_ip);
    engine.interface = interface_of(config.engine_ip);
    client.ssh = config.client_ssh;
    engine.ssh = config.engine_ssh;
    engine.broadcast.assign(std::size_t{1} << config.broadcast_depth, 0);
    client.registration = engine.registration = config.registration_port;
  }
  client.key = engine.key = config.key;
  client.signature_scheme = engine.signature_scheme = config.signature_scheme;
  client.location = engine.location = config.location;
  if (config.curve) {
    context.encrypt(net::curve_of_server(*config.curve));
    client.curve_serverkey = engine.curve_serverkey = config.curve->public_key;
  }
  signer = value_or_throw(wire::Signer::make(config.signature_scheme, config.key));
  records = value_or_throw(make_record_keeper(config.records, config.session, clock, log));

  if (config.task_scheme == "pure") config.hwm = 0;  // as in the original, where engines take whatever comes
  client.task_scheme = config.task_scheme;
  try {
    plan_addresses();
  } catch (const net::NetError& error) {
    throw explain(error, earlier.has_value());
  }
}

// Binds every socket, in the order in which fixed pools are used up (protocol 1.3), and notes the ports.
void Controller::Parts::plan_addresses() {
  PortPlan plan(config);
  HubAddresses hub_at;
  hub_at.queries = {plan.client(client.registration)};
  if (config.engine_ip != config.client_ip && config.client_ip != "*" && config.client_ip != "0.0.0.0" &&
      client.registration != 0)
    hub_at.queries.push_back(plan.engine(client.registration));
  const ChannelAddresses control{"", plan.engine(engine.control)};
  const ChannelAddresses mux{"", plan.engine(engine.mux)};
  const std::string task_engines = plan.engine(engine.task);
  const std::string iopub_engines = plan.engine(engine.iopub);
  hub_at.hb_ping = plan.engine(engine.hb_ping);
  hub_at.hb_pong = plan.engine(engine.hb_pong);
  std::vector<std::string> leaves;
  for (const int port : engine.broadcast) leaves.push_back(plan.engine(port));
  const std::string control_clients = plan.client(client.control);
  const std::string mux_clients = plan.client(client.mux);
  const std::string task_clients = plan.client(client.task);
  const std::string iopub_clients = plan.client(client.iopub);
  hub_at.notification = plan.client(client.notification);
  const std::string broadcast_clients = plan.client(client.broadcast);

  hub::Hub::Options hub_options;
  hub_options.heart.period = config.heart_period;
  hub_options.heart.max_misses = config.max_misses;
  hub_options.heart.expect_for = config.registration_timeout;
  hub_options.registration_timeout = config.registration_timeout;
  hub_options.capabilities["batch"] = wire::kBatchVersion;
  hub_options.capabilities[std::string(wire::kResumeKey)] = true;
  hub_options.capabilities[std::string(wire::kBodiesKey)] = true;
  hub = std::make_unique<HubService>(context, hub_loop, hub_at, std::move(hub_options), *records,
                                     config.engine_state_file, origin(0), listeners(), log);
  relay = std::make_unique<RelayService>(context, relay_loop, ChannelAddresses{mux_clients, mux.engine},
                                         ChannelAddresses{control_clients, control.engine},
                                         ChannelAddresses{iopub_clients, iopub_engines}, origin(1), relay_tap(), log);
  broadcast = std::make_unique<BroadcastService>(context, relay_loop, broadcast_clients, leaves, origin(2), log);
  sched::Options task_options;
  task_options.hwm = config.hwm == kAutoHwm ? sched::kAutoHwm : static_cast<std::uint32_t>(config.hwm);
  // The hub has made sure of a death for half a second before it tells; replies cannot be far behind.
  task_options.engine_grace = std::chrono::milliseconds(250);
  task_options.scheme = scheme_of(config.task_scheme);
  task_options.chooser = config.chooser;
  tasks = std::make_unique<TaskService>(context, task_loop, task_clients, task_engines, task_options, config.seed,
                                        origin(3), task_tap(), log);
  tasks->on_signal = [this](const EngineId& engine_id, int signal) {
    relay_loop.post([this, engine_id, signal] { relay->send_signal(engine_id, signal); });
  };

  client.registration = engine.registration = hub->registration_port();
  client.notification = hub->notification_port();
  engine.hb_ping = hub->hb_ping_port();
  engine.hb_pong = hub->hb_pong_port();
  client.mux = relay->mux().client_port();
  engine.mux = relay->mux().engine_port();
  client.control = relay->control().client_port();
  engine.control = relay->control().engine_port();
  client.iopub = relay->iopub_client_port();
  engine.iopub = relay->iopub_engine_port();
  client.broadcast = broadcast->client_port();
  engine.broadcast = broadcast->engine_ports();
  client.task = tasks->client_port();
  engine.task = tasks->engine_port();
  hub->tell_clients(client);
  const bool everywhere = config.client_ip == "*" || config.client_ip == "0.0.0.0";
  hub->connect_tasks(fmt::format("{}:{}", interface_of(everywhere ? "127.0.0.1" : config.client_ip), client.task));
}

HubListeners Controller::Parts::listeners() {
  return {
      [this](const EngineId& engine_id, EngineNumber number, std::string properties, bool recalls, bool reads_bodies) {
        relay_loop.post([this, engine_id] {
          relay->engine_joined(engine_id);
          broadcast->engine_joined(engine_id);
        });
        task_loop.post([this, engine_id, number, properties = std::move(properties), recalls, reads_bodies] {
          tasks->engine_joined(engine_id, number, properties, recalls, reads_bodies);
        });
      },
      [this](const EngineId& engine_id, std::string properties) {
        task_loop.post(
            [this, engine_id, properties = std::move(properties)] { tasks->engine_changed(engine_id, properties); });
      },
      [this](const EngineId& engine_id, std::string why) {
        relay_loop.post([this, engine_id] {
          relay->engine_left(engine_id);
          broadcast->engine_left(engine_id);
        });
        task_loop.post([this, engine_id, why = std::move(why)] { tasks->engine_left(engine_id, why); });
      },
      [this](const EngineId& engine_id, std::vector<MsgId> direct) {
        task_loop.post([this, engine_id, direct = std::move(direct)] { tasks->engine_returned(engine_id, direct); });
      },
      [this] { hub_loop.stop(); },
      [this](std::function<void()> then) {
        relay_loop.post([this, then = std::move(then)]() mutable {
          relay_seen.flush();
          task_loop.post([this, then = std::move(then)]() mutable {
            tasks_seen.flush();
            hub_loop.post(std::move(then));
          });
        });
      },
      [this](TaskQuestion question, std::function<void(std::string)> then) {
        task_loop.post([this, question = std::move(question), then = std::move(then)]() mutable {
          hub_loop.post([then = std::move(then), text = tasks->answer(question)]() mutable { then(std::move(text)); });
        });
      },
      [this](const std::string& arguments, std::function<void(std::string)> then) {
        dask.start(arguments, std::move(then));
      },
      [this] { dask.stop(); },
      [this](const EngineId& engine_id, int signal) {
        relay_loop.post([this, engine_id, signal] { relay->send_signal(engine_id, signal); });
      }};
}

RelayTap Controller::Parts::relay_tap() {
  return {[this](Frames frames) { relay_seen.add(MuxIn{std::move(frames)}); },
          [this](Frames frames) { relay_seen.add(MuxOut{std::move(frames)}); },
          [this](Frames frames) { relay_seen.add(Output{std::move(frames)}); }};
}

TaskTap Controller::Parts::task_tap() {
  return {[this](wire::Message message) { tasks_seen.add(TaskIn{std::move(message)}); },
          [this](const MsgId& id, const EngineId& engine_id) {
            tasks_seen.add(TaskMoved{id, engine_id});
          },
          [this](wire::Message message, const MsgId& id, const EngineId&) {
            tasks_seen.add(TaskOut{id, std::move(message)});
          },
          [this](const Frames& reply, const MsgId& id) {
            if (auto message = wire::decode(reply, wire::Signer::off()))
              tasks_seen.add(TaskOut{id, std::move(*message)});
          }};
}

// With the same ports and key, the engines of the controller before come back and may hold its tasks.
void Controller::Parts::expect_engines() {
  const auto text = wire::read_file(config.engine_state_file);
  const auto state = text ? hub::parse_engine_state(*text) : Result<hub::EngineState>(text.error());
  if (!state) return;
  std::vector<EngineId> engines;
  for (const auto& [number, uuid] : state->engines) engines.push_back(uuid);
  engines.insert(engines.end(), state->unsettled.begin(), state->unsettled.end());
  // Requests that come before the engine does wait for it, as for one that is known.
  for (const EngineId& uuid : engines) relay->expect(uuid);
  hub->expect(*state);
  tasks->resume().expect(std::move(engines), config.engine_wait());
}

// Where nobody may come back, nobody will ask.
void Controller::Parts::keep_journal() {
  if (!config.reuse) return;
  std::filesystem::path stem = config.engine_state_file;
  stem.replace_filename("dispatched-" + stem.stem().string());
  tasks->resume().use(std::make_unique<DispatchJournal>(DispatchJournal::Options{.stem = std::move(stem)},
                                                        earlier.has_value(), clock, log));
}

// Of clients that are gone as well: nobody else would send them again.
void Controller::Parts::take_up_tasks() {
  auto left = read_earlier_tasks(config.records, signer);
  if (!left) return log.warning("the tasks of the controller before are not taken up: {}", left.error().message);
  std::map<EngineId, std::vector<MsgId>> direct;
  for (const EarlierRecord& record : left->records) {
    hub->resume(record.id, record.queue);
    if (record.queue == hub::Queue::mux) direct[record.engine].push_back(record.id);
  }
  for (const auto& [engine_id, ids] : direct) tasks->resume().direct().watch(engine_id, ids);
  tasks->restore(std::move(*left));
}

// Direct requests that a break may have lost: see docs/operations-recovery.md.
DirectResume::Listener Controller::Parts::direct_listener() {
  return {[this](sched::DirectHeld held) {
            hub_loop.post([this, held = std::move(held)] { hub->direct_held(held.ids, held.engine); });
          },
          [this](sched::DirectEnded ended) {
            hub_loop.post(
                [this, ended = std::move(ended)] { hub->direct_ended(ended.ids, ended.engine, why_ended(ended.why)); });
          }};
}

// A client that asks what became of its tasks gets the replies that are on record.
TaskResume::Records Controller::Parts::recorded_replies() {
  return [this](std::vector<MsgId> ids, ClientId to, std::function<void(TaskResume::Found)> then) {
    // What this thread has seen is recorded before the question is asked.
    tasks_seen.flush();
    hub_loop.post([this, ids = std::move(ids), to = std::move(to), then = std::move(then)]() mutable {
      const auto found = std::make_shared<std::vector<hub::TaskRecord>>();
      const auto look_up = [ids = std::move(ids), found](hub::Store& store) {
        for (const MsgId& id : ids)
          if (auto record = store.get(id); record && record.value() && record.value()->completed)
            found->push_back(std::move(**record));
        return hub::reply("", {});
      };
      records->ask({"", look_up},
                   [this, found, to = std::move(to), then = std::move(then)](const hub::Answer&) mutable {
                     task_loop.post([this, found, to = std::move(to), then = std::move(then)] {
                       TaskResume::Found replies;
                       for (const hub::TaskRecord& record : *found)
                         if (Frames reply = reply_in(record, to, tasks->signer()); !reply.empty())
                           replies.push_back({record.id, std::move(reply), record.status == hub::Status::ok});
                       then(std::move(replies));
                     });
                   });
    });
  };
}

void Controller::Parts::write_files() {
  if (earlier) return;
  value_or_throw(wire::write_private_file(config.engine_file, render(engine)));
  value_or_throw(wire::write_private_file(config.client_file, render(client)));
}

// Only files that still speak of this controller: another may have been started in the same place meanwhile.
void Controller::Parts::remove_files() {
  if (config.reuse) return;
  const auto remove = [](const std::filesystem::path& path, const std::string& mine) {
    const auto text = wire::read_file(path);
    std::error_code ignored;
    if (text && *text == mine) std::filesystem::remove(path, ignored);
  };
  remove(config.client_file, render(client));
  remove(config.engine_file, render(engine));
}

Controller::Controller(ControllerConfig config, const Clock& clock, Log& log)
    : parts_(std::make_unique<Parts>(std::move(config), clock, log)) {
  parts_->keep_journal();
  parts_->tasks->resume().direct().use(parts_->direct_listener(), kDirectPatience * parts_->config.engine_wait());
  if (parts_->earlier) parts_->expect_engines();
  if (parts_->earlier) parts_->take_up_tasks();
  parts_->tasks->resume().use(parts_->recorded_replies());
  if (parts_->config.restore) parts_->hub->restore();
  parts_->write_files();
}

Controller::~Controller() = default;

const wire::ClientConnection& Controller::client_connection() const { return parts_->client; }
const wire::EngineConnection& Controller::engine_connection() const { return parts_->engine; }

void Controller::stop_when_readable(int descriptor, std::function<void()> note) {
  net::Loop& loop = parts_->hub_loop;
  loop.on_readable(descriptor, [&loop, descriptor, note = std::move(note)] {
    note();
    loop.forget(descriptor);
    loop.stop();
  });
}

void Controller::stop() { parts_->hub_loop.stop(); }

void Controller::run() {
  Parts& p = *parts_;
  p.log.info("listening on {} for clients and {} for engines", p.client.interface, p.engine.interface);
  p.log.info("connection files: {} and {}", p.config.client_file.string(), p.config.engine_file.string());
  p.relay_loop.stay_awake(kStayAwake);
  p.task_loop.stay_awake(kStayAwake);
  for (net::Loop* loop : {&p.hub_loop, &p.relay_loop, &p.task_loop}) loop->after_work(heap::release_thread_cache);
  std::thread relays([&p] { p.relay_loop.run(); });
  std::thread scheduling([&p] { p.task_loop.run(); });
  p.hub_loop.run();

  p.relay_seen.close();
  p.tasks_seen.close();
  p.hub->announce_shutdown();
  p.task_loop.post([&p] { p.tasks->drain(); });
  p.task_loop.post([&p] { p.task_loop.stop(); });
  p.relay_loop.stop();
  scheduling.join();
  relays.join();
  // What was answered last is recorded as well, and nothing is left for a controller that goes on with the records.
  using Kind = RecordOptions::Kind;
  if (p.config.records.kind == Kind::sqlite || p.config.records.kind == Kind::mongo) {
    p.relay_seen.flush();
    p.tasks_seen.flush();
    p.hub_loop.run_once(Duration::zero());
    p.hub->give_up();
  }
  p.remove_files();
  p.log.info("stopped");
}

}  // namespace camshaft::service
