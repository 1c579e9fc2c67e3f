// cluster/process/captured.hpp: a command that runs briefly, and what it prints: qsub, squeue, scancel.
// Thread: any, one at a time per object. Owns: its output; the process is killed when it runs out of time.
// Errors: those of Child::start; Errc::timed_out.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/process/child.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace camshaft::cluster {

struct ShortCommand {
  std::vector<std::string> argv;
  std::filesystem::path input;                                   // read as stdin; empty = nothing
  std::vector<std::pair<std::string, std::string>> environment;  // in addition to ours
};

class Captured final {
 public:
  static Result<Captured> start(const ShortCommand& command);

  /// Readable when it has ended.
  int descriptor() const { return child_.descriptor(); }
  std::optional<Exit> poll() { return child_.poll(); }
  void kill() const;
  /// stdout and stderr together, at most a megabyte.
  std::string output() const;

 private:
  Captured(Child child, Descriptor output) : child_(std::move(child)), output_(std::move(output)) {}
  Child child_;
  Descriptor output_;
};

/// What came of a command.
struct Ran {
  Exit exit;
  std::string output;
};
/// Waits for its end.
Result<Ran> run(const ShortCommand& command, Duration timeout);

}  // namespace camshaft::cluster
