// hub/date.hpp: dates of records as text, and text of queries as dates.
// Thread: pure functions. The hub may not include `wire`, which has its own for headers.
// Errors: nullopt for text that is no date.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace camshaft::hub {

/// "2026-11-20T10:24:07.740343Z"; always six digits, so that dates of this form sort as text.
std::string date_text(WallTime time);
/// YYYY-MM-DDThh:mm:ss[.d{1,6}][Z|+hh:mm|+hhmm]; without a zone, UTC is assumed.
std::optional<WallTime> read_date(std::string_view text);
/// Rewrites every string of `value` that is a date to the form of date_text, so that `<` and `==` mean time.
void unify_dates(nlohmann::json& value);

}  // namespace camshaft::hub
