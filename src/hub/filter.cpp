#include "hub/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "core/date.hpp"
#include "hub/date.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

std::optional<Op> find_op(std::string_view name) {
  const auto* found = std::find(kOps.begin(), kOps.end(), name);
  if (found == kOps.end()) return std::nullopt;
  return static_cast<Op>(found - kOps.begin());
}

bool same_order_type(const Json& a, const Json& b) {
  return (a.is_number() && b.is_number()) || (a.is_string() && b.is_string()) || (a.is_boolean() && b.is_boolean()) ||
         (a.is_array() && b.is_array());
}

bool truthy(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0;
  return !value.is_null() && !value.empty() && !(value.is_string() && value.get_ref<const std::string&>().empty());
}

bool contains(const Json& container, const Json& value) {
  if (container.is_array()) return std::find(container.begin(), container.end(), value) != container.end();
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (container.is_object()) return container.contains(text);
  return container.is_string() && container.get_ref<const std::string&>().find(text) != std::string::npos;
}

/// Remainder with the sign of the divisor, as Python has it.
bool remainder_is(const Json& value, const Json& argument) {
  if (!value.is_number()) return false;
  if (value.is_number_integer() && argument[0].is_number_integer()) {
    const auto divisor = argument[0].get<std::int64_t>();
    if (divisor == -1) return argument[1] == Json(0);  // the one division that can overflow
    auto rest = value.get<std::int64_t>() % divisor;
    if (rest != 0 && (rest < 0) != (divisor < 0)) rest += divisor;
    return argument[1] == Json(rest);
  }
  const auto divisor = argument[0].get<double>();
  double rest = std::fmod(value.get<double>(), divisor);
  if (rest != 0 && (rest < 0) != (divisor < 0)) rest += divisor;
  return argument[1].get<double>() == rest;
}

/// Moves `at` behind the set that begins at pattern[at] == '['; nothing when it has no end, and '[' means itself.
std::optional<bool> in_set(std::string_view pattern, std::size_t& at, char c) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && pattern[i] == '!';
  if (negated) ++i;
  const std::size_t first = i;
  bool found = false;
  for (; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      const auto low = static_cast<unsigned char>(pattern[i]), high = static_cast<unsigned char>(pattern[i + 2]);
      const auto byte = static_cast<unsigned char>(c);
      found |= low <= byte && byte <= high;
      i += 2;
    } else {
      found |= pattern[i] == c;
    }
  }
  if (i >= pattern.size()) return std::nullopt;
  at = i + 1;
  return found != negated;
}

