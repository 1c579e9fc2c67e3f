// wire/resume.hpp: what our own peers ask and tell each other after a connection broke: which requests are still there.
// Thread: plain values. Owns: nothing. Errors: bad_json for content that is no such thing; unknown members are ignored.
//
//   resume_request   client -> controller (task) or engine (mux): {"msg_ids": [...]}
//   resume_reply     the answer: lists of ids by what became of them, see Fates
//   resume_query     controller -> engine (task): {"round": n, "resend": bool, "msg_ids": [...]}
//   resume_answer    its answer: {"round": n, ...} and the lists
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/result.hpp"

namespace camshaft::wire {

inline constexpr std::string_view kResumeRequest = "resume_request";
inline constexpr std::string_view kResumeReply = "resume_reply";
inline constexpr std::string_view kResumeQuery = "resume_query";
inline constexpr std::string_view kResumeAnswer = "resume_answer";
/// In connection_reply and registration_reply: the controller understands these messages.
inline constexpr std::string_view kResumeKey = "resume";

struct ResumeAsk {
  std::uint64_t round = 0;  // comes back in the answer
  bool resend = true;       // replies that are still at hand are to be sent again
  std::vector<MsgId> ids;
  bool operator==(const ResumeAsk&) const = default;
};

/// What became of each id that was asked for; no id stands in two lists, and each in one.
struct Fates {
  std::uint64_t round = 0;
  std::vector<MsgId> held;      // waits or runs: its reply will come
  std::vector<MsgId> done;      // has ended, and its reply is at hand (and on its way, if that was asked for)
  std::vector<MsgId> lost;      // has run, but its reply is not to be had any more
  std::vector<MsgId> unknown;   // never seen: it can be sent again
  std::vector<MsgId> doubtful;  // may have run on an engine that did not come back
  bool operator==(const Fates&) const = default;
};

std::string render(const ResumeAsk& ask);
std::string render(const Fates& fates);
Result<ResumeAsk> parse_resume_ask(std::string_view content);
Result<Fates> parse_fates(std::string_view content);

}  // namespace camshaft::wire
