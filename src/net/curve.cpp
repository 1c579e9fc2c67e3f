#include "net/curve.hpp"

#include <fmt/format.h>
#include <zmq.h>

#include <array>

namespace camshaft::net {
namespace {

constexpr std::size_t kKeyText = 40, kKeyBytes = 32;

bool is_key(const std::string& text) {
  std::array<std::uint8_t, kKeyBytes> bytes;
  return text.size() == kKeyText && zmq_z85_decode(bytes.data(), text.c_str()) != nullptr;
}

Error not_a_key(std::string_view which) {
  return Error{Errc::bad_value,
               fmt::format("the {} of the encryption is no CURVE key: it has 40 characters of Z85, as `python3 -c "
                           "'import zmq; print(zmq.curve_keypair())'` makes them",
                           which)};
}

}  // namespace

Result<CurveKeys> new_curve_keys() {
  std::array<char, kKeyText + 1> public_key{}, secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    return Error{Errc::unavailable, "connections cannot be encrypted: this libzmq was built without CURVE"};
  return CurveKeys{public_key.data(), secret_key.data()};
}

Result<CurveKeys> curve_keys_of(const std::string& secret_key) {
  std::array<char, kKeyText + 1> public_key{};
  if (!is_key(secret_key) || zmq_curve_public(public_key.data(), secret_key.c_str()) != 0)
    return not_a_key("secret key");
  return CurveKeys{public_key.data(), secret_key};
}

Result<Curve> curve_of_client(const std::string& server_key) {
  if (!is_key(server_key)) return not_a_key("controller's public key");
  auto keys = new_curve_keys();
  if (!keys) return keys.error();
  return Curve{*std::move(keys), server_key};
}

}  // namespace camshaft::net
