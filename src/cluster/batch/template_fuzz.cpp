// Job templates from bytes: they are rendered, or one line says why not; what is escaped comes back as it was.
#include <cstdint>
#include <cstdlib>

#include "cluster/batch/template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft::cluster::batch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Variables variables = {{"n", std::int64_t{7}}, {"queue", std::string("long")}};
  const auto out = render(text, variables);
  if (!out && out.error().message.empty()) std::abort();
  std::string escaped;
  for (const char c : text) escaped += c == '{' ? "{{" : c == '}' ? "}}" : std::string(1, c);
  const auto same = render(escaped, variables);
  if (!same || *same != text) std::abort();
  return 0;
}
