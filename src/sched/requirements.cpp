#include "sched/requirements.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "sched/json_value.hpp"

namespace camshaft::sched {
namespace {

namespace dom = simdjson::dom;

constexpr std::array<std::string_view, 11> kKeys = {"\"function\"", "\"after\"",      "\"follow\"",    "\"targets\"",
                                                    "\"timeout\"",  "\"retries\"",    "\"priority\"",  "\"resources\"",
                                                    "\"where\"",    "\"time_limit\"", "\"kill_after\""};
constexpr std::string_view kLabel = "\"label\"";
constexpr std::size_t kMostRemembered = 4096;  // bytes of metadata
constexpr double kAnyNumber = std::numeric_limits<std::int32_t>::max();
constexpr double kLongestTimeout = 1e9;  // seconds; what steady_clock can hold beside any `now`

bool mentions_a_key(std::string_view json) {
  // A backslash could spell a key in escapes: leave that to the real parser.
  if (json.find('\\') != json.npos) return true;
  // Most messages say "label": null.
  for (auto at = json.find(kLabel); at != json.npos; at = json.find(kLabel, at + 1)) {
    const auto value = json.find_first_not_of(": ", at + kLabel.size());
    if (value != json.npos && json.substr(value, 4) != "null") return true;
  }
  return std::any_of(kKeys.begin(), kKeys.end(), [&](std::string_view key) { return json.find(key) != json.npos; });
}

Error bad(std::string_view key, std::string_view wanted) {
  return {Errc::bad_value, fmt::format("request metadata: '{}' must be {}", key, wanted)};
}

/// A list of strings, one string, or null.
template <class IdType>
Result<std::vector<IdType>> read_ids(std::string_view key, dom::element value) {
  std::vector<IdType> ids;
  if (value.is_null()) return ids;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    ids.emplace_back(std::string(text));
    return ids;
  }
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return bad(key, "a list of ids");
  for (dom::element item : list) {
    if (item.get(text) != simdjson::SUCCESS) return bad(key, "a list of ids");
    ids.emplace_back(std::string(text));
  }
  return ids;
}

Result<Dependency> read_dependency(std::string_view key, dom::element value) {
  Dependency dependency;
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    auto ids = read_ids<MsgId>(key, value);
    if (!ids) return ids.error();
    dependency.ids = std::move(*ids);
    return dependency;
  }
  for (dom::key_value_pair field : object) {
    if (field.key == "dependencies") {
      auto ids = read_ids<MsgId>(key, field.value);
      if (!ids) return ids.error();
      dependency.ids = std::move(*ids);
      continue;
    }
    bool* flag = field.key == "all"       ? &dependency.all
                 : field.key == "success" ? &dependency.success
                 : field.key == "failure" ? &dependency.failure
                                          : nullptr;
    if (flag && field.value.get(*flag) != simdjson::SUCCESS) {
      return bad(key, fmt::format("a dependency whose '{}' is true or false", field.key));
    }
  }
  return dependency;
}

Result<Duration> read_seconds(std::string_view key, dom::element value, double least, Duration otherwise) {
  double seconds = 0;
  if (value.is_null()) return otherwise;
  if (value.get(seconds) != simdjson::SUCCESS || !std::isfinite(seconds)) return bad(key, "a number of seconds");
  if (seconds < least) return bad(key, "a number of seconds that is not negative");
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, kLongestTimeout)));
}

Result<std::int32_t> read_whole(std::string_view key, dom::element value, double least) {
  if (value.is_null()) return 0;
  double number = 0;
  if (value.get(number) != simdjson::SUCCESS || number != std::floor(number)) return bad(key, "a whole number");
  return static_cast<std::int32_t>(std::clamp(number, least, double{std::numeric_limits<std::int32_t>::max()}));
}

Result<std::vector<Resource>> read_resources(dom::element value) {
  std::vector<Resource> resources;
  if (value.is_null()) return resources;
  constexpr std::string_view kWanted = "an object of names and amounts above 0, for instance {\"gpu\": 1}";
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return bad("resources", kWanted);
  for (dom::key_value_pair field : object) {
    double amount = 0;
    if (field.value.get(amount) != simdjson::SUCCESS || !std::isfinite(amount) || amount <= 0) {
      return bad("resources", kWanted);
    }
    resources.push_back({std::string(field.key), amount});
  }
  return resources;
}

