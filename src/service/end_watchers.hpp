// service/end_watchers.hpp: clients that wait for the end of tasks which are not theirs: their questions are answered
// when one of the tasks ends, or when their time is over. Thread: that of the hub's loop; time comes with each call.
// Owns:   the questions until they are answered. Errors: content() says what is wrong with a question.
#pragma once
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "wire/message.hpp"

namespace camshaft::service {

class EndWatchers final {
 public:
  struct Question {
    std::vector<MsgId> ids;
    Duration timeout;
  };
  /// Content of a watch_request: {"msg_ids": [...], "timeout": seconds}.
  static Result<Question> read(std::string_view content);

  /// `at_once`: one of the tasks is not pending any more, so there may be news already.
  void add(const wire::Message& request, const Question& question, bool at_once, TimePoint now);
  /// A task has ended. Those that end within a moment are told of together.
  void ended(const MsgId& id, TimePoint now);
  /// The requests to be answered now.
  std::vector<wire::Message> due(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Watcher {
    wire::Message request;
    std::vector<MsgId> ids;
    TimePoint due;
  };
  std::unordered_map<std::uint64_t, Watcher> watchers_;
  std::unordered_map<MsgId, std::vector<std::uint64_t>> by_task_;  // entries of watchers that are gone are void
  std::uint64_t next_ = 0;
};

}  // namespace camshaft::service
