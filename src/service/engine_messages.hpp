// service/engine_messages.hpp: the texts of an engine's messages: reply metadata, topics, status and error contents.
// Thread: pure functions; MetadataReader belongs to one thread. Errors: none; what cannot be read counts as absent.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "engine/request_queue.hpp"

namespace camshaft::service {

/// What an engine needs of a request's metadata; what the reply repeats, as JSON text.
struct EchoedMetadata {
  std::string is_broadcast = "false";
  std::string is_coalescing = "false";
  std::string original_msg_id = "\"\"";
  std::string label = "null";
  std::string codec;          // plain text; "" = the official layout
  std::int64_t priority = 0;  // what a task asks for; not repeated
  bool operator==(const EchoedMetadata&) const = default;
};

/// Reads request metadata. It keeps a JSON parser, so that reading allocates little.
class MetadataReader final {
 public:
  MetadataReader();
  ~MetadataReader();
  MetadataReader(const MetadataReader&) = delete;
  MetadataReader& operator=(const MetadataReader&) = delete;
  EchoedMetadata read(std::string_view json);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What side effects of a request need of it. Outlives the request: threads of user code may write later.
struct EngineParent {
  MsgId id;
  Blob header;                // complete, as received: the parent header of all that follows
  bool counted = false;       // the reply says how many outputs there were, instead of busy and idle
  std::uint64_t outputs = 0;  // published so far; only the io thread touches it
};
using ParentPtr = std::shared_ptr<EngineParent>;

/// One request, from its arrival to its answer.
struct EngineTask {
  engine::Ticket ticket{};
  engine::Kind kind = engine::Kind::apply;
  std::string msg_type;
  bool on_control = false;       // came by the control channel and is answered there
  std::vector<Blob> identities;  // echoed as they came
  Blob content;
  std::vector<Blob> buffers;
  EchoedMetadata metadata;
  ParentPtr parent;
  std::uint64_t mark = 0;  // of its signature, for the guard against replays
  WallTime started{};
  WallTime ended{};
};
using TaskPtr = std::shared_ptr<EngineTask>;

/// The answer to a task.
struct EngineReply {
  std::string status = "ok";                    // ok, error, aborted
  std::string content = R"({"status": "ok"})";  // JSON text
  std::vector<Blob> buffers;
  bool unmet_dependency = false;  // an error that the scheduler hides and retries elsewhere
  bool lacks = false;             // recalled, because its function is not here
  bool recalled = false;          // it did not start: the scheduler gives it to another engine
  bool aborts_executes = false;   // see engine::Finished
  bool silent = false;            // no reply at all: comm messages and unknown types
};

/// Metadata of a reply to an execution request that ended `now`.
/// `tell_batches`: the peer does not know yet that we read batches.
std::string reply_metadata(const EngineTask& task, const EngineReply& reply, const EngineId& uuid, EngineNumber number,
                           WallTime now, bool tell_batches);

/// Topic frame of an iopub message: "engine.3.stdout", "datapub", ...; `content` is looked at for streams and comms.
std::string iopub_topic(EngineNumber number, std::string_view msg_type, std::string_view content);

/// Content of unregistration_request; `why`: "" or what else there is to say about the engine's end.
std::string unregistration_content(std::optional<EngineNumber> number, const std::string& why);

std::string stream_content(std::string_view name, std::string_view text);

}  // namespace camshaft::service
