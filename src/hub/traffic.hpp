// hub/traffic.hpp: what relays and the task scheduler tell the hub about the messages that pass them.
// Thread: plain values, moved from loop to loop; bytes are shared with the messages, not copied.
// Errors: none.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

/// A request on its way to an engine. header, metadata, content: the JSON text as it was sent.
struct Request {
  MsgId id;
  std::string msg_type;
  SessionId client;    // header.session
  WallTime submitted;  // header.date; when that is no date, the time of arrival
  Blob header, metadata, content;
  std::vector<Blob> buffers;
  bool operator==(const Request&) const = default;
};

/// The same call under a new id: with the sender, the call and the labels of the record, without its dependencies.
Request request_again(TaskRecord record, const MsgId& id, WallTime now);

/// A reply on its way to the client.
struct Reply {
  MsgId id;         // parent_header.msg_id
  EngineId engine;  // mux: who sent it; task: metadata.engine; empty when the scheduler made it
  Status status = Status::ok;
  std::optional<WallTime> started;    // metadata.started
  std::optional<WallTime> completed;  // header.date; nothing: the time of arrival is taken
  Blob header, metadata, content;
  std::vector<Blob> buffers;
  bool operator==(const Reply&) const = default;
};

struct MuxRequest {
  EngineId engine;
  Request request;
};
struct MuxReply {
  Reply reply;
};
struct TaskSubmitted {
  Request request;
};
/// The scheduler has sent the task to an engine; again after a retry.
struct TaskDispatched {
  MsgId id;
  EngineId engine;
};
/// The task's end, from an engine or made by the scheduler (then without engine).
struct TaskReplied {
  Reply reply;
};
/// Output: the hub keeps what belongs to a record and ignores the rest (status, comm, ...).
struct IoPub {
  MsgId parent;  // empty: ignored
  std::string msg_type;
  Blob content;
};

}  // namespace camshaft::hub
