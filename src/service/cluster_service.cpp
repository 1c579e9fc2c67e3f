#include "service/cluster_service.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <type_traits>

#include "cluster/process/jobs.hpp"
#include "cluster/process/profile_dirs.hpp"

namespace camshaft::service {
namespace fs = std::filesystem;
namespace {

constexpr Duration kRound = std::chrono::milliseconds(5);  // how often files and the hub are looked at while waiting
constexpr Duration kForgetMemoryKills = std::chrono::seconds(5);
constexpr int kTailLines = 20;
constexpr Duration kTetherGrace = std::chrono::seconds(15);
constexpr Duration kQueuePatience = std::chrono::hours(24 * 365);

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

/// A template holds our engines, and those of this machine only.
ClusterConfig completed(ClusterConfig config) {
  const auto& launcher = config.plan.engine_launcher;
  config.plan.engine_restarts = config.limits.restarts.most;
  if (!launcher.local() || launcher.options.contains("engine_cmd")) config.plan.fork_engines = false;
  return config;
}

/// The last line in which a tether itself says what went wrong, "" when there is none.
std::string said_by_tether(std::string_view log) {
  constexpr std::string_view kBefore = "ipcluster: ";
  for (std::size_t end = log.size(); end > 0;) {
    const std::size_t newline = log.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    const std::string_view line = log.substr(begin, end - begin);
    if (line.rfind(kBefore, 0) == 0) return std::string(line.substr(kBefore.size()));
    end = begin == 0 ? 0 : begin - 1;
  }
  return "";
}

/// What runs elsewhere takes longer to stop; a tether that is killed cannot look after it any more.
cluster::SupervisorLimits patient(const ClusterConfig& config) {
  cluster::SupervisorLimits limits = config.limits;
  const bool here = config.plan.engine_launcher.local() && config.plan.controller_launcher.local();
  if (!here) limits.grace = std::max<Duration>(limits.grace, kTetherGrace);
  // A queue takes its time: only a limit that somebody chose is one.
  const cluster::SupervisorLimits usual;
  const auto wait = [](Duration& limit, Duration unless) {
    if (limit == unless) limit = kQueuePatience;
  };
  if (config.plan.engine_launcher.queued()) wait(limits.engine_timeout, usual.engine_timeout);
  if (config.plan.controller_launcher.queued()) wait(limits.controller_timeout, usual.controller_timeout);
  const int seconds = cluster::number_option(config.plan.controller_launcher, "connection_info_timeout", 0);
  if (seconds > 0) limits.controller_timeout = std::chrono::seconds(seconds);
  return limits;
}

}  // namespace

std::string already_running(const cluster::FoundCluster& found, const cluster::Profile& profile) {
  const std::string id = found.record.cluster_id;
  return fmt::format(
      "a cluster runs already on profile '{}'{} (controller pid {}); stop it with: ipcluster stop "
      "{}{}",
      profile.label(), id.empty() ? "" : fmt::format(" with id '{}'", id), found.record.controller.process.pid,
      profile.label().front() == '/' ? "--profile-dir=" + profile.dir.string() : "--profile=" + profile.label(),
      id.empty() ? "" : " --cluster-id=" + id);
}

ClusterService::ClusterService(net::Context& context, net::Loop& loop, ClusterConfig config, Listener listener)
    : context_(context),
      loop_(loop),
      config_(completed(std::move(config))),
      listener_(std::move(listener)),
      supervisor_(patient(config_)),
      forks_(loop, config_.plan,
             {[this](const cluster::EngineRef& engine, cluster::Child child) { forked(engine, std::move(child)); },
              [this](const cluster::EngineRef& engine, cluster::Exit exit) { ended(engine, exit); },
              [this](const cluster::EngineRef& engine) { execute(engine); },
              [this] {
                if (unsaved_) save();
              }}),
      forget_timer_(loop.every(kForgetMemoryKills, [this] {
        memory_kills_.forget();
        follow_memory();
      })) {}

ClusterService::~ClusterService() {
  if (round_timer_) loop_.cancel(*round_timer_);
  loop_.cancel(forget_timer_);
  for (auto& [key, process] : processes_) {
    if (!process.child || process.exit) continue;
    loop_.forget(process.child->descriptor());
    const auto& launcher = key ? config_.plan.engine_launcher : config_.plan.controller_launcher;
    // A tether that is killed leaves what it stands for behind; asked to stop, it ends that and itself.
    if (!config_.outlive_us) process.child->signal(launcher.local() ? SIGKILL : SIGTERM);
  }
  forks_.close(config_.outlive_us);
}

Result<Done> ClusterService::start_controller() {
  const auto& plan = config_.plan;
  if (auto made = cluster::create_profile(plan.profile); !made) return made.error();
  const fs::path file = cluster::cluster_file_path(plan.profile, plan.cluster_id);
  auto lock = cluster::ClusterLock::take(cluster::lock_path(plan.profile, plan.cluster_id));
  const auto found = cluster::look_at(file);
  if (found && found->running()) return Error{Errc::unavailable, already_running(*found, plan.profile)};
  if (!lock) {
    return Error{Errc::unavailable,
                 fmt::format("this cluster is being started or stopped by another process: {}", lock.error().message)};
  }
  lock_ = std::move(*lock);
  if (!config_.outlive_us) {
    auto lifeline = cluster::Lifeline::make();
    if (!lifeline) return lifeline.error();
    lifeline_ = std::move(*lifeline);
  }
  handle(cluster::event::StartController{});
  return Done{};
}

Result<Done> ClusterService::adopt_controller() {
  const auto& plan = config_.plan;
  const fs::path engine_file = cluster::engine_connection_path(plan.profile, plan.cluster_id);
  const fs::path client_file = cluster::client_connection_path(plan.profile, plan.cluster_id);
  auto engine_text = cluster::read_text(engine_file);
  auto client_text = cluster::read_text(client_file);
  if (!engine_text || !client_text) {
    return Error{Errc::not_found, fmt::format("no controller to join: {} is not there; start one with ipcontroller or "
                                              "ipcluster start",
                                              (engine_text ? client_file : engine_file).string())};
  }
  auto connection = wire::parse_client_connection(*client_text);
  if (!connection) return connection.error();
  if (!config_.outlive_us) {
    auto lifeline = cluster::Lifeline::make();
    if (!lifeline) return lifeline.error();
    lifeline_ = std::move(*lifeline);
  }
  auto probe = ClusterProbe::make(context_, loop_, *connection, [this](const std::set<std::string>& engines) {
    handle(cluster::event::HubAnswered{engines});
  });
  if (!probe) return probe.error();
  probe_ = std::move(*probe);
  engine_connection_ = std::move(*engine_text);
  adopted_ = true;
  handle(cluster::event::AdoptController{});
  return Done{};
}

void ClusterService::start_engines(const std::string& set, int n) {
  set_sizes_[set] = n;
  // Its imports take as long as the controller's start: both happen at the same time.
  forks_.prepare(cluster::engine_command(config_.plan, set, 0, ""), lifeline_ ? &*lifeline_ : nullptr, n);
  handle(cluster::event::StartEngines{set, n, cluster::engine_process_count(config_.plan, n)});
}
void ClusterService::stop_engines(const std::string& set) { handle(cluster::event::StopEngines{set}); }
void ClusterService::stop_engine(const cluster::EngineRef& engine) { handle(cluster::event::StopEngine{engine}); }
void ClusterService::restart_engine(const cluster::EngineRef& engine) { handle(cluster::event::RestartEngine{engine}); }
void ClusterService::stop() { handle(cluster::event::StopAll{}); }

void ClusterService::signal_engines(const std::optional<std::string>& set, int number) {
  for (auto& [key, process] : processes_) {
    if (key && (!set || key->set == *set)) signal(key, number);
  }
}

std::optional<ProcessStatus> ClusterService::controller() const {
  const auto found = processes_.find(std::nullopt);
  if (found == processes_.end() || !found->second.child) return std::nullopt;
  return ProcessStatus{found->second.child->id().pid, found->second.command.log_file.string(), found->second.exit};
}

std::map<std::string, std::map<int, ProcessStatus>> ClusterService::engines() const {
  std::map<std::string, std::map<int, ProcessStatus>> sets;
  for (const auto& [key, process] : processes_) {
    if (!key) continue;
    const int pid = process.child ? process.child->id().pid : 0;
    sets[key->set][key->index] = {pid, process.command.log_file.string(), process.exit};
  }
  return sets;
}

/// Events that come up while one is performed wait their turn, so that the supervisor sees one at a time.
void ClusterService::handle(const cluster::Event& event) {
  events_.push_back(event);
  if (handling_) return;
  handling_ = true;
  while (!events_.empty()) {
    const cluster::Event next = std::move(events_.front());
    events_.erase(events_.begin());
    for (const cluster::Action& action : supervisor_.handle(next, loop_.clock().now())) perform(action);
  }
  handling_ = false;
  if (unsaved_) save();
  const bool waits = supervisor_.watches_files() || supervisor_.watches_hub() || supervisor_.deadline();
  if (waits && !round_timer_) round_timer_ = loop_.every(kRound, [this] { round(); });
  if (!waits && round_timer_) {
    loop_.cancel(*round_timer_);
    round_timer_.reset();
  }
}

void ClusterService::perform(const cluster::Action& what) {
  namespace action = cluster::action;
  const auto& plan = config_.plan;
  std::visit(Overloaded{
                 [&](const action::SpawnController&) {
                   // Files of an earlier run would be taken for those of this one.
                   std::error_code ignored;
                   const auto& args = plan.controller_args;
                   const bool reuse = std::any_of(args.begin(), args.end(), [](const std::string& one) {
                     return one.find("reuse") != std::string::npos || one.find("restore") != std::string::npos;
                   });
                   if (!reuse) {
                     fs::remove(cluster::client_connection_path(plan.profile, plan.cluster_id), ignored);
                     fs::remove(cluster::engine_connection_path(plan.profile, plan.cluster_id), ignored);
                   }
                   spawn(std::nullopt, cluster::controller_process(plan));
                 },
                 [&](const action::SpawnEngine& one) {
                   const std::string connection = config_.send_connection ? engine_connection_.value_or("") : "";
                   const auto& [set, index] = one.engine;
                   if (plan.engine_launcher.local()) {
                     auto command = cluster::engine_command(plan, set, index, connection);
                     command.environment.emplace_back(cluster::kRestartVariable, std::to_string(cluster::kRestartCode));
                     return spawn(one.engine, std::move(command));
                   }
                   spawn(one.engine, cluster::engine_processes(plan, set, set_sizes_[set], connection).front());
                 },
                 [&](const action::SignalController& one) { signal(std::nullopt, one.signal); },
                 [&](const action::SignalEngine& one) { signal(one.engine, one.signal); },
                 [&](const auto&) { report(what); },
             },
             what);
}

void ClusterService::spawn(const Key& key, cluster::Command command) {
  Process& process = processes_[key];
  process = Process{std::move(command), std::nullopt, "", std::nullopt, false, 0, ""};
  if (!key || !forks_.fork(*key, process.command, lifeline_ ? &*lifeline_ : nullptr)) execute(key);
}

void ClusterService::execute(const Key& key) {
  Process& process = processes_[key];
  auto started = cluster::Child::start(process.command, lifeline_ ? &*lifeline_ : nullptr);
  if (!started) {
    process.start_error = started.error().message;
    ended(key, cluster::Exit{127, 0});
    return;
  }
  process.child.emplace(std::move(*started));
  if (process.owed_signal != 0) process.child->signal(process.owed_signal);
  loop_.on_readable(process.child->descriptor(), [this, key] { on_end(key); });
  unsaved_ = true;
}

void ClusterService::forked(const cluster::EngineRef& engine, cluster::Child child) {
  Process* process = find(engine);
  if (process == nullptr) return;
  process->child.emplace(std::move(child));
  if (process->owed_signal != 0) process->child->signal(process->owed_signal);
  unsaved_ = true;
}

void ClusterService::ended(const Key& key, cluster::Exit exit) {
  Process* process = find(key);
  if (process == nullptr || process->exit) return;
  process->exit = exit;
  if (process->child) process->child->ended(exit);
  unsaved_ = true;
  process->fate = cluster::describe(exit);
  const int pid = process->child ? process->child->id().pid : 0;
  if (key && exit.signal == SIGKILL && memory_kills_.lately(pid)) process->fate += ", probably out of memory";
  if (key && process->child && probe_) probe_->tell_exit(process->child->id().pid, process->fate);
  if (key)
    handle(cluster::event::EngineGone{*key, exit});
  else
    handle(cluster::event::ControllerGone{exit});
}

/// Engines may have put themselves into control groups of their own.
void ClusterService::follow_memory() {
  for (const auto& [key, process] : processes_) {
    if (key && process.child && !process.exit) memory_kills_.follow(process.child->id().pid);
  }
}

// NOLINTNEXTLINE(performance-unnecessary-value-param)
void ClusterService::on_end(Key key) {
  Process* process = find(key);
  if (process == nullptr || !process->child || process->exit) return;
  const auto exit = process->child->poll();
  if (!exit) return;
  loop_.forget(process->child->descriptor());
  const auto& launcher = key ? config_.plan.engine_launcher : config_.plan.controller_launcher;
  if (launcher.queued() && exit->signal != 0) {
    // It was killed: nobody watches its jobs any more.
    for (const auto& jobs : cluster::left_jobs(config_.plan.profile, config_.plan.cluster_id)) {
      if (auto cancelled = cluster::cancel_jobs(jobs); !cancelled) process->start_error = cancelled.error().message;
    }
  }
  ended(key, *exit);
}

void ClusterService::signal(const Key& key, int number) {
  Process* process = find(key);
  if (process == nullptr || process->exit) return;
  if (process->child)
    process->child->signal(number);
  else
    process->owed_signal = number;
}

ClusterService::Process* ClusterService::find(const Key& key) {
  const auto found = processes_.find(key);
  return found == processes_.end() ? nullptr : &found->second;
}

/// While somebody waits: the connection files, the engines, the time.
void ClusterService::round() {
  if (supervisor_.watches_files()) look_for_files();
  if (supervisor_.watches_hub() && probe_) probe_->ask();
  const auto deadline = supervisor_.deadline();
  if (deadline && loop_.clock().now() >= *deadline) handle(cluster::event::Tick{});
}

void ClusterService::look_for_files() {
  const auto& plan = config_.plan;
  auto engine_text = cluster::read_text(cluster::engine_connection_path(plan.profile, plan.cluster_id));
  if (!engine_text) return;
  auto client_text = cluster::read_text(cluster::client_connection_path(plan.profile, plan.cluster_id));
  if (!client_text) return;
  const auto client = wire::parse_client_connection(*client_text);
  if (!client || !wire::parse_engine_connection(*engine_text)) return;  // half written: the next round sees the rest
  auto probe = ClusterProbe::make(context_, loop_, *client, [this](const std::set<std::string>& engines) {
    handle(cluster::event::HubAnswered{engines});
  });
  if (!probe) return;
  probe_ = std::move(*probe);
  engine_connection_ = std::move(*engine_text);
  handle(cluster::event::ControllerFiles{});
}

std::string ClusterService::describe_end(const Key& key, const std::optional<cluster::Exit>& exit,
                                         std::string what) const {
  const auto found = processes_.find(key);
  if (found != processes_.end() && !found->second.start_error.empty()) return found->second.start_error;
  if (found != processes_.end() && !found->second.fate.empty())
    what += fmt::format(" ({})", found->second.fate);
  else if (exit)
    what += fmt::format(" ({})", cluster::describe(*exit));
  if (found != processes_.end()) what += fmt::format("; its log: {}", found->second.command.log_file.string());
  return what;
}

void ClusterService::report(const cluster::Action& what) {
  namespace action = cluster::action;
  if (std::holds_alternative<cluster::action::EnginesReady>(what)) follow_memory();
  ClusterReport out{what, "", "", ""};
  Key failed;
  bool has_failed = false;
  std::visit(Overloaded{
                 [&](const action::ControllerStopped& one) {
                   has_failed = !one.expected && (!one.exit || *one.exit != cluster::Exit{});
                   if (!one.exit) {
                     out.message = describe_end(failed, one.exit, "the controller wrote no connection files in time");
                   } else if (!one.was_ready) {
                     has_failed = true;
                     out.message = describe_end(failed, one.exit, "the controller ended before it was ready");
                   } else if (!one.expected) {
                     out.message = has_failed ? describe_end(failed, one.exit, "the controller ended unexpectedly")
                                              : "the controller was shut down";
                   }
                 },
                 [&](const action::EngineStopped& one) {
                   failed = one.engine;
                   has_failed = !one.expected && one.exit != cluster::Exit{};
                   if (one.expected || !one.was_ready) return;  // a set that does not come up gets a report of its own
                   const std::string text = fmt::format("engine process {} of set {} ended, {} left", one.engine.index,
                                                        one.engine.set, one.left);
                   out.message = describe_end(failed, one.exit, text);
                   const int most = config_.limits.restarts.most;
                   if (one.attempt > 0)
                     out.message += fmt::format("; it is started again ({} of {})", one.attempt, most);
                   else if (most > 0 && has_failed)
                     out.message += fmt::format("; it is not started again: it died {} times in a row", most + 1);
                 },
                 [&](const action::EnginesFailed& one) {
                   has_failed = one.culprit.has_value();
                   failed = one.culprit;
                   const Process* process = one.culprit ? find(one.culprit) : nullptr;
                   out.message = process != nullptr
                                     ? describe_end(failed, process->exit,
                                                    fmt::format("engine process {} of {} ended before "
                                                                "it was ready",
                                                                one.culprit->index, one.wanted))
                                     : fmt::format("only {} of {} engines registered in time; their logs: {}",
                                                   one.ready, one.wanted, config_.plan.profile.log_dir().string());
                 },
                 [](const auto&) {},
             },
             what);
  if (Process* process = has_failed ? find(failed) : nullptr) {
    process->failed = true;
    out.log_file = process->command.log_file.string();
    out.log_tail = cluster::tail(process->command.log_file, kTailLines);
    const bool is_tether = failed ? !config_.plan.engine_launcher.local() : !config_.plan.controller_launcher.local();
    if (const std::string said = is_tether ? said_by_tether(out.log_tail) : ""; !said.empty()) out.message = said;
  }
  if (std::holds_alternative<action::AllStopped>(what)) {
    probe_.reset();
    forks_.close(false);
    if (!config_.keep_logs) {
      std::error_code ignored;
      for (const auto& [key, process] : processes_) {
        const bool explains = process.failed || !process.exit || process.exit->signal == SIGKILL;
        if (!explains) fs::remove(process.command.log_file, ignored);
      }
    }
    save();
    lock_.reset();
  }
  listener_(out);
}

/// The cluster file says what runs, or a file of their own for engines that joined another's controller; there is none
/// when nothing runs.
void ClusterService::save() {
  const auto& plan = config_.plan;
  unsaved_ = false;
  if (!lock_ && !adopted_) return;
  const fs::path path = adopted_ ? cluster::joined_file_path(plan.profile, plan.cluster_id, ::getpid())
                                 : cluster::cluster_file_path(plan.profile, plan.cluster_id);
  cluster::ClusterRecord record;
  record.cluster_id = plan.cluster_id;
  record.profile_dir = plan.profile.dir.string();
  record.controller_args = plan.controller_args;
  record.controller_ip = plan.controller_ip;
  record.controller_location = plan.controller_location;
  record.controller_class = plan.controller_launcher.name;
  record.engine_class = plan.engine_launcher.name;
  for (const auto& [key, process] : processes_) {
    if (!process.child || process.exit) continue;
    const cluster::RecordedProcess one{process.child->id(), process.command.log_file.string()};
    if (key)
      record.engine_sets[key->set][key->index] = one;
    else
      record.controller = one;
    if (key && !plan.engine_launcher.local()) record.set_sizes[key->set] = set_sizes_[key->set];
  }
  record.n = static_cast<int>(record.engine_count());
  if (record.controller.process.pid == 0 && record.n == 0) {
    std::error_code ignored;
    fs::remove(path, ignored);
    return;
  }
  if (!config_.outlive_us) {
    record.supervisor = cluster::this_process();
    record.supervisor_program = config_.program;
  }
  // A cluster that cannot be found again still works; its folder was writable a moment ago.
  (void)cluster::write_text(path, cluster::render(record)).has_value();
}

}  // namespace camshaft::service
