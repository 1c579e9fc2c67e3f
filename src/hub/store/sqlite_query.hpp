// hub/store/sqlite_query.hpp: filters as SQL.
// Thread: pure functions. Errors: none; what SQL cannot say exactly is left to Filter::matches.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "hub/filter.hpp"

namespace camshaft::hub {

/// A condition that every record which matches fulfils.
struct SqlCondition {
  std::string where = "1";  // with a ? for each of `arguments`
  std::vector<std::string> arguments;
  bool exact = true;  // no other record fulfils it
};
SqlCondition sql_condition(const Filter& filter);

/// "2026-11-20T10:37:45.225451+00:00": how databases of the original keep dates.
std::string sql_date(WallTime date);
/// Writes the same to `at`, which has room for kSqlDate characters; returns the end.
char* write_sql_date(char* at, WallTime date);
inline constexpr std::size_t kSqlDate = 32;

}  // namespace camshaft::hub
