// sched/requirements.hpp: what a task asks of the scheduler, and how it is read from a request's metadata.
// Thread: plain values; one RequirementsParser belongs to one thread, which it saves an allocation per message.
// Owns: the parser keeps its scratch buffers between messages.
// Errors: bad_json and bad_value, in one line that names the key.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "sched/properties.hpp"

namespace camshaft::sched {

/// Other tasks that must have finished. No ids: always met.
struct Dependency {
  std::vector<MsgId> ids;
  bool all = true;       // every one of `ids`, or any one
  bool success = true;   // a task that ended well counts
  bool failure = false;  // a task that ended otherwise counts
  bool operator==(const Dependency&) const = default;
};

struct Requirements {
  Dependency after;                               // when: once these have finished
  Dependency follow;                              // where: on the engine where these ran
  std::vector<EngineId> targets;                  // only these engines; empty: any
  Duration timeout{};                             // longest wait in the queue; zero: for ever
  std::int32_t retries = 0;                       // how often a failure is hidden and the task sent to another engine
  std::int32_t priority = 0;                      // higher first
  std::vector<Resource> resources{};              // what the task takes of its engine while it is there
  std::vector<Where> where{};                     // conditions on the engine's properties; all must hold
  Duration time_limit{};                          // longest run on an engine; zero: for ever
  Duration kill_after = std::chrono::seconds(5);  // from the interrupt at the time limit to the kill
  std::string label{};                            // of tasks that take about as long: their label, else their function
  bool operator==(const Requirements&) const = default;
};

class RequirementsParser {
 public:
  RequirementsParser();
  ~RequirementsParser();
  RequirementsParser(RequirementsParser&&) noexcept;
  RequirementsParser& operator=(RequirementsParser&&) noexcept;

  /// Reads the metadata frame of a request. Missing keys and nulls mean the defaults; other keys are left alone.
  /// Metadata that mentions none of our keys is not parsed at all, so it is not known to be JSON afterwards.
  Result<Requirements> parse(std::string_view metadata_json);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

/// The same without a parser at hand.
Result<Requirements> parse_requirements(std::string_view metadata_json);

}  // namespace camshaft::sched
