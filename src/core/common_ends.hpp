// core/common_ends.hpp: how much of two texts is the same, from the front or from the back.
// Thread: pure functions. Owns: nothing. Errors: none.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace camshaft {

/// Bytes at the front in which both are the same.
inline std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t n = 0;
  for (; n + 8 <= most; n += 8)
    if (std::memcmp(a.data() + n, b.data() + n, 8) != 0) break;
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

/// Bytes at the back in which both are the same, at most so many; neither has less than `most`.
inline std::size_t common_suffix(std::string_view a, std::string_view b, std::size_t most) {
  const char* end_a = a.data() + a.size();
  const char* end_b = b.data() + b.size();
  std::size_t n = 0;
  for (; n + 8 <= most; n += 8)
    if (std::memcmp(end_a - n - 8, end_b - n - 8, 8) != 0) break;
  while (n < most && end_a[-1 - static_cast<std::ptrdiff_t>(n)] == end_b[-1 - static_cast<std::ptrdiff_t>(n)]) ++n;
  return n;
}

}  // namespace camshaft
