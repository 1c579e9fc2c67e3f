#include "hub/date.hpp"

#include "core/date.hpp"

namespace camshaft::hub {

void unify_dates(nlohmann::json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    // The shape first: most strings are not dates, and may be long.
    if (text.size() < 19 || text.size() > 32 || text[10] != 'T') return;
    if (const auto date = parse_date(text)) value = format_sortable_date(*date);
  } else if (value.is_structured()) {
    for (auto& item : value) unify_dates(item);
  }
}

}  // namespace camshaft::hub
