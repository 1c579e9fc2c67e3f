#include "cluster/batch/watch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace camshaft::cluster::batch {
namespace {
constexpr Duration kHurry = std::chrono::milliseconds(250);
}

void Watch::submitted(const std::string& id, TimePoint now) {
  jobs_[id].since = now;
  wait_ = limits_.first;
  next_ = now + wait_;
}

std::string Watch::answered(const std::map<std::string, Tally>& states, TimePoint now) {
  const Tally before = tally();
  for (auto& [id, job] : jobs_) {
    if (job.gone) continue;
    const auto found = states.find(id);
    if (found != states.end()) {
      job.seen = true;
      job.tally = found->second;
      job.gone = job.tally.over();
    } else if (job.seen || now - job.since >= limits_.appear) {
      // Systems forget jobs that have ended, and show new ones a moment late.
      job.gone = true;
      job.tally.done += job.tally.running + job.tally.queued + job.tally.held;
      job.tally.running = job.tally.queued = job.tally.held = 0;
    }
  }
  const bool changed = tally() != before;
  wait_ = hurried_ ? kHurry : changed ? limits_.first : std::min(limits_.longest, wait_ * 3 / 2);
  next_ = now + wait_;
  told_.clear();
  return changed ? describe(tally()) : "";
}

std::string Watch::unanswered(const std::string& why, TimePoint now) {
  wait_ = hurried_ ? kHurry : std::min(limits_.longest, wait_ * 3 / 2);
  next_ = now + wait_;
  if (why == told_) return "";
  told_ = why;
  return why;
}

void Watch::hurry(TimePoint now) {
  hurried_ = true;
  wait_ = kHurry;
  next_ = now;
}

std::vector<std::string> Watch::ids() const {
  std::vector<std::string> out;
  for (const auto& [id, job] : jobs_) out.push_back(id);
  return out;
}

std::vector<std::string> Watch::living() const {
  std::vector<std::string> out;
  for (const auto& [id, job] : jobs_) {
    if (!job.gone) out.push_back(id);
  }
  return out;
}

Tally Watch::tally() const {
  Tally all;
  for (const auto& [id, job] : jobs_) {
    all.queued += job.tally.queued;
    all.held += job.tally.held;
    all.running += job.tally.running;
    all.done += job.tally.done;
    all.failed += job.tally.failed;
    if (!job.tally.word.empty()) all.word = job.tally.word;
  }
  return all;
}

}  // namespace camshaft::cluster::batch
