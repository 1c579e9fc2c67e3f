// client/reply.hpp: the answer to a request, as a value, and what has to be known of it before anybody looks.
// Thread: plain values; read_facts uses scratch memory of its own thread.
// Owns:   the bytes of the reply, shared. Errors: none; a reply that cannot be read counts as an answer without facts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"

namespace camshaft::client {

enum class Status : std::uint8_t { pending, ok, error, aborted };

/// "pending", "ok", "error" or "aborted".
std::string_view to_text(Status status);

struct Reply {
  Blob content = Blob::of_static("{}");   // JSON text
  Blob metadata = Blob::of_static("{}");  // JSON text
  Blob date;                              // of the reply's header, ISO 8601; empty when we made the reply
  std::vector<Blob> buffers;
  bool operator==(const Reply&) const = default;
};

/// What completion depends on.
struct ReplyFacts {
  Status status = Status::ok;
  bool from_engine = true;             // false for an error that no engine produced: no output follows it
  std::optional<std::size_t> outputs;  // how many iopub messages belong to it; nullopt = output ends with `idle`
  EngineId engine;                     // who answered; empty when the metadata does not say (controller-made errors)
  bool operator==(const ReplyFacts&) const = default;
};

ReplyFacts read_facts(const Reply& reply);

/// The text of a string field of a JSON object, as it stands there (escapes included); empty when there is none.
/// Shares the bytes of `object`: headers are read for one id or date each, a hundred thousand times a second.
Blob text_field(const Blob& object, std::string_view key);

/// The same reply in one small allocation, when it is small: received frames keep far more memory alive than they use.
Reply compact(Reply reply);

/// A reply that we make ourselves, shaped like a peer's error.
Reply error_reply(std::string_view ename, std::string_view evalue);
/// {"status": "ok"}, made by ourselves.
Reply ok_reply();

}  // namespace camshaft::client
