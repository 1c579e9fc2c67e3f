// wire/message.hpp: frames <-> messages. Split, verify, parse: in that order (see decode).
// Thread: plain values. Owns: messages share the received bytes, nothing is copied to look.
// Errors: Result with Errc::truncated, bad_signature or bad_json; never an exception for what a peer sent.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "wire/signer.hpp"

namespace camshaft::wire {

inline constexpr std::string_view kDelimiter = "<IDS|MSG>";
inline constexpr std::string_view kProtocolVersion = "5.3";

/// The shape of a message, before anything in it is believed: raw bytes, nothing parsed.
struct Parts {
  std::vector<Blob> identities;  // routing frames, or the topic on iopub
  Blob signature;
  Blob header, parent, metadata, content;  // JSON text
  std::vector<Blob> buffers;

  std::array<std::string_view, 4> signed_bytes() const {
    return {header.view(), parent.view(), metadata.view(), content.view()};
  }
  bool operator==(const Parts&) const = default;
};

/// The fields of a header that routing needs. Missing text fields are empty.
struct Header {
  MsgId msg_id;
  std::string msg_type;
  SessionId session;
  std::string username;
  std::string date;
  std::string version;
  bool operator==(const Header&) const = default;
};

/// A verified message: its parts, and its header as values.
struct Message {
  Parts parts;
  Header header;
};

/// Finds the delimiter and names the frames; looks at nothing else.
Result<Parts> split(Frames frames);
/// The inverse of split: the same frames in the same order.
Frames join(const Parts& parts);
/// Reads a header; a header without msg_id or msg_type is Errc::bad_json.
Result<Header> parse_header(std::string_view json);
/// header.msg_id of a parent dictionary; nullopt when there is none.
std::optional<MsgId> parent_id(std::string_view parent_json);

/// What the metadata of a reply says of the task's end. Without a status the task counts as failed.
struct ReplyStatus {
  std::string status = "error";  // "ok", "error" or "aborted"
  bool dependencies_met = true;
  bool recalled = false;         // it was handed back before it started
  std::string started;           // a date, "" when there is none
  std::optional<Duration> took;  // how long it ran, if the engine says so
  std::string engine;            // the uuid of who replied, "" when it does not say
  bool batches = false;          // whoever replied reads batches
  bool lacks = false;            // it was handed back because it came without its function (wire/bodies.hpp)
  bool operator==(const ReplyStatus&) const = default;
};
Result<ReplyStatus> parse_reply_status(std::string_view metadata_json);

/// split, verify, parse_header.
Result<Message> decode(Frames frames, const Signer& signer);

/// Writes the header of a message that this process originates.
std::string make_header(const MsgId& id, std::string_view type, const SessionId& session, std::string_view username,
                        WallTime date);

/// What encode needs; dictionaries are JSON text and default to {}.
struct Outgoing {
  std::vector<Blob> identities;
  Blob header;
  Blob parent = Blob::of_static("{}");
  Blob metadata = Blob::of_static("{}");
  Blob content = Blob::of_static("{}");
  std::vector<Blob> buffers;
};

/// Signs and lays out frames, ready to send.
Frames encode(Outgoing message, const Signer& signer);

/// Makes the msg_ids of one session: "<session>_<pid>_<n>".
class MsgIdSource {
 public:
  MsgIdSource(const SessionId& session, int pid);
  MsgId next();

 private:
  std::string prefix_;
  std::uint64_t next_ = 0;
};

/// A session id or HMAC key of the usual shape, 8 hex digits, a dash, 24 hex digits, from 16 random bytes.
std::string hex_id(const std::array<std::uint8_t, 16>& random);

}  // namespace camshaft::wire
