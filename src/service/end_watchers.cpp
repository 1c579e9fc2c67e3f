#include "service/end_watchers.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace camshaft::service {

namespace {
using namespace std::chrono_literals;
constexpr Duration kTogether = 20ms;
// What has ended before the question is looked up no oftener than this: the asker asks again at once.
constexpr Duration kAtOnce = 100ms;
constexpr double kLongest = 60;  // seconds
}  // namespace

Result<EndWatchers::Question> EndWatchers::read(std::string_view content) {
  const auto body = nlohmann::json::parse(content, nullptr, false);
  const Error bad{Errc::bad_value, "a watch_request wants {\"msg_ids\": [ids], \"timeout\": seconds}"};
  if (!body.is_object() || !body.contains("msg_ids") || !body["msg_ids"].is_array()) return bad;
  Question question;
  for (const auto& id : body["msg_ids"]) {
    if (!id.is_string()) return bad;
    question.ids.emplace_back(id.get<std::string>());
  }
  double seconds = kLongest;
  if (const auto found = body.find("timeout"); found != body.end()) {
    if (!found->is_number()) return bad;
    seconds = std::clamp(found->get<double>(), 0.0, kLongest);
  }
  question.timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  return question;
}

void EndWatchers::add(const wire::Message& request, const Question& question, bool at_once, TimePoint now) {
  const std::uint64_t number = ++next_;
  for (const MsgId& id : question.ids) by_task_[id].push_back(number);
  const TimePoint until = now + question.timeout;
  watchers_.emplace(number, Watcher{request, question.ids, at_once ? std::min(until, now + kAtOnce) : until});
}

void EndWatchers::ended(const MsgId& id, TimePoint now) {
  if (watchers_.empty()) return;
  const auto waiting = by_task_.extract(id);
  if (waiting.empty()) return;
  for (const std::uint64_t number : waiting.mapped())
    if (const auto watcher = watchers_.find(number); watcher != watchers_.end())
      watcher->second.due = std::min(watcher->second.due, now + kTogether);
}

std::vector<wire::Message> EndWatchers::due(TimePoint now) {
  std::vector<wire::Message> requests;
  for (auto watcher = watchers_.begin(); watcher != watchers_.end();) {
    if (watcher->second.due > now) {
      ++watcher;
      continue;
    }
    for (const MsgId& id : watcher->second.ids) {
      const auto waiting = by_task_.find(id);
      if (waiting == by_task_.end()) continue;
      std::erase(waiting->second, watcher->first);
      if (waiting->second.empty()) by_task_.erase(waiting);
    }
    requests.push_back(std::move(watcher->second.request));
    watcher = watchers_.erase(watcher);
  }
  return requests;
}

std::optional<TimePoint> EndWatchers::next_deadline() const {
  std::optional<TimePoint> soonest;
  for (const auto& [number, watcher] : watchers_) soonest = std::min(soonest.value_or(watcher.due), watcher.due);
  return soonest;
}

}  // namespace camshaft::service
