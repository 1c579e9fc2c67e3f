// Queries from bytes: a filter that is accepted can be applied to any record, and patterns always end.
#include "hub/filter.hpp"

#include <cstdint>
#include <cstdlib>

#include "hub/engine_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto filter = hub::Filter::parse(hub::parse_untrusted(text));
  if (filter) {
    hub::TaskRecord record;
    record.id = MsgId("a");
    record.submitted = WallTime{};
    record.metadata = Blob::of(std::string(text));
    (void)filter->matches(hub::TaskRecord{});
    (void)filter->matches(record);
  } else if (filter.error().message.empty()) {
    std::abort();
  }
  const auto middle = text.size() / 2;
  (void)hub::glob_matches(text.substr(0, middle), text.substr(middle));

  const auto state = hub::parse_engine_state(text);
  if (state && hub::parse_engine_state(hub::render_engine_state(*state)).value() != *state) std::abort();
  return 0;
}
