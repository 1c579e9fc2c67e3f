// cluster/batch/answers.hpp: reads what a batch system's commands print: job ids and states.
// Thread: pure functions. Owns: nothing.
// Errors: Errc::bad_value with one line that holds what was printed.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/batch/dialect.hpp"

namespace camshaft::cluster::batch {

/// How many engines or elements of one job, or of several, are in which state.
struct Tally {
  int queued = 0, held = 0, running = 0, done = 0, failed = 0;
  std::string word;  // the last state that is a reason for something: "FAILED", "Eqw"
  bool operator==(const Tally&) const = default;
  bool over() const { return queued + held + running == 0; }
};
/// "2 running, 1 waiting"; "none" when there is nothing.
std::string describe(const Tally& tally);

/// The id in what the submit command printed.
Result<std::string> job_id(const Dialect& dialect, std::string_view printed);

/// It said that jobs are not there any more.
bool says_unknown(const Dialect& dialect, std::string_view printed);

/// What the status command printed about `ids`. Jobs that are not mentioned are not in the answer.
/// Errors: the command failed, and not because jobs are unknown.
Result<std::map<std::string, Tally>> job_states(const Dialect& dialect, const std::vector<std::string>& ids,
                                                std::string_view printed, int exit_code);

}  // namespace camshaft::cluster::batch
