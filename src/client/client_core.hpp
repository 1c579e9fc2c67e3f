// client/client_core.hpp: what a client has asked and still waits for, and which engines there are. Events in, actions
// out: no socket, no clock.
// Thread: one owner. Owns: one entry per outstanding request; looks at an Owner only to see whether others hold it.
// Errors: none; what matches nothing (late, repeated or foreign messages) gives no action.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "client/output.hpp"
#include "client/reply.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace camshaft::client {

enum class Channel : std::uint8_t { mux, task, control, query, broadcast };

std::optional<Channel> channel_of(std::string_view name);
std::string_view to_text(Channel channel);

/// The nth request of a session: its msg_id is the session's prefix and n.
enum class Seq : std::uint64_t {};

/// Whoever gets the answer; travels through the core unseen.
using Owner = std::shared_ptr<void>;

// Events.
struct Submitted {
  Seq seq;
  Channel channel;
  std::string_view msg_type;
  std::string_view engine;  // uuid, with mux and control, and of a part of a broadcast
  Owner owner;
  // A broadcast is one message. Either each engine's part has an owner (part_of names the message, whose transmission
  // is the caller's), or one owner gets the coalesced reply of all `engines`.
  std::optional<Seq> part_of = std::nullopt;
  std::vector<std::string> engines = {};
};
struct ReplyArrived {
  std::string_view parent_id;  // msg_id in the parent header
  Reply reply;
};
struct OutputArrived {
  std::string_view parent_id;
  OutputMessage message;
};
struct EngineJoined {
  EngineNumber number;
  EngineId id;
};
struct EngineLeft {
  EngineId id;
  std::string why{};  // how its process ended; "" when nobody knows
};
struct EnginesKnown {
  std::map<EngineNumber, EngineId> engines;  // all there are: who is not among them has left,
  Duration grace{};                          // unless it comes back within this time
  bool outdated = false;                     // engines came or went meanwhile: nobody's absence means anything
};
/// What became of requests whose answers may have been lost with a connection.
struct FatesKnown {
  std::vector<std::pair<MsgId, std::string>> failed;  // there will be no answer, and one line that says why
  std::vector<MsgId> again;                           // never arrived, or may be repeated: to be sent once more
};
struct ChannelLost {
  Channel channel;
  Seq before;          // requests from this one on may still get through
  std::string reason;  // one line for the user
};
struct Tick {};
struct Closing {
  std::string reason;
};

// Actions.
struct Transmit {
  Owner owner;
  bool operator==(const Transmit&) const = default;
};
/// Send the request once more: it never arrived.
struct Retransmit {
  Owner owner;
  bool operator==(const Retransmit&) const = default;
};
struct Answer {
  Owner owner;
  Reply reply;
  Status status;
  bool outputs_done;
  bool operator==(const Answer&) const = default;
};
struct Show {
  Owner owner;
  OutputMessage message;
  bool operator==(const Show&) const = default;
};
struct OutputsDone {
  Owner owner;
  bool operator==(const OutputsDone&) const = default;
};
struct EnginesChanged {
  bool operator==(const EnginesChanged&) const = default;
};
using Action = std::variant<Transmit, Retransmit, Answer, Show, OutputsDone, EnginesChanged>;
using Actions = std::vector<Action>;

class ClientCore final {
 public:
  /// `id_prefix` starts every msg_id of this client: "<session>_<pid>_".
  explicit ClientCore(std::string id_prefix) : id_prefix_(std::move(id_prefix)) {}
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;

  void handle(Submitted event, TimePoint now, Actions& out);
  void handle(ReplyArrived event, TimePoint now, Actions& out);
  void handle(OutputArrived event, TimePoint now, Actions& out);
  void handle(EngineJoined event, TimePoint now, Actions& out);
  void handle(const EngineLeft& event, TimePoint now, Actions& out);
  void handle(const EnginesKnown& event, TimePoint now, Actions& out);
  void handle(const FatesKnown& event, TimePoint now, Actions& out);
  void handle(const ChannelLost& event, TimePoint now, Actions& out);
  void handle(Tick event, TimePoint now, Actions& out);
  void handle(const Closing& event, TimePoint now, Actions& out);

  const std::map<EngineNumber, EngineId>& engines() const { return engines_; }
  std::size_t outstanding() const { return waiting_; }
  /// The ids of requests on this channel that have no answer yet; of those to one engine, if one is named.
  std::vector<MsgId> unanswered(Channel channel, std::optional<EngineNumber> engine = std::nullopt) const;
  /// Whether this engine is waited for since the controller came back without it.
  bool awaits(const EngineId& engine) const { return away_.contains(engine); }

  /// The number in one of our msg_ids; nullopt for an id that is not ours.
  std::optional<Seq> seq_of(std::string_view msg_id) const;

 private:
  enum class Kind : std::uint8_t {
    call,      // one reply, no output: queries and control
    run,       // apply and execute: a reply and output
    shutdown,  // answered as well by the engine's death
  };
  struct Waiting {};
  struct Answered {                      // the reply is here, output is not
    std::optional<std::size_t> outputs;  // as in ReplyFacts
  };
  struct Complete {};  // kept only for output that comes later still, of threads that the request started
  struct Broadcast {   // what an entry is of it:
    std::string part;  // one engine's part: its key in parts_; or
    std::vector<EngineNumber> engines;  // the whole: whose replies become one
  };
  struct Entry {
    Owner owner;
    Channel channel;
    Kind kind;
    bool listens;                        // stays after completion while its owner is held by others
    std::optional<EngineNumber> engine;  // addressed, or known since its answer
    std::size_t outputs_seen = 0;
    bool idle_seen = false;
    std::optional<TimePoint> give_up;  // when a Tick ends the wait for what is still missing
    std::unique_ptr<Broadcast> of;     // null for most: there may be a million entries
    std::variant<Waiting, Answered, Complete> state;
    bool coalesces() const { return of && !of->engines.empty(); }
    bool concerns(EngineNumber number) const;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;

  std::string msg_id(std::uint64_t seq) const { return id_prefix_ + std::to_string(seq); }
  std::optional<EngineNumber> number_of(std::string_view uuid) const;
  Entries::iterator find(std::string_view parent_id);
  Entries::iterator erase(Entries::iterator entry);
  Entries::iterator complete(Entries::iterator entry);
  Entries::iterator answer_and_drop(Entries::iterator entry, Reply reply, Status status, Actions& out);
  void stranded(EngineNumber number, const std::string& why, TimePoint now, Actions& out);

  const std::string id_prefix_;
  Entries entries_;
  std::unordered_map<std::string, std::uint64_t> parts_;  // "<message>_<uuid>" -> the part's own number
  std::size_t waiting_ = 0;                               // entries in state Waiting
  std::size_t timed_ = 0;                                 // entries with give_up
  std::size_t listening_ = 0;                             // entries in state Complete
  TimePoint last_output_{};
  TimePoint last_sweep_{};
  std::map<EngineNumber, EngineId> engines_;
  std::unordered_map<std::string, EngineNumber> numbers_;  // exactly the inverse of engines_
  struct Away {
    EngineNumber number;
    TimePoint until;
  };
  std::map<EngineId, Away> away_;  // not in engines_: may come back until then
};

}  // namespace camshaft::client
