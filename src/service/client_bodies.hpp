// service/client_bodies.hpp: which functions a client's controller has, so that its tasks need not carry them.
// Thread: the client's io thread. Owns: the bodies of functions that it has sent, in case the controller asks.
// Errors: none.
#pragma once
#include <optional>
#include <string>
#include <unordered_set>

#include "core/blob.hpp"
#include "wire/bodies.hpp"
#include "wire/message.hpp"

namespace camshaft::service {

class ClientBodies final {
 public:
  /// Whether the controller reads tasks without a body.
  void controller_reads(bool reads) { reads_ = reads; }
  /// A large function that was pickled anew, and is the same as before, becomes the one from before.
  void share(Blob& function);
  /// Names the function of a task if it is large, and leaves it out if the controller has it.
  void shorten(wire::Parts& task);
  /// What was sent may have been lost: functions are sent with their tasks once more.
  void broke() { there_.clear(); }
  /// The answer to a controller that asks for a body.
  wire::Parts answer(const wire::Parts& question);

 private:
  static constexpr std::size_t kKept = std::size_t{128} << 20;

  bool reads_ = false;
  wire::Bodies sent_{kKept};
  std::unordered_set<std::string> there_;  // digests of those that the controller has had
  // Tasks in a row have the same function, and mostly the same metadata: bytes that are still there are the same.
  Blob last_body_, last_metadata_, last_named_;
  std::string last_digest_;
};

}  // namespace camshaft::service
