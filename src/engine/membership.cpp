#include "engine/membership.hpp"

#include <fmt/format.h>

#include <utility>

namespace camshaft::engine {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kPollFile = milliseconds(20);
constexpr Duration kRereadWhileJoining = milliseconds(500);
constexpr Duration kFirstLine = seconds(3);
constexpr Duration kNextLine = seconds(30);
// Heartbeats are answered without a link that is still down after this long: better half connected than unregistered.
constexpr Duration kLinkPatience = seconds(2);
constexpr Duration kSubscriptionPatience = milliseconds(300);
// When a hub says that our own uuid is in use, it has not noticed that we were away. Whether it forgets us after all is
// asked again, for longer than the original takes to notice (11 heartbeats of 3 s).
constexpr Duration kConfirmEvery = seconds(3);
constexpr int kConfirmations = 15;
// The original's margin on top of each heartbeat period (engine/app.py).
constexpr Duration kHeartbeatMargin = milliseconds(500);

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::string_view name_of(Link link) {
  constexpr std::string_view names[kLinks] = {"registration", "mux",     "task",    "broadcast",   "control",
                                              "iopub",        "hb_ping", "hb_pong", "subscription"};
  return names[static_cast<std::size_t>(link)];
}

Membership::Membership(MembershipOptions options, TimePoint now)
    : options_(std::move(options)), waiting_since_(now), next_line_(now + kFirstLine), wake_at_(now) {}

std::vector<MemberAction> Membership::handle(const MemberEvent& event, TimePoint now) {
  Out out;
  if (std::holds_alternative<Over>(state_)) return out;
  std::visit([&](const auto& e) { on(e, now, out); }, event);
  return out;
}

void Membership::on(const Tick&, TimePoint now, Out& out) {
  if (std::holds_alternative<Waiting>(state_)) return tick_waiting(now, out);
  if (auto* joining = std::get_if<Joining>(&state_)) return tick_joining(*joining, now, out);
  if (auto* member = std::get_if<Member>(&state_)) return tick_member(*member, now, out);
}

void Membership::tick_waiting(TimePoint now, Out& out) {
  wake_at_ = now + kPollFile;
  if (gave_up(now, out)) return;
  out.emplace_back(ReadConnection{});
}

void Membership::tick_joining(Joining& state, TimePoint now, Out& out) {
  wake_at_ = now + milliseconds(100);
  if (gave_up(now, out)) return;
  if (state.again && now >= *state.again) {
    state.again.reset();
    state.sent_before = true;
    out.emplace_back(SendRegistration{lost_since_ ? number_ : options_.requested});
  }
  if (!state.reached) {
    wake_at_ = now + kRereadWhileJoining;
    say_now_and_then(now, fmt::format("no controller answers at {} (from {}): waiting for it", address_, source_), out);
    out.emplace_back(ReadConnection{});
  } else if (now - *state.reached >= options_.reply_timeout) {
    stop(255,
         fmt::format(
             "the controller at {} did not answer the registration within {:g} s: most likely the key in {} is "
             "not this controller's key. Start the engine with the controller's current ipcontroller-engine.json "
             "(a slow controller: --timeout=SECONDS)",
             address_, in_seconds(options_.reply_timeout), source_),
         out);
  }
}

void Membership::tick_member(Member& state, TimePoint now, Out& out) {
  wake_at_ = now + (state.answering ? milliseconds(500) : milliseconds(20));
  if (!state.answering) answer_if_linked(now, out);
  if (state.confirm && now >= *state.confirm) {
    state.confirm.reset();
    if (++state.confirmations < kConfirmations) {
      state.confirm = now + kConfirmEvery;
      out.emplace_back(SendRegistration{number_});
    }
  }
  if (const auto limit = patience(); limit && now - state.last_ping > *limit)
    stop(1, fmt::format("no heartbeat from the controller at {} for {:g} s: stopping", address_, in_seconds(*limit)),
         out);
}

void Membership::on(const Configured& event, TimePoint now, Out& out) {
  source_ = event.source;
  address_ = event.address;
  why_.clear();
  up_.reset();
  state_ = Joining{};
  wake_at_ = now + milliseconds(100);
  out.emplace_back(SendRegistration{number_ ? number_ : options_.requested});
}

void Membership::on(const Unconfigured& event, TimePoint now, Out& out) {
  if (!std::holds_alternative<Waiting>(state_)) return;
  why_ = event.why;
  if (options_.file_timeout > Duration::zero() && !lost_since_ && now - waiting_since_ >= options_.file_timeout)
    return stop(1, fmt::format("{} (waited {:g} s)", why_, in_seconds(options_.file_timeout)), out);
  say_now_and_then(now, fmt::format("{}: waiting for it", why_), out);
}

void Membership::on(const LinkUp& event, TimePoint now, Out& out) {
  up_.set(static_cast<std::size_t>(event.link));
  if (auto* joining = std::get_if<Joining>(&state_); joining && event.link == Link::registration) {
    joining->reached = now;
    // What was sent on a connection that broke may have been lost with it.
    if (joining->sent_before) joining->again = now;
  }
  if (std::holds_alternative<Member>(state_)) answer_if_linked(now, out);
}

void Membership::on(const LinkDown& event, TimePoint now, Out& out) {
  up_.reset(static_cast<std::size_t>(event.link));
  if (event.link != Link::registration) return;
  if (auto* joining = std::get_if<Joining>(&state_)) {
    if (joining->reached) joining->sent_before = true;
    joining->reached.reset();
  } else if (std::holds_alternative<Member>(state_)) {
    out.emplace_back(
        Say{Level::warning, fmt::format("lost the controller at {}: waiting for it to come back{}", address_,
                                        patience() ? fmt::format(" (at most {:g} s)", in_seconds(*patience())) : "")});
    out.emplace_back(CloseLinks{});
    lost_since_ = now;
    waiting_since_ = now;
    next_line_ = now + kNextLine;
    up_.reset();
    state_ = Waiting{};
    wake_at_ = now;
  }
}

void Membership::on(const Accepted& event, TimePoint now, Out& out) {
  hb_period_ = event.hb_period;
  const bool returning = number_.has_value();
  if (!returning && options_.requested && *options_.requested != event.number)
    out.emplace_back(Say{Level::warning, fmt::format("id {} was taken: this engine is {}", to_int(*options_.requested),
                                                     to_int(event.number))});
  number_ = event.number;
  if (returning && !event.resumes) out.emplace_back(ForgetRequests{});
  out.emplace_back(Say{Level::info, fmt::format("Completed registration with id {}", to_int(event.number))});
  become_member(now, out);
}

void Membership::on(const Refused& event, TimePoint now, Out& out) {
  const bool in_use = event.evalue.find("in use") != std::string::npos;
  if (std::holds_alternative<Member>(state_)) return;  // the answer to a confirmation: still registered
  auto* joining = std::get_if<Joining>(&state_);
  if (joining == nullptr) return;
  if (in_use && number_) {
    // The hub has not noticed that we were away: we still are what we were. It may yet, so keep asking.
    out.emplace_back(Say{Level::info, fmt::format("back with id {}", to_int(*number_))});
    become_member(now, out);
    auto& member = std::get<Member>(state_);
    member.confirm = now + kConfirmEvery;
    return;
  }
  if (in_use && joining->sent_before) {  // our own earlier request, whose reply was lost
    joining->again = now + seconds(1);
    return;
  }
  stop(255, fmt::format("the controller refused the registration: {}: {}", event.ename, event.evalue), out);
}

void Membership::on(const Pinged&, TimePoint now, Out&) {
  if (auto* member = std::get_if<Member>(&state_)) member->last_ping = now;
}

void Membership::become_member(TimePoint now, Out& out) {
  const bool was_member = std::holds_alternative<Member>(state_);
  const bool answering = was_member && std::get<Member>(state_).answering;
  lost_since_.reset();
  state_ = Member{now, now, answering, std::nullopt, 0};
  wake_at_ = now + milliseconds(20);
  if (!was_member) out.emplace_back(ConnectBroadcast{*number_});
  answer_if_linked(now, out);
}

void Membership::answer_if_linked(TimePoint now, Out& out) {
  auto& member = std::get<Member>(state_);
  if (member.answering) return;
  if (!up_.all()) {
    const Duration waited = now - member.since;
    auto missing = ~up_;
    if (waited < kSubscriptionPatience) return;
    missing.reset(static_cast<std::size_t>(Link::subscription));
    if (missing.any() && waited < kLinkPatience) return;
    std::string names;
    for (std::size_t i = 0; i < kLinks; ++i)
      if (missing.test(i)) names += fmt::format("{}{}", names.empty() ? "" : ", ", name_of(static_cast<Link>(i)));
    if (!names.empty())
      out.emplace_back(
          Say{Level::warning, fmt::format("the controller at {} does not take connections for: {}", address_, names)});
  }
  member.answering = true;
  out.emplace_back(AnswerHeartbeats{});
}

std::optional<Duration> Membership::patience() const {
  if (options_.max_heartbeat_misses <= 0) return std::nullopt;
  return options_.max_heartbeat_misses * (hb_period_ + kHeartbeatMargin);
}

bool Membership::gave_up(TimePoint now, Out& out) {
  const auto limit = patience();
  if (!lost_since_ || !limit || now - *lost_since_ < *limit) return false;
  stop(1, fmt::format("the controller did not come back within {:g} s: stopping", in_seconds(*limit)), out);
  return true;
}

void Membership::stop(int code, std::string line, Out& out) {
  state_ = Over{};
  wake_at_ = TimePoint::max();
  out.emplace_back(Exit{code, std::move(line)});
}

void Membership::say_now_and_then(TimePoint now, std::string line, Out& out) {
  if (now < next_line_) return;
  next_line_ = now + kNextLine;
  out.emplace_back(Say{Level::warning, std::move(line)});
}

}  // namespace camshaft::engine
