// wire/signer.hpp: the HMAC that signs and verifies the four dictionaries of a message.
// Thread: one Signer per thread (it re-uses digest state). Owns: the digest contexts.
// Errors: an unknown scheme comes back as Errc::bad_value; OpenSSL running out of memory throws std::bad_alloc.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace camshaft::wire {

/// Signs with `hmac-<hash>` under one key. An empty key turns signing off: signatures are empty, all verify.
class Signer final {
 public:
  /// `scheme` is for instance "hmac-sha256"; `key` is the text of the connection file.
  static Result<Signer> make(std::string_view scheme, std::string_view key);
  /// A signer that signs nothing (for CURVE, and for tests).
  static Signer off();

  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;
  ~Signer();

  bool enabled() const;
  /// Lower-case hex of the digest over the parts, one after the other; "" when signing is off.
  std::string sign(const std::array<std::string_view, 4>& parts) const;
  /// Constant-time comparison with `signature` (hex).
  bool verifies(const std::array<std::string_view, 4>& parts, std::string_view signature) const;

  /// The same scheme and key with state of its own, for another thread.
  Signer clone() const;

 private:
  struct State;
  explicit Signer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace camshaft::wire
