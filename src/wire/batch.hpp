// wire/batch.hpp: several small messages in one signed envelope, each written as what differs from the one before it.
// Thread: plain values. Owns: a batch holds its messages until they are taken; what is read shares one allocation.
// Errors: read_batch gives Errc::truncated or bad_value for a body that is not one; never an exception for it.
//
// An envelope is a message of type "batch_request" or "batch_reply" whose content is the body below. Only peers that
// said that they read them are sent any (adr/0006-batches.md). All numbers are LEB128 varints.
//   body    := count  fresh  message*count        fresh: bytes of all parts that are not repeated whole
//   message := identities  buffers  part*(identities + 4 + buffers)     the four: header, parent, metadata, content
//   part    := prefix  suffix  middle  byte*middle
// A part has the first `prefix` and the last `suffix` bytes of the part in the same place of the message before it.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/message.hpp"

namespace camshaft::wire {

inline constexpr std::string_view kBatchRequest = "batch_request";
inline constexpr std::string_view kBatchReply = "batch_reply";
/// What peers say that they read; a change of the body is another number.
inline constexpr int kBatchVersion = 1;

/// One envelope holds at most so many messages of at most so many bytes each: enough to make the envelope's own cost
/// small, too little to delay anybody.
inline constexpr std::size_t kBatchMessages = 64;
inline constexpr std::size_t kBatchedBytes = 4096;

/// Whether a message is small enough to share an envelope.
bool fits_batch(const Parts& parts);

/// The body of an envelope. The signatures of `messages` are left out: the envelope's covers them.
std::string write_batch(const std::vector<Parts>& messages);
/// The messages of a verified body, with empty signatures.
Result<std::vector<Parts>> read_batch(const Blob& body);

/// Frames of a message that is already in parts, `identities` in front of its own. One without a signature is signed.
Frames encode(std::vector<Blob> identities, Parts parts, const Signer& signer);

/// Messages to one peer that leave together.
class Batch final {
 public:
  bool empty() const { return messages_.empty(); }
  bool full() const { return messages_.size() >= kBatchMessages; }
  void add(Parts parts) { messages_.push_back(std::move(parts)); }
  /// What was added, ready to send, `identities` in front: one message as itself, several in an envelope with the
  /// header that `make_header()` gives. The batch is empty afterwards; it must not be before.
  template <class MakeHeader>
  Frames take(std::vector<Blob> identities, MakeHeader make_header, const Signer& signer) {
    if (messages_.size() == 1) {
      Frames alone = wire::encode(std::move(identities), std::move(messages_.front()), signer);
      messages_.clear();
      return alone;
    }
    Outgoing envelope;
    envelope.identities = std::move(identities);
    envelope.header = make_header();
    envelope.content = Blob::of(write_batch(messages_));
    messages_.clear();
    return wire::encode(std::move(envelope), signer);
  }

 private:
  std::vector<Parts> messages_;
};

}  // namespace camshaft::wire
