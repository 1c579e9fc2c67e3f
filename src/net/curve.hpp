// net/curve.hpp: keys of CURVE, ZeroMQ's encryption of TCP connections (ZMTP RFC 26; X25519 and XSalsa20-Poly1305).
// The public key of whoever binds is what whoever connects must know; keys of those who connect are not checked.
// Thread: values only. Owns: nothing. Errors: Errc::bad_value for what is no key.
#pragma once
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace camshaft::net {

/// Both as Z85 text of 40 characters.
struct CurveKeys {
  std::string public_key, secret_key;
  bool operator==(const CurveKeys&) const = default;
};

/// A new pair. Errc::unavailable where libzmq was built without encryption.
Result<CurveKeys> new_curve_keys();
/// The pair that a secret key belongs to.
Result<CurveKeys> curve_keys_of(const std::string& secret_key);

/// How the sockets of a context are encrypted: bound ones by `own`; the others expect `server_key` from their peer.
struct Curve {
  CurveKeys own;
  std::string server_key;
};

/// For a process that binds; what it connects to is itself.
inline Curve curve_of_server(const CurveKeys& keys) { return {keys, keys.public_key}; }
/// For a process that only connects, with a fresh pair of its own.
Result<Curve> curve_of_client(const std::string& server_key);

}  // namespace camshaft::net
