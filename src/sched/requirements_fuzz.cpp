// Request metadata from bytes: what is read is within bounds, the same each time, and each refusal is one line.
#include "sched/requirements.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static sched::RequirementsParser parser;  // re-used, as the service does
  const auto read = parser.parse(text);
  const auto again = sched::parse_requirements(text);
  if (read.has_value() != again.has_value()) std::abort();
  if (!read) {
    const std::string& line = read.error().message;
    if (line.empty() || line.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (!(*read == *again) || read->retries < 0 || read->timeout < Duration::zero() ||
      read->time_limit < Duration::zero() || read->kill_after < Duration::zero()) {
    std::abort();
  }
  for (const auto& resource : read->resources) {
    if (!(resource.amount > 0)) std::abort();
  }
  return 0;
}
