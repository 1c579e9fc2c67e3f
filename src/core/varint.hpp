// core/varint.hpp: numbers in as many bytes as they need: seven bits a byte, the lowest first.
// Thread: pure functions. Owns: nothing. Errors: nullopt for bytes that hold no number.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace camshaft {

inline constexpr std::size_t kVarintBytes = 10;  // of the largest number

/// Writes to `to`, which has room for kVarintBytes; the byte behind.
inline char* write_varint(char* to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) *to++ = static_cast<char>(number | 0x80);
  *to++ = static_cast<char>(number);
  return to;
}

/// Takes a number from the front of `bytes`; nullopt when they end too early, it has more than 64 bits, or more bytes
/// than write_varint() would give it.
inline std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return std::nullopt;
    number |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return byte == 0 && shift > 0 ? std::nullopt : std::optional(number);
  }
  return std::nullopt;
}

}  // namespace camshaft
