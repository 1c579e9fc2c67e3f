// sched/properties.hpp: what an engine says of itself, and what a task may ask of it.
// Thread: plain values. Owns: nothing. Errors: parse_properties gives bad_json, in one line.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.hpp"

namespace camshaft::sched {

struct Member;

/// What JSON can say. Numbers are doubles: whole ones are exact up to 2^53.
struct Value {
  using List = std::vector<Value>;
  using Object = std::vector<Member>;  // in the order in which it came
  std::variant<std::monostate, bool, double, std::string, List, Object> is;
  bool operator==(const Value&) const;
};
struct Member {
  std::string name;
  Value value;
  bool operator==(const Member&) const;
};

/// An engine's properties by name.
using Properties = std::map<std::string, Value, std::less<>>;

/// True as a property: the engine gets no more tasks, and hands back those that it has not started.
constexpr std::string_view kDraining = "draining";

/// Reads a JSON object.
Result<Properties> parse_properties(std::string_view json);

/// A value as JSON, for texts.
std::string to_text(const Value& value);

enum class Operator : std::uint8_t { equal, unequal, less, at_most, more, at_least, in, contains, has };

/// One condition on one property, for instance {"cores", at_least, 8}.
struct Where {
  std::string name;
  Operator op = Operator::equal;
  Value value;
  bool operator==(const Where&) const = default;
};

/// An amount of something that an engine has so much of, for instance {"gpu", 1}.
struct Resource {
  std::string name;
  double amount = 0;  // above 0
  bool operator==(const Resource&) const = default;
};

/// Whether the engine with these properties meets the condition.
/// A property that is missing, or of another kind than the value, meets none but `!=` (another kind) and `has false`.
/// `in`: the property is one of the value's items. `contains`: the property is a list, a text or an object that holds
/// the value. `has`: it is there and not null (value true or null), or it is not (value false). True and 1 are equal.
bool holds(const Where& where, const Properties& properties);

/// How much of it the engine has: the property of that name if it is a number, else 0.
double amount_of(std::string_view resource, const Properties& properties);

/// How the operator is written: "==", "in" and so on.
std::string_view name_of(Operator op);
/// The operator that is written so. Error: bad_value, with the names there are.
Result<Operator> operator_named(std::string_view name);

}  // namespace camshaft::sched
