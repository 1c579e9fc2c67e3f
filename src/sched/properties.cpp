#include "sched/properties.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "sched/json_value.hpp"

namespace camshaft::sched {

// Spelt out: clang 14 crashes on defaulted comparisons of a type that holds itself through a variant.
bool Value::operator==(const Value& other) const { return is == other.is; }
bool Member::operator==(const Member& other) const { return name == other.name && value == other.value; }

namespace {

namespace dom = simdjson::dom;

struct Row {
  std::string_view name;
  Operator op;
};
constexpr std::array<Row, 9> kOperators = {{{"==", Operator::equal},
                                            {"!=", Operator::unequal},
                                            {"<", Operator::less},
                                            {"<=", Operator::at_most},
                                            {">", Operator::more},
                                            {">=", Operator::at_least},
                                            {"in", Operator::in},
                                            {"contains", Operator::contains},
                                            {"has", Operator::has}}};

/// Truth values count as 0 and 1, as in Python.
std::optional<double> number_of(const Value& value) {
  if (const auto* number = std::get_if<double>(&value.is)) return *number;
  if (const auto* flag = std::get_if<bool>(&value.is)) return *flag ? 1.0 : 0.0;
  return std::nullopt;
}

bool same(const Value& a, const Value& b) {
  const auto x = number_of(a), y = number_of(b);
  return x && y ? *x == *y : a == b;
}

bool one_of(const Value& value, const Value& list) {
  const auto* items = std::get_if<Value::List>(&list.is);
  return items && std::any_of(items->begin(), items->end(), [&](const Value& item) { return same(item, value); });
}

bool contains(const Value& whole, const Value& part) {
  const auto* text = std::get_if<std::string>(&part.is);
  if (const auto* hay = std::get_if<std::string>(&whole.is)) return text && hay->find(*text) != std::string::npos;
  if (const auto* members = std::get_if<Value::Object>(&whole.is)) {
    return text &&
           std::any_of(members->begin(), members->end(), [&](const Member& member) { return member.name == *text; });
  }
  return one_of(part, whole);
}

/// a < b is -1, a == b is 0, a > b is 1; nothing for kinds that have no order.
std::optional<int> order(const Value& a, const Value& b) {
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : (y < x ? 1 : 0); };
  const auto x = number_of(a), y = number_of(b);
  if (x && y) return sign(*x, *y);
  const auto* s = std::get_if<std::string>(&a.is);
  const auto* t = std::get_if<std::string>(&b.is);
  if (s && t) return sign(*s, *t);
  return std::nullopt;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

Value value_of(dom::element element, int levels) {
  if (levels == 0) return {};
  switch (element.type()) {
    case dom::element_type::BOOL:
      return {bool{element}};
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      return {double{element}};
    case dom::element_type::STRING:
      return {std::string(std::string_view{element})};
    case dom::element_type::ARRAY: {
      Value::List items;
      for (dom::element item : dom::array{element}) items.push_back(value_of(item, levels - 1));
      return {std::move(items)};
    }
    case dom::element_type::OBJECT: {
      Value::Object members;
      for (dom::key_value_pair field : dom::object{element}) {
        members.push_back({std::string(field.key), value_of(field.value, levels - 1)});
      }
      return {std::move(members)};
    }
    case dom::element_type::NULL_VALUE:
      break;
  }
  return {};
}

Result<Properties> parse_properties(std::string_view json) {
  dom::parser parser;
  dom::object object;
  if (parser.parse(json.data(), json.size()).get(object) != simdjson::SUCCESS) {
    return Error{Errc::bad_json, "engine properties are not a JSON object"};
  }
  Properties properties;
  for (dom::key_value_pair field : object) properties[std::string(field.key)] = value_of(field.value);
  return properties;
}

std::string to_text(const Value& value) {
  struct Writer {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const { return in_quotes(text); }
    std::string operator()(const Value::List& items) const {
      std::string out;
      for (const Value& item : items) out += (out.empty() ? "" : ", ") + to_text(item);
      return "[" + out + "]";
    }
    std::string operator()(const Value::Object& members) const {
      std::string out;
      for (const Member& member : members) {
        out += (out.empty() ? "" : ", ") + in_quotes(member.name) + ": " + to_text(member.value);
      }
      return "{" + out + "}";
    }
  };
  return std::visit(Writer{}, value.is);
}

bool holds(const Where& where, const Properties& properties) {
  const auto found = properties.find(where.name);
  const bool there = found != properties.end() && !std::holds_alternative<std::monostate>(found->second.is);
  if (where.op == Operator::has) return there != (number_of(where.value) == 0.0);
  if (found == properties.end()) return false;
  const Value& property = found->second;
  const auto ordered = order(property, where.value);
  switch (where.op) {
    case Operator::equal:
      return same(property, where.value);
    case Operator::unequal:
      return !same(property, where.value);
    case Operator::less:
      return ordered && *ordered < 0;
    case Operator::at_most:
      return ordered && *ordered <= 0;
    case Operator::more:
      return ordered && *ordered > 0;
    case Operator::at_least:
      return ordered && *ordered >= 0;
    case Operator::in:
      return one_of(property, where.value);
    case Operator::contains:
      return contains(property, where.value);
    case Operator::has:
      break;
  }
  return false;
}

double amount_of(std::string_view resource, const Properties& properties) {
  const auto found = properties.find(resource);
  if (found == properties.end()) return 0;
  return number_of(found->second).value_or(0);
}

std::string_view name_of(Operator op) {
  return std::find_if(kOperators.begin(), kOperators.end(), [&](const Row& row) { return row.op == op; })->name;
}

Result<Operator> operator_named(std::string_view name) {
  for (const Row& row : kOperators) {
    if (row.name == name) return row.op;
  }
  return Error{Errc::bad_value,
               fmt::format("there is no operator '{}': use one of == != < <= > >= in contains has", name)};
}

}  // namespace camshaft::sched
