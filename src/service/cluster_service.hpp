// service/cluster_service.hpp: a controller and engines on this machine: performs what cluster::Supervisor decides.
// Thread: that of its loop. Owns: the child processes, the cluster file and its lock. Borrows context and loop.
// Errors: what goes wrong later is reported; start_*() say at once what is wrong now. Nothing here waits.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/commands.hpp"
#include "cluster/process/child.hpp"
#include "cluster/process/files.hpp"
#include "cluster/process/memory_kills.hpp"
#include "cluster/supervisor.hpp"
#include "net/loop.hpp"
#include "service/cluster_probe.hpp"
#include "service/engine_forks.hpp"

namespace camshaft::service {

struct ClusterConfig {
  cluster::LocalPlan plan;
  cluster::SupervisorLimits limits;
  std::string program = "ipcluster";  // who we are, for the cluster file
  bool outlive_us = false;            // children stay when this process ends
  bool send_connection = true;        // engines get the connection file's text through their environment
  bool keep_logs = false;             // also of processes that ended as they should
};

/// A supervisor's report with what only the shell knows.
struct ClusterReport {
  cluster::Action what;  // one of the reports of cluster::action
  std::string message;   // one line for users; "" for good news
  std::string log_file;  // of the process that failed
  std::string log_tail;  // its last lines
};

struct ProcessStatus {
  int pid = 0;
  std::string log_file;
  std::optional<cluster::Exit> exit;  // nullopt while it runs
};

class ClusterService final {
 public:
  using Listener = std::function<void(const ClusterReport&)>;

  ClusterService(net::Context& context, net::Loop& loop, ClusterConfig config, Listener listener);
  /// Kills what still runs, unless it may outlive us.
  ~ClusterService();
  ClusterService(const ClusterService&) = delete;
  ClusterService& operator=(const ClusterService&) = delete;

  /// Makes the profile's folders and starts a controller. Errc::unavailable when this cluster runs already.
  Result<Done> start_controller();
  /// Uses the controller that wrote the connection files of this profile.
  Result<Done> adopt_controller();
  /// Starts `n` engines as soon as the controller is ready; the set's name must be new.
  void start_engines(const std::string& set, int n);
  void stop_engines(const std::string& set);
  void signal_engines(const std::optional<std::string>& set, int number);
  void stop_engine(const cluster::EngineRef& engine);
  /// Starts an engine of a set again; one that runs is stopped first.
  void restart_engine(const cluster::EngineRef& engine);
  void signal_engine(const cluster::EngineRef& engine, int number) { signal(engine, number); }
  /// Writes the cluster file, or removes it when nothing runs.
  void save();
  /// Stops engines, then the controller; ends with AllStopped.
  void stop();

  bool running() const { return supervisor_.running(); }
  std::optional<ProcessStatus> controller() const;
  /// Engines that were started, also those that have ended.
  std::map<std::string, std::map<int, ProcessStatus>> engines() const;
  const ClusterConfig& config() const { return config_; }

 private:
  struct Process {
    cluster::Command command;
    std::optional<cluster::Child> child;  // nullopt when it could not be started
    std::string start_error;
    std::optional<cluster::Exit> exit;
    bool failed = false;  // its log explains something
    int owed_signal = 0;  // sent before there was a process
    std::string fate;     // how it ended, for users
  };
  using Key = std::optional<cluster::EngineRef>;  // nullopt = the controller

  void handle(const cluster::Event& event);
  void perform(const cluster::Action& action);
  void spawn(const Key& key, cluster::Command command);
  void execute(const Key& key);
  void forked(const cluster::EngineRef& engine, cluster::Child child);
  void ended(const Key& key, cluster::Exit exit);
  void follow_memory();
  void on_end(Key key);  // by value: it forgets the handler that holds it
  void signal(const Key& key, int number);
  void report(const cluster::Action& what);
  void round();
  void look_for_files();
  Process* find(const Key& key);
  std::string describe_end(const Key& key, const std::optional<cluster::Exit>& exit, std::string what) const;

  net::Context& context_;
  net::Loop& loop_;
  ClusterConfig config_;
  Listener listener_;
  cluster::Supervisor supervisor_;
  std::optional<cluster::Lifeline> lifeline_;
  std::optional<cluster::ClusterLock> lock_;
  std::optional<std::string> engine_connection_;
  std::unique_ptr<ClusterProbe> probe_;
  std::map<Key, Process> processes_;
  EngineForks forks_;
  cluster::MemoryKills memory_kills_;
  net::TimerId forget_timer_;
  std::map<std::string, int> set_sizes_;  // engines that were asked for
  std::vector<cluster::Event> events_;    // waiting for the current one to be performed
  bool handling_ = false;
  bool unsaved_ = false;
  bool adopted_ = false;  // the controller is somebody else's
  std::optional<net::TimerId> round_timer_;
};

/// The one line for somebody who starts a cluster that runs already.
std::string already_running(const cluster::FoundCluster& found, const cluster::Profile& profile);

}  // namespace camshaft::service
