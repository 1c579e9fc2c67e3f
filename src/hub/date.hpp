// hub/date.hpp: dates in queries and records, in the one form that sorts.
// Thread: pure functions. Errors: none; text that is no date stays as it is.
#pragma once
#include <nlohmann/json.hpp>

namespace camshaft::hub {

/// Rewrites every string of `value` that is a date to the form of format_sortable_date, so that `<` and `==` mean time.
void unify_dates(nlohmann::json& value);

}  // namespace camshaft::hub
