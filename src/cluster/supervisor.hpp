// cluster/supervisor.hpp: decides what happens to a local cluster's processes: events in, actions out.
// Thread: one. Owns: what it knows of the controller and the engines; no process, no clock.
// Errors: none; failures are reports. Invariant: every process that was spawned is signalled until it is gone once
//         anybody asked to stop it, and AllStopped is reported exactly once, when nothing is left.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cluster/restarts.hpp"
#include "core/time.hpp"

namespace camshaft::cluster {

/// How a process ended.
struct Exit {
  int code = 0;
  int signal = 0;  // 0 = it exited by itself
  bool operator==(const Exit&) const = default;
};
/// "exit code 3", "killed by signal 9 (Killed)".
std::string describe(const Exit& exit);

/// An engine that ends with this code asks to be started again. It hears of it by this variable of its environment.
constexpr int kRestartCode = 75;
constexpr std::string_view kRestartVariable = "CAMSHAFT_RESTART_CODE";

namespace event {
struct StartController {};
struct AdoptController {};  // one that somebody else started; it is never stopped from here
struct StartEngines {
  std::string set;
  int n;
  int processes = 0;  // that stand for the n engines; 0 = as many as engines
};
struct ControllerFiles {};  // both connection files are there and whole
struct HubAnswered {
  std::set<std::string> engines;
};  // uuids that are registered now
struct ControllerGone {
  Exit exit;
};
struct EngineGone {
  EngineRef engine;
  Exit exit;
};
struct StopEngines {
  std::string set;
};
struct StopEngine {
  EngineRef engine;
};
struct RestartEngine {
  EngineRef engine;  // one that runs is stopped first
};
struct StopAll {};
struct Tick {};
}  // namespace event
using Event = std::variant<event::StartController, event::AdoptController, event::StartEngines, event::ControllerFiles,
                           event::HubAnswered, event::ControllerGone, event::EngineGone, event::StopEngines,
                           event::StopEngine, event::RestartEngine, event::StopAll, event::Tick>;

namespace action {
struct SpawnController {
  bool operator==(const SpawnController&) const = default;
};
struct SpawnEngine {
  EngineRef engine;
  bool operator==(const SpawnEngine&) const = default;
};
struct SignalController {
  int signal;
  bool operator==(const SignalController&) const = default;
};
struct SignalEngine {
  EngineRef engine;
  int signal;
  bool operator==(const SignalEngine&) const = default;
};
// Reports:
struct ControllerReady {
  bool operator==(const ControllerReady&) const = default;
};
struct Progress {
  std::string set;
  int ready;
  int wanted;
  bool operator==(const Progress&) const = default;
};
struct EnginesReady {
  std::string set;
  int n;
  bool operator==(const EnginesReady&) const = default;
};
/// The controller ended or did not come up (no exit: it ran out of time). `expected` when it was asked to stop.
struct ControllerStopped {
  std::optional<Exit> exit;
  bool was_ready;
  bool expected;
  bool operator==(const ControllerStopped&) const = default;
};
/// An engine ended. `was_ready`: its set had come up before. `left`: engines of all sets that still run.
struct EngineStopped {
  EngineRef engine;
  Exit exit;
  bool was_ready;
  bool expected;
  int left;
  int attempt = 0;  // it is started again, for the nth time in a row; 0: it is not
  bool operator==(const EngineStopped&) const = default;
};
/// An engine was started again: somebody or the engine itself asked for it, or it had died; an EngineStopped came
/// before.
struct EngineRestarted {
  EngineRef engine;
  bool operator==(const EngineRestarted&) const = default;
};
/// A set that will not come up: an engine of it ended, or the time ran out.
struct EnginesFailed {
  std::string set;
  int ready;
  int wanted;
  std::optional<EngineRef> culprit;
  bool operator==(const EnginesFailed&) const = default;
};
struct AllStopped {
  bool operator==(const AllStopped&) const = default;
};
}  // namespace action
using Action =
    std::variant<action::SpawnController, action::SpawnEngine, action::SignalController, action::SignalEngine,
                 action::ControllerReady, action::Progress, action::EnginesReady, action::ControllerStopped,
                 action::EngineStopped, action::EngineRestarted, action::EnginesFailed, action::AllStopped>;
using Actions = std::vector<Action>;

struct SupervisorLimits {
  Duration controller_timeout = std::chrono::seconds(60);  // until the connection files are there
  Duration engine_timeout = std::chrono::seconds(60);      // until all engines of a set are registered
  Duration grace = std::chrono::seconds(5);                // between asking to stop and killing
  RestartPolicy restarts;                                  // of engines that die
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorLimits limits) : limits_(limits), restarts_(limits.restarts) {}

  Actions handle(const Event& event, TimePoint now);

  bool watches_files() const { return controller_ == Controller::starting; }
  bool watches_hub() const;  // somebody is waiting for engines to register
  bool running() const;      // any process of ours lives
  bool stopping() const { return stopping_; }
  /// When a Tick is due, or nullopt.
  std::optional<TimePoint> deadline() const;

 private:
  enum class Controller { none, starting, ready, stopping, gone, adopted };
  struct Engine {
    bool asked_to_stop = false;
    bool again = false;                // to be started once more when it has ended
    std::optional<TimePoint> kill_at;  // while it is stopped by itself
  };
  struct EngineSet {
    int wanted = 0;
    int processes = 0;
    int reported = -1;
    bool spawned = false, ready = false, failed = false;
    std::set<std::string> registered;  // uuids counted for this set
    std::map<int, Engine> alive;
    std::optional<TimePoint> kill_at;  // while stopping
    TimePoint ready_by{};
  };
  void spawn(const std::string& id, EngineSet& set, TimePoint now, Actions& out);
  void stop_set(const std::string& id, EngineSet& set, TimePoint now, Actions& out);
  void stop_engine(const EngineRef& ref, Engine& engine, TimePoint now, Actions& out);
  void start_again(const EngineRef& ref, TimePoint now, Actions& out);
  void stop_controller(TimePoint now, Actions& out);
  void fail(const std::string& id, EngineSet& set, std::optional<EngineRef> culprit, TimePoint now, Actions& out);
  void settle(TimePoint now, Actions& out);
  void count(const std::set<std::string>& listed);
  int alive() const;

  void on(const event::StartController&, TimePoint, Actions&);
  void on(const event::AdoptController&, TimePoint, Actions&);
  void on(const event::StartEngines&, TimePoint, Actions&);
  void on(const event::ControllerFiles&, TimePoint, Actions&);
  void on(const event::HubAnswered&, TimePoint, Actions&);
  void on(const event::ControllerGone&, TimePoint, Actions&);
  void on(const event::EngineGone&, TimePoint, Actions&);
  void on(const event::StopEngines&, TimePoint, Actions&);
  void on(const event::StopEngine&, TimePoint, Actions&);
  void on(const event::RestartEngine&, TimePoint, Actions&);
  void on(const event::StopAll&, TimePoint, Actions&);
  void on(const event::Tick&, TimePoint, Actions&);

  SupervisorLimits limits_;
  Restarts restarts_;
  Controller controller_ = Controller::none;
  std::optional<TimePoint> controller_deadline_;  // files due, or kill due
  std::map<std::string, EngineSet> sets_;
  std::set<std::string> known_;  // uuids that are no newcomers
  bool asks_first_ = false;      // engines may be there already: ask the hub before the next set starts
  bool stopping_ = false;
  bool stopped_reported_ = false;
};

}  // namespace camshaft::cluster
