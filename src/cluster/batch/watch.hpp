// cluster/batch/watch.hpp: what becomes of submitted jobs: when to ask, what to tell, when they are over.
// Thread: one. Owns: what is known of the jobs. No clock: time is an argument.
// Errors: none; a question without an answer is asked again, and told once.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/batch/answers.hpp"
#include "core/time.hpp"

namespace camshaft::cluster::batch {

struct WatchLimits {
  Duration first = std::chrono::seconds(1);     // until the first question
  Duration longest = std::chrono::seconds(10);  // between two questions, when nothing changes
  Duration appear = std::chrono::seconds(15);   // until a job that is never seen counts as gone
};

class Watch {
 public:
  explicit Watch(WatchLimits limits = {}) : limits_(limits) {}

  void submitted(const std::string& id, TimePoint now);
  /// The answer of the status command; returns a line for the log when something changed, else "".
  std::string answered(const std::map<std::string, Tally>& states, TimePoint now);
  /// The status command failed: a line to tell, "" when the same was told before.
  std::string unanswered(const std::string& why, TimePoint now);
  /// From now on jobs are expected to end: ask often.
  void hurry(TimePoint now);

  TimePoint next_question() const { return next_; }
  std::vector<std::string> ids() const;
  /// Those that may still run.
  std::vector<std::string> living() const;
  bool over() const { return !jobs_.empty() && living().empty(); }
  /// Of all jobs together; what is gone counts as ended.
  Tally tally() const;

 private:
  struct Job {
    TimePoint since;
    bool seen = false, gone = false;
    Tally tally;
  };
  WatchLimits limits_;
  std::map<std::string, Job> jobs_;
  Duration wait_{};
  TimePoint next_{};
  bool hurried_ = false;
  std::string told_;
};

}  // namespace camshaft::cluster::batch