std::optional<std::string> misfit(const FieldInfo& field, Op op, const Json& argument) {
  const auto complain = [&](std::string_view wants) {
    return fmt::format("'{}' of '{}' needs {}, not {}", kOps[static_cast<std::size_t>(op)], field.name, wants,
                       argument.type_name());
  };
  if (op == Op::exists) return std::nullopt;
  if (field.kind == Kind::buffers && !((op == Op::eq || op == Op::ne) && argument.is_null()))
    return fmt::format("'{}' can only be compared with null: its bytes are not searched", field.name);

  const auto orderable = [&](const Json& value) {
    if (field.kind == Kind::date)
      return value.is_string() && parse_date(value.get_ref<const std::string&>()).has_value();
    if (field.kind == Kind::text) return value.is_string();
    return value.is_number() || value.is_string() || value.is_boolean() || value.is_array();
  };
  const std::string_view wants = field.kind == Kind::date   ? "a date"
                                 : field.kind == Kind::text ? "a string"
                                                            : "a value";
  switch (op) {
    case Op::eq:
    case Op::ne:
      if (!argument.is_null() && (field.kind == Kind::date || field.kind == Kind::text) && !orderable(argument))
        return complain(wants);
      return std::nullopt;
    case Op::lt:
    case Op::lte:
    case Op::gt:
    case Op::gte:
      if (field.kind == Kind::object) return fmt::format("'{}' holds dictionaries, which have no order", field.name);
      return orderable(argument) ? std::nullopt : std::optional(complain(wants));
    case Op::in:
    case Op::nin:
      return argument.is_array() ? std::nullopt : std::optional(complain("a list"));
    case Op::all:
      if (!argument.is_array()) return complain("a list");
      for (const Json& element : argument)
        if (!element.is_structured() && !element.is_string())
          return complain("a list of lists, strings or dictionaries");
      return std::nullopt;
    case Op::mod:
      if (!argument.is_array() || argument.size() != 2 || !argument[0].is_number() || !argument[1].is_number() ||
          argument[0].get<double>() == 0)
        return complain("[divisor, remainder] with a divisor that is not 0");
      if (field.kind != Kind::any) return fmt::format("'{}' does not hold numbers", field.name);
      return std::nullopt;
    case Op::glob:
      return argument.is_string() ? std::nullopt : std::optional(complain("a pattern"));
    case Op::exists:
      break;
  }
  return std::nullopt;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::optional<std::size_t> star;  // where to take up the pattern again when the last * must eat one more
  std::size_t eaten = 0;
  while (t < text.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      eaten = t;
      continue;
    }
    if (p < pattern.size() && t < text.size()) {
      std::size_t after = p + 1;
      bool same = pattern[p] == '?' || pattern[p] == text[t];
      if (pattern[p] == '[') {
        after = p;
        const auto member = in_set(pattern, after, text[t]);
        same = member ? *member : text[t] == '[';
        if (!member) after = p + 1;
      }
      if (same) {
        p = after;
        ++t;
        continue;
      }
    }
    if (!star || eaten >= text.size()) return false;
    p = *star;
    t = ++eaten;
  }
  return true;
}

bool holds(Op op, const nlohmann::json& value, const nlohmann::json& argument) {
  switch (op) {
    case Op::eq:
      return value == argument;
    case Op::ne:
      return value != argument;
    case Op::lt:
      return same_order_type(value, argument) && value < argument;
    case Op::lte:
      return same_order_type(value, argument) && value <= argument;
    case Op::gt:
      return same_order_type(value, argument) && value > argument;
    case Op::gte:
      return same_order_type(value, argument) && value >= argument;
    case Op::in:
      return contains(argument, value);
    case Op::nin:
      return !contains(argument, value);
    case Op::all:
      return std::all_of(argument.begin(), argument.end(), [&](const Json& each) { return contains(each, value); });
    case Op::mod:
      return remainder_is(value, argument);
    case Op::exists:
      return value.is_null() != truthy(argument);
    case Op::glob:
      return value.is_string() &&
             glob_matches(argument.get_ref<const std::string&>(), value.get_ref<const std::string&>());
  }
  return false;
}

Result<Filter> Filter::parse(nlohmann::json query) {
  if (query.is_null()) return Filter();
  if (!query.is_object()) return Error{Errc::bad_value, "the query must be a dictionary"};
  std::vector<Test> tests;
  for (auto& [name, test] : query.items()) {
    const FieldInfo* field = find_field(name);
    if (!field) return Error{Errc::not_found, fmt::format("no such field: {}", name)};
    Json operators = test.is_object() ? std::move(test) : Json{{"$eq", std::move(test)}};
    for (auto& [op_name, argument] : operators.items()) {
      const auto op = find_op(op_name);
      if (!op) return Error{Errc::not_found, fmt::format("no such operator: {} (of '{}')", op_name, name)};
      if (auto problem = misfit(*field, *op, argument)) return Error{Errc::bad_value, *std::move(problem)};
      if (*op != Op::glob) unify_dates(argument);
      tests.push_back({field->field, *op, std::move(argument)});
    }
  }
  return Filter(std::move(tests));
}

bool Filter::matches(const TaskRecord& record) const {
  return std::all_of(tests_.begin(), tests_.end(), [&](const Test& test) {
    Json value = field_value(record, test.field);
    if (info(test.field).kind == Kind::text) unify_dates(value);  // as the argument was
    return holds(test.op, value, test.argument);
  });
}

}  // namespace camshaft::hub
