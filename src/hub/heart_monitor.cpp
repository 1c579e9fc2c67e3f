#include "hub/heart_monitor.hpp"

#include <algorithm>
#include <charconv>

namespace camshaft::hub {
namespace {

constexpr std::uint64_t kPingsToConfirm = 3;
constexpr int kSilent = 2;  // misses in a row

/// The number in a pong; 0, which is never sent, for anything else.
std::uint64_t ping_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  return error == std::errc() && end == last ? number : 0;
}

}  // namespace

std::vector<HeartAction> HeartMonitor::handle(const HeartEvent& event, TimePoint now) {
  return std::visit([&](const auto& e) { return on(e, now); }, event);
}

HeartMonitor::Actions HeartMonitor::on(const Tick&, TimePoint now) {
  Actions out;
  for (auto it = expected_.begin(); it != expected_.end();)
    it = it->second <= now ? expected_.erase(it) : std::next(it);
  if (suspects_ > 0) judge(now, out);

  if (now >= next_regular_) {
    for (auto it = hearts_.begin(); it != hearts_.end();) {
      Heart& heart = it->second;
      heart.misses = heart.answered ? 0 : heart.misses + 1;
      heart.answered = false;
      if (heart.misses <= options_.max_misses) {
        ++it;
        continue;
      }
      out.push_back(HeartStopped{it->first, GoneReason::heart_stopped});
      if (heart.suspicion) --suspects_;
      it = hearts_.erase(it);
    }
    accept_from_ = period_start_;
    out.push_back(ping());
    period_start_ = last_sent_;
    // Periods that we slept through are our fault, not the engines': they count as one.
    next_regular_ = std::max(next_regular_ + options_.period, now + options_.period / 2);
  }
  if (expected_.empty() && suspects_ == 0) {
    next_fast_.reset();
  } else if (next_fast_ && now >= *next_fast_) {
    out.push_back(ping());
    fast_gap_ = std::min(2 * fast_gap_, options_.fast_last);
    next_fast_ = now + fast_gap_;
  }
  return out;
}

void HeartMonitor::judge(TimePoint now, Actions& out) {
  for (auto it = hearts_.begin(); it != hearts_.end();) {
    const auto& suspicion = it->second.suspicion;
    // A few pings at least: if we were stopped ourselves, the time alone says nothing.
    if (!suspicion || now < suspicion->until || last_sent_ < suspicion->after + kPingsToConfirm) {
      ++it;
      continue;
    }
    out.push_back(HeartStopped{it->first, GoneReason::connection_lost});
    --suspects_;
    it = hearts_.erase(it);
  }
}

HeartMonitor::Actions HeartMonitor::on(const Pong& pong, TimePoint) {
  const std::uint64_t number = ping_number(pong.text);
  if (number == 0 || number < accept_from_ || number > last_sent_) return {};
  const auto [it, began] = hearts_.try_emplace(pong.uuid);
  Heart& heart = it->second;
  heart.answered = true;
  if (heart.suspicion && number > heart.suspicion->after) {
    heart.suspicion.reset();
    --suspects_;
  }
  if (!began) return {};
  expected_.erase(pong.uuid);
  return {HeartBegan{pong.uuid}};
}

HeartMonitor::Actions HeartMonitor::on(const Expect& expect, TimePoint now) {
  on(Forget{expect.uuid}, now);  // the heart of an earlier life would hide the beginning of this one
  expected_[expect.uuid] = now + options_.expect_for;
  start_fast(now);
  return {};
}

HeartMonitor::Actions HeartMonitor::on(const Assume& assume, TimePoint) {
  expected_.erase(assume.uuid);
  hearts_.try_emplace(assume.uuid);
  return {};
}

HeartMonitor::Actions HeartMonitor::on(const Forget& forget, TimePoint) {
  expected_.erase(forget.uuid);
  if (const auto heart = hearts_.find(forget.uuid); heart != hearts_.end()) {
    if (heart->second.suspicion) --suspects_;
    hearts_.erase(heart);
  }
  return {};
}

HeartMonitor::Actions HeartMonitor::on(const ConnectionLost& lost, TimePoint now) {
  const auto heart = hearts_.find(lost.uuid);
  if (heart == hearts_.end() || heart->second.suspicion) return {};
  const bool silent = heart->second.misses >= kSilent;
  heart->second.suspicion = Suspicion{last_sent_, now + (silent ? options_.confirm_silent : options_.confirm)};
  ++suspects_;
  start_fast(now);
  return {};
}

void HeartMonitor::start_fast(TimePoint now) {
  // Every engine answers every ping, so a larger cluster is asked less often: at most some 20,000 pongs a second.
  const Duration load = std::chrono::microseconds(50) * static_cast<std::int64_t>(hearts_.size() + expected_.size());
  const Duration gap = std::min(std::max(options_.fast_first, load), options_.fast_last);
  if (next_fast_ && fast_gap_ <= gap) return;  // as fast as that already
  fast_gap_ = gap;
  next_fast_ = std::min(next_fast_.value_or(now + gap), now + gap);
}

TimePoint HeartMonitor::next_deadline() const {
  return next_fast_ ? std::min(*next_fast_, next_regular_) : next_regular_;
}

}  // namespace camshaft::hub
