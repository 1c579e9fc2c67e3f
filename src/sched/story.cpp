// What the scheduler knows of a task, in words: story() for us, why() for users.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sched/scheduler.hpp"
#include "sched/sorted.hpp"

namespace camshaft::sched {
namespace {

std::string counted(std::size_t n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

}  // namespace

std::string Scheduler::name_of(const Engine& engine) const {
  if (!engine.number) return fmt::format("Engine {}", engine.id.value);
  return fmt::format("Engine {} ({})", to_int(*engine.number), engine.id.value);
}

std::string Scheduler::describe(const Task& task) const {
  std::string text = fmt::format("task '{}' (submission {}, {} dispatches, {} deaths, {} retries left",
                                 id_of(task).value, task.arrival, task.dispatches, task.deaths, task.retries_left);
  const auto names = [&](const std::vector<Serial>& serials) {
    std::vector<std::string> out;
    for (Serial serial : serials) {
      const auto slot = live_slot(serial);
      out.push_back(slot ? engines_[*slot].id.value : fmt::format("gone engine #{}", serial));
    }
    return fmt::format("{}", fmt::join(out, ", "));
  };
  text += fmt::format(", after {}+{} of {}", task.after.good, task.after.bad, task.after.total);
  if (task.conditions) {
    const Conditions& c = *task.conditions;
    text += fmt::format(", follow {}+{} of {}, ran not on [{}]", c.follow.good, c.follow.bad, c.follow.total,
                        names(c.blacklist));
    if (c.demand) text += fmt::format(", needs {}", to_text(*c.demand));
  }
  text += ") ";
  if (const auto* here = std::get_if<Running>(&task.state)) {
    text += fmt::format("runs on {}", name_of(engines_[here->engine]));
  } else if (const auto* waiting = std::get_if<Waiting>(&task.state)) {
    const LaneKey* key = waiting->lane->key;
    text += key && key->restricted ? fmt::format("waits for one of [{}]", names(key->engines)) : "waits for any engine";
  } else {
    text += "waits for its dependencies";
  }
  return text;
}

std::string Scheduler::story(const MsgId& id) const {
  const Known known = table_.find(table_.fingerprint(id.value));
  switch (known.kind) {
    case Known::nothing:
      return {};
    case Known::live:
      return describe(tasks_[known.where]);
    case Known::succeeded:
      return fmt::format("task '{}' has succeeded", id.value);
    case Known::failed:
      return fmt::format("task '{}' has failed", id.value);
  }
  return {};
}

std::string Scheduler::why(const MsgId& id, std::optional<TimePoint> now) const {
  const Known known = table_.find(table_.fingerprint(id.value));
  if (known.kind != Known::live) {
    return known.kind == Known::nothing ? "" : known.kind == Known::succeeded ? "finished" : "finished with an error";
  }
  const Task& task = tasks_[known.where];
  if (const auto* waiting = std::get_if<Waiting>(&task.state)) return why_waiting(task, *waiting);
  if (const auto* here = std::get_if<Running>(&task.state)) {
    const Engine& engine = engines_[here->engine];
    std::string text;
    if (here->older != kNoSlot) {
      std::size_t ahead = 0;
      for (Slot slot = here->older; slot != kNoSlot; slot = running(slot)->older) ++ahead;
      text = fmt::format("sent to {}, behind {}", name_of(engine), counted(ahead, "task"));
    } else {
      text = fmt::format("running on {}", name_of(engine));
      if (now) text += fmt::format(" since {:.1f} s", std::chrono::duration<double>(*now - engine.busy_since).count());
    }
    if (engine.dies_at) text += ", which does not answer any more";
    if (here->stop == Stop::interrupted) text += ", and was told to stop";
    if (here->stop == Stop::killed) text += ", which is being killed";
    return text;
  }
  std::string text;
  for (const Progress* p : {&task.after, &task.follow()}) {
    if (p->met()) continue;
    const std::size_t left = p->total - p->good - p->bad;
    text += fmt::format("{}waiting for {}{} in '{}' to {}", text.empty() ? "" : " and ", p->all ? "" : "one of ",
                        counted(left, "task"), p == &task.after ? "after" : "follow",
                        p->success && p->failure ? "end"
                        : p->success             ? "succeed"
                                                 : "fail");
  }
  return text;
}

/// All that a waiting task lacks is an engine.
std::string Scheduler::why_waiting(const Task& task, const Waiting& waiting) const {
  const Lane& lane = *waiting.lane;
  const bool restricted = lane.key && lane.key->restricted;
  std::size_t present = 0, allowed = 0, fitting = 0;
  std::vector<std::string> names;
  for (Slot slot = 0; slot < engines_.size(); ++slot) {
    if (!index_.contains(slot)) continue;
    ++present;
    if (lane.key && has_sorted(lane.key->engines, engines_[slot].serial) != restricted) continue;
    ++allowed;
    if (lane.demand && !Demands::fits(*lane.demand, slot)) continue;
    ++fitting;
    if (names.size() < 3) names.push_back(name_of(engines_[slot]));
  }
  if (present == 0) return "waiting for an engine: there is none";
  if (allowed == 0) {
    return restricted ? "waiting for an engine: none that it may run on is there"
                      : fmt::format("waiting for another engine: {} refused or failed it",
                                    present == 1 ? "the only one has" : fmt::format("all {} have", present));
  }
  if (fitting == 0) {
    return fmt::format("waiting for an engine that has {}: none of {} does", to_text(*lane.demand),
                       counted(allowed, restricted ? "allowed engine" : "engine"));
  }
  std::size_t ahead = 0;
  const Entry self{task.turn, task.arrival, 0};
  tasks_.each([&](Slot, const Task& other) {
    if (std::holds_alternative<Waiting>(other.state) && Entry{other.turn, other.arrival, 0} < self) ++ahead;
  });
  std::string text;
  if (lane.demand) {
    text = fmt::format("waiting for {} that {} {}", counted(fitting, "engine"), fitting == 1 ? "has" : "have",
                       to_text(*lane.demand));
  } else if (restricted) {
    text = fmt::format("waiting for {}", fmt::join(names, ", "));
    if (fitting > names.size()) text += fmt::format(" and {} more", fitting - names.size());
  } else {
    text = fmt::format("waiting for {}", counted(fitting, "busy engine"));
  }
  return text + (ahead > 0 ? fmt::format(", queued behind {}", counted(ahead, "task")) : "");
}

}  // namespace camshaft::sched
