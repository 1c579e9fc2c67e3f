// engine/membership.hpp: how an engine joins a controller, stays, notices that it is gone, and comes back. Pure.
// Thread: none of its own. Time comes with each event; wake_at() says when a Tick is due.
// Owns:   the state of the registration. The shell owns files and sockets and does what the actions say.
// Errors: whatever ends the engine is an Exit action with one line for the user.
#pragma once
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/log.hpp"
#include "core/time.hpp"

namespace camshaft::engine {

struct MembershipOptions {
  EngineId uuid;
  std::optional<EngineNumber> requested;
  Duration reply_timeout = std::chrono::seconds(10);
  Duration file_timeout = Duration::zero();  // 0 = wait for the connection file for ever
  int max_heartbeat_misses = 50;             // 0 = never give up on a controller that was there
};

/// A connection that must stand before heartbeats are answered.
enum class Link : std::uint8_t { registration, mux, task, broadcast, control, iopub, hb_ping, hb_pong, subscription };
inline constexpr std::size_t kLinks = 9;  // `subscription`: the relay's subscription to our iopub has arrived
std::string_view name_of(Link link);

// Events.
struct Tick {};
/// Sockets were made for the connection information that `source` names; they lead to `address`.
struct Configured {
  std::string source, address;
};
/// There is no usable connection information; `why` is one line.
struct Unconfigured {
  std::string why;
};
struct LinkUp {
  Link link;
};
struct LinkDown {
  Link link;
};
struct Accepted {
  EngineNumber number;
  Duration hb_period = std::chrono::milliseconds(3000);
  bool resumes = false;  // the controller asks what became of requests that came before, instead of forgetting them
};
struct Refused {
  std::string ename, evalue;
};
struct Pinged {};
using MemberEvent = std::variant<Tick, Configured, Unconfigured, LinkUp, LinkDown, Accepted, Refused, Pinged>;

// Actions.
/// Read the connection information (again); answer with Configured when it is new, Unconfigured when it is unusable.
struct ReadConnection {
  bool operator==(const ReadConnection&) const = default;
};
struct SendRegistration {
  std::optional<EngineNumber> number;
  bool operator==(const SendRegistration&) const = default;
};
struct ConnectBroadcast {
  EngineNumber number;
  bool operator==(const ConnectBroadcast&) const = default;
};
struct AnswerHeartbeats {
  bool operator==(const AnswerHeartbeats&) const = default;
};
struct CloseLinks {
  bool operator==(const CloseLinks&) const = default;
};
/// The controller knows nothing of requests that came before.
struct ForgetRequests {
  bool operator==(const ForgetRequests&) const = default;
};
struct Say {
  Level level;
  std::string line;
  bool operator==(const Say&) const = default;
};
struct Exit {
  int code;
  std::string line;
  bool operator==(const Exit&) const = default;
};
using MemberAction = std::variant<ReadConnection, SendRegistration, ConnectBroadcast, AnswerHeartbeats, CloseLinks,
                                  ForgetRequests, Say, Exit>;

class Membership final {
 public:
  Membership(MembershipOptions options, TimePoint now);

  std::vector<MemberAction> handle(const MemberEvent& event, TimePoint now);
  /// When the next Tick is due.
  TimePoint wake_at() const { return wake_at_; }
  /// The engine's number; nullopt before the first registration. Kept while the controller is away.
  std::optional<EngineNumber> number() const { return number_; }
  bool is_member() const { return std::holds_alternative<Member>(state_); }

 private:
  using Out = std::vector<MemberAction>;
  struct Waiting {};                   // for connection information
  struct Joining {                     // sockets are made, the request is under way
    std::optional<TimePoint> reached;  // when the registration link came up; the reply is due reply_timeout later
    bool sent_before = false;          // the request went out on an earlier connection: "in use" may mean us
    std::optional<TimePoint> again;    // when to ask again after a refusal that may pass
  };
  struct Member {
    TimePoint since, last_ping;
    bool answering = false;
    std::optional<TimePoint> confirm;  // taken for still registered: ask again then
    int confirmations = 0;
  };
  struct Over {};

  void on(const Tick&, TimePoint now, Out& out);
  void on(const Configured& event, TimePoint now, Out& out);
  void on(const Unconfigured& event, TimePoint now, Out& out);
  void on(const LinkUp& event, TimePoint now, Out& out);
  void on(const LinkDown& event, TimePoint now, Out& out);
  void on(const Accepted& event, TimePoint now, Out& out);
  void on(const Refused& event, TimePoint now, Out& out);
  void on(const Pinged&, TimePoint now, Out& out);

  void tick_waiting(TimePoint now, Out& out);
  void tick_joining(Joining& state, TimePoint now, Out& out);
  void tick_member(Member& state, TimePoint now, Out& out);
  void become_member(TimePoint now, Out& out);
  void answer_if_linked(TimePoint now, Out& out);
  bool gave_up(TimePoint now, Out& out);
  void stop(int code, std::string line, Out& out);
  void say_now_and_then(TimePoint now, std::string line, Out& out);
  std::optional<Duration> patience() const;

  MembershipOptions options_;
  std::variant<Waiting, Joining, Member, Over> state_;
  std::bitset<kLinks> up_;
  std::optional<EngineNumber> number_;
  std::optional<TimePoint> lost_since_;  // set while a controller that was there is away
  Duration hb_period_ = std::chrono::milliseconds(3000);
  std::string source_, address_, why_;
  TimePoint waiting_since_;  // for the first controller, or for the lost one
  TimePoint next_line_;      // when the next "still waiting" line is due
  TimePoint wake_at_;
};

}  // namespace camshaft::engine
