// service/cluster_thread.hpp: a ClusterService on a thread of its own, for callers without a loop (Python).
// Thread: every member may be called from any thread; calls return at once, wait() waits.
// Owns:   the thread, its context and loop, and so the cluster's processes.
// Errors: start_controller() and adopt_controller() say at once what is wrong; later trouble is in the snapshot.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "service/cluster_service.hpp"

namespace camshaft::service {

/// What is known of a cluster at one moment.
struct ClusterSnapshot {
  enum class Phase { before, starting, running, after };
  struct Set {
    int wanted = 0, ready = 0;
    bool up = false;      // all of it was up
    std::string failure;  // "" while there is none
    std::map<int, ProcessStatus> engines;
  };
  std::uint64_t generation = 0;  // grows with every change
  Phase controller = Phase::before;
  std::optional<ProcessStatus> controller_process;
  std::map<std::string, Set> sets;
  struct End {                                 // of a process
    std::optional<cluster::EngineRef> engine;  // nullopt = the controller
    ProcessStatus process;
    bool expected = false;  // somebody asked for it
  };
  std::deque<End> ends;               // the last ones, in order
  std::uint64_t ended = 0;            // how many there were
  std::vector<std::string> troubles;  // one line each, in order
  std::string log_tail;               // that explains the last of them
  bool stopped = false;               // nothing of it is left
};

class ClusterThread final {
 public:
  explicit ClusterThread(ClusterConfig config);
  /// Kills what still runs, unless it may outlive us.
  ~ClusterThread();
  ClusterThread(const ClusterThread&) = delete;
  ClusterThread& operator=(const ClusterThread&) = delete;

  Result<Done> start_controller();
  Result<Done> adopt_controller();
  void start_engines(const std::string& set, int n);
  void stop_engines(const std::string& set);
  void signal_engines(const std::optional<std::string>& set, int number);
  void stop_engine(const cluster::EngineRef& engine);
  void restart_engine(const cluster::EngineRef& engine);
  void signal_engine(const cluster::EngineRef& engine, int number);
  void stop();
  /// Writes the cluster file once more, and brings the snapshot up to date; returns when that is done.
  void save();

  ClusterSnapshot snapshot() const;
  /// Waits for a change since generation `seen`, or the timeout; returns the generation.
  std::uint64_t wait(std::uint64_t seen, Duration timeout) const;

 private:
  Result<Done> call(Result<Done> (ClusterService::*start)());
  void on_report(const ClusterReport& report);
  void note_end(std::optional<cluster::EngineRef> engine, std::optional<ProcessStatus> process, bool expected);
  void refresh();

  SystemClock clock_;
  net::Context context_;
  net::Loop loop_;
  std::unique_ptr<ClusterService> cluster_;  // touched on the loop's thread only
  mutable std::mutex mutex_;                 // guards snapshot_: readers are on other threads
  mutable std::condition_variable changed_;
  ClusterSnapshot snapshot_;
  std::thread thread_;
};

}  // namespace camshaft::service
