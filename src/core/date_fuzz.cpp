// Dates from bytes: what is read is written in a form that is read as the same time, and written the same again.
#include <cstdint>
#include <cstdlib>

#include "core/date.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto time = camshaft::parse_date(text);
  if (!time) return 0;
  if (size < 19 || text[10] != 'T') std::abort();
  const std::string written = camshaft::format_date(*time);
  const auto again = camshaft::parse_date(written);
  if (again != time || camshaft::format_date(*again) != written) std::abort();
  return 0;
}