Result<std::vector<Where>> read_where(dom::element value) {
  std::vector<Where> conditions;
  if (value.is_null()) return conditions;
  constexpr std::string_view kWanted = "a list of [name, operator, value], for instance [[\"cores\", \">=\", 8]]";
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return bad("where", kWanted);
  for (dom::element item : list) {
    dom::array parts;
    std::string_view name, op;
    if (item.get(parts) != simdjson::SUCCESS || parts.size() != 3 || parts.at(0).get(name) != simdjson::SUCCESS ||
        parts.at(1).get(op) != simdjson::SUCCESS) {
      return bad("where", kWanted);
    }
    const auto known = operator_named(op);
    if (!known) return bad("where", fmt::format("{}; {}", kWanted, known.error().message));
    conditions.push_back({std::string(name), *known, value_of(parts.at(2).value_unsafe())});
  }
  return conditions;
}

/// Moves a result's value to where it belongs, or gives its error back.
template <class T>
std::optional<Error> store(Result<T>&& result, T& target) {
  if (!result) return result.error();
  target = std::move(*result);
  return std::nullopt;
}

std::optional<Error> read_member(std::string_view key, dom::element value, Requirements& wanted) {
  if (key == "after") return store(read_dependency(key, value), wanted.after);
  if (key == "follow") return store(read_dependency(key, value), wanted.follow);
  if (key == "targets") return store(read_ids<EngineId>(key, value), wanted.targets);
  if (key == "timeout") return store(read_seconds(key, value, 0, {}), wanted.timeout);
  if (key == "retries") return store(read_whole(key, value, 0), wanted.retries);
  if (key == "priority") return store(read_whole(key, value, -kAnyNumber), wanted.priority);
  if (key == "resources") return store(read_resources(value), wanted.resources);
  if (key == "where") return store(read_where(value), wanted.where);
  if (key == "time_limit") return store(read_seconds(key, value, 0, {}), wanted.time_limit);
  if (key == "kill_after") return store(read_seconds(key, value, 0, wanted.kill_after), wanted.kill_after);
  return std::nullopt;
}

void read_label(dom::object metadata, Requirements& wanted) {
  std::string_view text;
  if (metadata["label"].get(text) == simdjson::SUCCESS || metadata["function"].get(text) == simdjson::SUCCESS) {
    wanted.label = text;
  }
}

}  // namespace

struct RequirementsParser::Scratch {
  dom::parser parser;
  std::string
      text;  // the last one that had to be parsed, and what it said: the tasks of a loop or a map all say the same
  Requirements wanted;
};

RequirementsParser::RequirementsParser() : scratch_(std::make_unique<Scratch>()) {}
RequirementsParser::~RequirementsParser() = default;
RequirementsParser::RequirementsParser(RequirementsParser&&) noexcept = default;
RequirementsParser& RequirementsParser::operator=(RequirementsParser&&) noexcept = default;

Result<Requirements> RequirementsParser::parse(std::string_view metadata_json) {
  if (metadata_json == scratch_->text && !metadata_json.empty()) return scratch_->wanted;
  Requirements wanted;
  if (!mentions_a_key(metadata_json)) return wanted;

  dom::object metadata;
  if (scratch_->parser.parse(metadata_json.data(), metadata_json.size()).get(metadata) != simdjson::SUCCESS) {
    return Error{Errc::bad_json, "request metadata is not a JSON object"};
  }
  for (dom::key_value_pair field : metadata) {
    if (auto error = read_member(field.key, field.value, wanted)) return std::move(*error);
  }
  read_label(metadata, wanted);
  if (metadata_json.size() <= kMostRemembered) {
    scratch_->text = metadata_json;
    scratch_->wanted = wanted;
  }
  return wanted;
}

Result<Requirements> parse_requirements(std::string_view metadata_json) {
  if (!mentions_a_key(metadata_json)) return Requirements{};
  return RequirementsParser().parse(metadata_json);
}

}  // namespace camshaft::sched
