// The questions and answers after a broken connection from bytes: what can be read is written and read again alike.
#include "wire/resume.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  if (const auto ask = wire::parse_resume_ask(content))
    if (wire::parse_resume_ask(wire::render(*ask)).value() != *ask) std::abort();
  if (const auto fates = wire::parse_fates(content))
    if (wire::parse_fates(wire::render(*fates)).value() != *fates) std::abort();
  return 0;
}
