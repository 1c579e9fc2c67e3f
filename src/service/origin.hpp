// service/origin.hpp: the sender of what this process itself has to say: its session, its key, its message ids.
// Thread: one Origin per thread. Owns: a signer of its own. Errors: none.
#pragma once
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "wire/message.hpp"

namespace camshaft::service {

/// A session id that nobody else has.
inline SessionId random_session() {
  std::random_device source;
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(source());
  return SessionId(wire::hex_id(bytes));
}

class Origin final {
 public:
  /// `number` tells the origins of one session apart in their message ids (the process id will do for the first).
  Origin(wire::Signer signer, SessionId session, std::string username, int number, const Clock& clock)
      : signer_(std::move(signer)),
        session_(std::move(session)),
        username_(std::move(username)),
        ids_(session_, number),
        clock_(clock) {}

  const wire::Signer& signer() const { return signer_; }
  const SessionId& session() const { return session_; }

  MsgId next_id() { return ids_.next(); }
  /// The header of a new message.
  Blob header(std::string_view type) {
    return Blob::of(wire::make_header(ids_.next(), type, session_, username_, clock_.wall()));
  }

  /// Frames of a new message; `parent` is the raw header of the request it answers.
  Frames message(std::vector<Blob> identities, std::string_view type, Blob parent, std::string content,
                 std::string metadata = "{}", std::vector<Blob> buffers = {}) {
    wire::Outgoing out;
    out.identities = std::move(identities);
    out.header = header(type);
    out.parent = std::move(parent);
    out.metadata = Blob::of(std::move(metadata));
    out.content = Blob::of(std::move(content));
    out.buffers = std::move(buffers);
    return wire::encode(std::move(out), signer_);
  }

 private:
  wire::Signer signer_;
  SessionId session_;
  std::string username_;
  wire::MsgIdSource ids_;
  const Clock& clock_;
};

}  // namespace camshaft::service
