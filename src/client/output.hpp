// client/output.hpp: what a request printed and displayed, put together from its iopub messages.
// Thread: a plain value. Owns: its text; buffers are shared. Errors: none; what cannot be read is left out.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.hpp"

namespace camshaft::client {

/// One iopub message.
struct OutputMessage {
  std::string msg_type;
  Blob content;   // JSON text
  Blob metadata;  // JSON text
  std::vector<Blob> buffers;
  bool operator==(const OutputMessage&) const = default;
};

/// Appends `text` as a terminal would: a carriage return that no newline follows takes back its line.
void append_stream(std::string& screen, std::string_view text);

/// True for a `status` message that says `idle`.
bool is_idle(const OutputMessage& message);

struct Output {
  std::string out;                      // stdout
  std::string err;                      // stderr
  std::vector<OutputMessage> messages;  // all but stream and status, in order
  std::size_t changes = 0;              // grows with each message that was added

  void add(OutputMessage message);
};

}  // namespace camshaft::client
