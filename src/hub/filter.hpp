// hub/filter.hpp: db_query's filters: {field: value} or {field: {operator: argument, ...}}, all of which must hold.
// Thread: plain values. Pure.
// Owns:   its tests, which a store may turn into a query of its own.
// Errors: Errc::not_found for fields and operators that do not exist, Errc::bad_value for arguments of a wrong type.
//
// The meaning is the same in every store. Null (a field without a value) equals null, differs from everything else,
// and is never less or greater than anything. Dates are compared as time. `$gt` is greater than: the original's, which
// is less than, is not imitated.
#pragma once
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

enum class Op : std::uint8_t { eq, ne, lt, lte, gt, gte, in, nin, all, mod, exists, glob };
inline constexpr std::array<std::string_view, 12> kOps{"$eq", "$ne",  "$lt",  "$lte", "$gt",     "$gte",
                                                       "$in", "$nin", "$all", "$mod", "$exists", "$glob"};

struct Test {
  Field field;
  Op op;
  nlohmann::json argument;  // of a type that fits; dates as format_sortable_date writes them
};

class Filter {
 public:
  Filter() = default;  // everything
  explicit Filter(std::vector<Test> tests) : tests_(std::move(tests)) {}
  /// Reads the `query` of a db_request.
  static Result<Filter> parse(nlohmann::json query);

  bool matches(const TaskRecord& record) const;
  const std::vector<Test>& tests() const { return tests_; }

 private:
  std::vector<Test> tests_;
};

/// One operator on values.
bool holds(Op op, const nlohmann::json& value, const nlohmann::json& argument);
/// Shell pattern: * ? [abc] [a-z] [!abc], over the whole text, case-sensitive.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace camshaft::hub
