// cluster/process/child.hpp: starts processes and watches them without ever mistaking one for another.
// Thread: any, one at a time per object. Owns: a Child owns its pidfd, a Lifeline its pipe; neither owns the process.
// Errors: Errc::not_found when there is no such program, Errc::unavailable with the system's reason otherwise.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster_file.hpp"
#include "cluster/commands.hpp"
#include "cluster/supervisor.hpp"
#include "core/result.hpp"

namespace camshaft::cluster {

/// A file descriptor that is closed at the end.
class Descriptor final {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

/// A pipe whose reading end every child holds: it reads EOF when this process is gone, however that happened and
/// whichever thread started the child. Children learn the descriptor from CAMSHAFT_LIFELINE_FD.
class Lifeline final {
 public:
  static Result<Lifeline> make();
  int child_end() const { return read_.get(); }

 private:
  Descriptor read_, write_;
};

class Child final {
 public:
  /// Starts the command in a session of its own: stdin empty, output appended to its log file, signals as by default,
  /// no descriptor of ours but the lifeline.
  /// `channel`: one more descriptor for the child; `channel_name` is the variable that tells it which one.
  static Result<Child> start(const Command& command, const Lifeline* lifeline, int channel = -1,
                             const std::string& channel_name = "");
  /// A process that another one of ours has forked: that one reaps it, and ended() says how it ended.
  Child(ProcessId id, Descriptor descriptor) : id_(std::move(id)), descriptor_(std::move(descriptor)) {}

  const ProcessId& id() const { return id_; }
  /// Readable when the process has ended.
  int descriptor() const { return descriptor_.get(); }
  /// Reaps the process if it has ended. An end that somebody else reaped counts as exit code 0.
  std::optional<Exit> poll();
  void ended(Exit exit) { exit_ = exit; }
  /// Waits for the end and reaps.
  Exit wait();
  void signal(int number) const;

 private:
  bool reap(int options);
  ProcessId id_;
  Descriptor descriptor_;
  std::optional<Exit> exit_;
};

/// This process's environment with additions: what a child is started with.
std::map<std::string, std::string> merged_environment(
    const std::vector<std::pair<std::string, std::string>>& additions);
/// "<boot id>:<start tick>" of a process that lives, "" otherwise.
std::string birth_of(int pid);
/// This process.
ProcessId this_process();
/// Lives, and is the one that was meant. `hint`, part of the command line, judges processes without a known birth.
bool alive(const ProcessId& process, std::string_view hint);
/// Opens the process that was meant for signalling and waiting, -1 when it is gone: see alive().
Descriptor open_process(const ProcessId& process, std::string_view hint);
/// A process whose parent is `parent`; -1 when it is gone or somebody else's.
Descriptor open_child_of(int parent, int pid);
/// Signals through such a descriptor; false when the process is gone.
bool signal_process(const Descriptor& process, int number);
/// Waits until the process is gone; false on timeout.
bool wait_process(const Descriptor& process, Duration timeout);

}  // namespace camshaft::cluster
