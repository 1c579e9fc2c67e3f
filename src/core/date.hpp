// core/date.hpp: ISO 8601 dates as peers write them.
// Thread: pure functions. Errors: nullopt for text that peers would not read as a date either.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace camshaft {

/// "2026-11-20T10:24:07.740343Z"; the fraction is left out when the microseconds are zero.
std::string format_date(WallTime time);
/// The same with six digits always, so that dates of this form sort as text.
std::string format_sortable_date(WallTime time);
/// Writes the same to `at`, which has room for kSortableDate characters; returns the end.
char* write_sortable_date(char* at, WallTime time);
inline constexpr std::size_t kSortableDate = 27;
/// YYYY-MM-DDThh:mm:ss[.d{1,6}][Z|+hh:mm|+hhmm]; without a zone, UTC is assumed.
std::optional<WallTime> parse_date(std::string_view text);

}  // namespace camshaft
