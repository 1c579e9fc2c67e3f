#include "sched/direct_reconciler.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace camshaft::sched {

namespace {

// In an order that does not depend on the hash.
std::vector<MsgId> sorted(const std::unordered_set<MsgId>& ids) {
  std::vector<MsgId> list(ids.begin(), ids.end());
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace

void DirectReconciler::ask(const EngineId& engine, Left& left, Out& out) {
  left.asked = true;
  out.push_back(AskDirect{engine, sorted(left.ids)});
}

void DirectReconciler::watch(const EngineId& engine, const std::vector<MsgId>& ids, TimePoint now, Out& out) {
  if (ids.empty()) return;
  Left& left = left_[engine];
  left.ids.insert(ids.begin(), ids.end());
  left.until = now + patience_;
  if (const auto here = here_.find(engine); here != here_.end()) engine_back(engine, here->second, out);
}

void DirectReconciler::engine_back(const EngineId& engine, bool answers, Out& out) {
  here_.insert_or_assign(engine, answers);
  const auto left = left_.find(engine);
  if (left == left_.end()) return;
  if (answers) return ask(engine, left->second, out);
  out.push_back(DirectHeld{engine, sorted(left->second.ids)});
  left_.erase(left);
}

void DirectReconciler::engine_gone(const EngineId& engine) {
  here_.erase(engine);
  if (const auto left = left_.find(engine); left != left_.end()) left->second.asked = false;
}

void DirectReconciler::answered(const EngineId& engine, const Told& told, TimePoint now, Out& out) {
  const auto found = left_.find(engine);
  if (found == left_.end() || !found->second.asked) return;
  Left& left = found->second;
  left.asked = false;
  DirectHeld held{engine, {}};
  for (const auto* ids : {&told.held, &told.done})
    std::copy_if(ids->begin(), ids->end(), std::back_inserter(held.ids),
                 [&](const MsgId& id) { return left.ids.erase(id) > 0; });
  if (!held.ids.empty()) out.push_back(std::move(held));
  if (now >= left.until) {
    DirectEnded lost{DirectEnded::Why::lost, engine, {}};
    std::copy_if(told.lost.begin(), told.lost.end(), std::back_inserter(lost.ids),
                 [&](const MsgId& id) { return left.ids.erase(id) > 0; });
    if (!lost.ids.empty()) out.push_back(std::move(lost));
    if (!left.ids.empty())
      out.push_back(DirectEnded{DirectEnded::Why::never_arrived, engine, sorted(std::exchange(left.ids, {}))});
  }
  if (left.ids.empty()) left_.erase(found);
}

void DirectReconciler::ask_again(Out& out) const {
  for (const auto& [engine, left] : left_)
    if (left.asked) out.push_back(AskDirect{engine, sorted(left.ids)});
}

bool DirectReconciler::asking() const {
  return std::any_of(left_.begin(), left_.end(), [](const auto& each) { return each.second.asked; });
}

void DirectReconciler::tick(TimePoint now, Out& out) {
  for (auto it = left_.begin(); it != left_.end();) {
    auto& [engine, left] = *it;
    if (left.asked || left.until > now) {
      ++it;
    } else if (here_.contains(engine)) {
      ask(engine, left, out);  // for the last time: the answer settles everything
      ++it;
    } else {
      out.push_back(DirectEnded{DirectEnded::Why::engine_missing, engine, sorted(left.ids)});
      it = left_.erase(it);
    }
  }
}

std::optional<TimePoint> DirectReconciler::next_deadline() const {
  std::optional<TimePoint> soonest;
  for (const auto& [engine, left] : left_)
    if (!left.asked) soonest = std::min(soonest.value_or(left.until), left.until);
  return soonest;
}

}  // namespace camshaft::sched
