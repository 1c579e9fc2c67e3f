// apps/tether.hpp: `ipcluster tether KIND`, which stands here for what a launcher starts elsewhere. It is started by
// cluster::engine_processes, reads CAMSHAFT_TETHER, lives as long as what it started, and ends with its fate.
// Thread: the main thread; no other is ever started, so that children may be forked. Owns: its children.
// Errors: one line on stderr, which is the set's log file; the result is the exit code.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/launchers.hpp"
#include "cluster/process/child.hpp"
#include "core/time.hpp"
#include "net/loop.hpp"

namespace camshaft::apps {

/// Runs the tether of that kind to its end.
int run_tether(std::string_view kind);

/// One line on stderr.
void tether_says(std::string_view line);

/// What every tether waits for: signals, the end of its starter, its children.
class TetherLife final {
 public:
  TetherLife();
  TetherLife(const TetherLife&) = delete;
  TetherLife& operator=(const TetherLife&) = delete;

  net::Loop& loop() { return loop_; }
  /// SIGINT, SIGUSR1 and SIGUSR2 are for the engines.
  void on_signal(std::function<void(int)> handler) { relay_ = std::move(handler); }
  /// SIGTERM, SIGHUP, or the starter is gone: called once.
  void on_stop(std::function<void()> handler) { stop_ = std::move(handler); }
  /// Until finish().
  int run();
  void finish(int code);
  bool stopping() const { return stopping_; }

 private:
  void on_signals();
  void begin_stop();

  SystemClock clock_;
  net::Loop loop_;
  cluster::Descriptor signals_, lifeline_;
  std::function<void(int)> relay_;
  std::function<void()> stop_;
  bool stopping_ = false;
  bool finished_ = false;
  int code_ = 0;
};

/// A child that the kernel ends when this process ends, however that happens.
class TetherChild final {
 public:
  struct Settings {
    std::vector<std::string> argv;
    std::vector<std::pair<std::string, std::string>> environment;  // in addition to ours
    std::string work_dir;
    bool pipes = false;  // stdin, stdout and stderr are ours to write and read; else empty, and ours
  };
  static Result<TetherChild> start(const Settings& settings);

  int pid() const { return pid_; }
  /// Readable when it has ended.
  int descriptor() const { return watch_.get(); }
  cluster::Descriptor& input() { return input_; }
  cluster::Descriptor& output() { return output_; }
  cluster::Descriptor& errors() { return errors_; }
  std::optional<cluster::Exit> poll();
  void signal(int number) const;

 private:
  TetherChild() = default;
  int pid_ = 0;
  cluster::Descriptor watch_, input_, output_, errors_;
  std::optional<cluster::Exit> exit_;
};

/// The exit code that a shell would report.
int code_of(const cluster::Exit& exit);

}  // namespace camshaft::apps
