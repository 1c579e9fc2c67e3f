#include "hub/store/sqlite_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/date.hpp"
#include "hub/date.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

/// The text that stands in the column for a value; nullopt when that is not so simple.
std::optional<std::string> column_text(const FieldInfo& field, const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  const auto date = parse_date(text);
  if (field.kind == Kind::date) return date ? std::optional(sql_date(*date)) : std::nullopt;
  // Texts that are dates are compared as time, and those with a 0 end there in SQL.
  if (date || text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

/// Adds the condition for one test; false when SQL cannot say it, or says too much.
bool add(SqlCondition& out, const Test& test) {
  const FieldInfo& field = info(test.field);
  const bool label = test.field == Field::label;  // texts stand there as they are, other values as JSON
  if (field.kind != Kind::text && field.kind != Kind::date && !label) return false;
  const auto condition = [&](std::string_view form) {
    out.where += fmt::format(fmt::runtime(form), fmt::format("\"{}\"", field.name));
  };
  switch (test.op) {
    case Op::exists:
      return false;
    case Op::eq:
    case Op::ne: {
      if (test.argument.is_null()) {
        condition(test.op == Op::eq ? " AND {} IS NULL" : " AND {} IS NOT NULL");
        return true;
      }
      auto text = column_text(field, test.argument);
      if (!text || (label && test.op == Op::ne)) return false;
      condition(test.op == Op::eq ? " AND {} = ?" : " AND {} IS NOT ?");
      out.arguments.push_back(*std::move(text));
      return !label;
    }
    case Op::lt:
    case Op::lte:
    case Op::gt:
    case Op::gte: {
      auto text = column_text(field, test.argument);
      if (!text || field.kind != Kind::date) return false;
      constexpr std::string_view kForms[] = {" AND {} < ?", " AND {} <= ?", " AND {} > ?", " AND {} >= ?"};
      condition(kForms[static_cast<int>(test.op) - static_cast<int>(Op::lt)]);
      out.arguments.push_back(*std::move(text));
      return true;
    }
    case Op::in: {
      std::vector<std::string> texts;
      for (const Json& value : test.argument) {
        auto text = column_text(field, value);
        if (!text) return false;
        texts.push_back(*std::move(text));
      }
      constexpr std::size_t kMany = 500;  // SQLite limits how many arguments a statement has
      if (texts.empty() || texts.size() > kMany) return false;
      std::string marks(2 * texts.size() - 1, '?');
      for (std::size_t i = 1; i < marks.size(); i += 2) marks[i] = ',';
      condition(" AND {} IN (" + marks + ")");
      out.arguments.insert(out.arguments.end(), texts.begin(), texts.end());
      return !label;
    }
    case Op::glob: {
      const auto& pattern = test.argument.get_ref<const std::string&>();
      if (pattern.find_first_of(std::string_view("[\0", 2)) != std::string::npos || field.kind == Kind::date)
        return false;  // sets of characters are written differently there
      if (pattern.find_first_of("0123456789") != std::string::npos && pattern.find_first_of("T:") != std::string::npos)
        return false;  // it may be meant for a date
      condition(" AND {} GLOB ?");
      out.arguments.push_back(pattern);
      return false;
    }
    case Op::nin:
    case Op::all:
    case Op::mod:
      break;
  }
  return false;
}

}  // namespace

SqlCondition sql_condition(const Filter& filter) {
  SqlCondition out;
  for (const Test& test : filter.tests()) {
    if (!add(out, test)) out.exact = false;
  }
  return out;
}

char* write_sql_date(char* at, WallTime date) {
  constexpr std::string_view kZone = "+00:00";
  static_assert(kSqlDate == kSortableDate - 1 + kZone.size());
  return std::copy(kZone.begin(), kZone.end(), write_sortable_date(at, date) - 1);
}

std::string sql_date(WallTime date) {
  char text[kSqlDate];
  return std::string(text, write_sql_date(text, date));
}

}  // namespace camshaft::hub
