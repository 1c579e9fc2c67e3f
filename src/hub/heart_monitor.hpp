// hub/heart_monitor.hpp: whose heart beats. Regular pings as in the original, and fast ones while somebody waits.
// Thread: one. Pure: events and the time in, actions out.
// Owns:   the hearts, including those of peers that the registry does not know.
// Errors: none; pongs that answer nothing are ignored.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/time.hpp"
#include "hub/registry.hpp"

namespace camshaft::hub {

/// Time has passed; to be fed at next_deadline() at the latest.
struct Tick {
  bool operator==(const Tick&) const = default;
};
/// An engine sent a ping back.
struct Pong {
  EngineId uuid;
  std::string text;
  bool operator==(const Pong&) const = default;
};
/// A registration is pending: the engine's first pong is awaited.
struct Expect {
  EngineId uuid;
  bool operator==(const Expect&) const = default;
};
/// An engine of an earlier controller counts as beating until it misses its pings.
struct Assume {
  EngineId uuid;
  bool operator==(const Assume&) const = default;
};
struct Forget {
  EngineId uuid;
  bool operator==(const Forget&) const = default;
};
/// The TCP connection that an engine's pongs came through is broken.
struct ConnectionLost {
  EngineId uuid;
  bool operator==(const ConnectionLost&) const = default;
};
using HeartEvent = std::variant<Tick, Pong, Expect, Assume, Forget, ConnectionLost>;

/// To be published to all engines: decimal text, different each time.
struct Ping {
  std::string text;
  bool operator==(const Ping&) const = default;
};
struct HeartStopped {
  EngineId uuid;
  GoneReason reason;  // heart_stopped or connection_lost
  bool operator==(const HeartStopped&) const = default;
};
using HeartAction = std::variant<Ping, HeartBegan, HeartStopped>;

class HeartMonitor {
 public:
  struct Options {
    Duration period = std::chrono::milliseconds(3000);
    int max_misses = 10;                                  // dead at the next one
    Duration fast_first = std::chrono::milliseconds(5);   // fast pings: the first gap,
    Duration fast_last = std::chrono::milliseconds(100);  // and the longest
    Duration expect_for = std::chrono::seconds(30);       // the registration timeout
    Duration confirm = std::chrono::milliseconds(500);    // silence after a broken connection that means death
    // The same for one that had been silent before: a network was cut, and the engine has to find its way back.
    Duration confirm_silent = std::chrono::seconds(5);
  };

  HeartMonitor(Options options, TimePoint now) : options_(options), next_regular_(now + options.period) {}

  std::vector<HeartAction> handle(const HeartEvent& event, TimePoint now);
  TimePoint next_deadline() const;
  std::size_t hearts() const { return hearts_.size(); }
  const Options& options() const { return options_; }

 private:
  struct Suspicion {
    std::uint64_t after;  // only an answer to a later ping clears it
    TimePoint until;
  };
  struct Heart {
    int misses = 0;
    bool answered = true;  // since the last regular ping
    std::optional<Suspicion> suspicion;
  };
  using Actions = std::vector<HeartAction>;

  Actions on(const Tick&, TimePoint now);
  Actions on(const Pong& pong, TimePoint now);
  Actions on(const Expect& expect, TimePoint now);
  Actions on(const Assume& assume, TimePoint now);
  Actions on(const Forget& forget, TimePoint now);
  Actions on(const ConnectionLost& lost, TimePoint now);
  Ping ping() { return {std::to_string(++last_sent_)}; }
  void start_fast(TimePoint now);
  void judge(TimePoint now, Actions& out);

  Options options_;
  std::uint64_t last_sent_ = 0;     // pings are numbered from 1
  std::uint64_t period_start_ = 0;  // the last regular ping,
  std::uint64_t accept_from_ = 0;   // and the one before it: older answers are void
  TimePoint next_regular_;
  std::optional<TimePoint> next_fast_;  // set exactly while someone is expected or suspected
  Duration fast_gap_{};
  std::map<EngineId, Heart> hearts_;
  std::map<EngineId, TimePoint> expected_;  // until when; disjoint from hearts_
  std::size_t suspects_ = 0;                // hearts with a suspicion
};

}  // namespace camshaft::hub
