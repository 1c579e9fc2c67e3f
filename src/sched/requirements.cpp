#include "sched/requirements.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace camshaft::sched {
namespace {

namespace dom = simdjson::dom;

constexpr std::array<std::string_view, 5> kKeys = {"\"after\"", "\"follow\"", "\"targets\"", "\"timeout\"",
                                                   "\"retries\""};
constexpr double kLongestTimeout = 1e9;  // seconds; what steady_clock can hold beside any `now`

bool mentions_a_key(std::string_view json) {
  // A backslash could spell a key in escapes: leave that to the real parser.
  if (json.find('\\') != json.npos) return true;
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

Result<Duration> read_timeout(dom::element value) {
  double seconds = 0;
  if (value.is_null()) return Duration{};
  if (value.get(seconds) != simdjson::SUCCESS || !std::isfinite(seconds)) return bad("timeout", "a number of seconds");
  seconds = std::clamp(seconds, -kLongestTimeout, kLongestTimeout);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

Result<std::int32_t> read_retries(dom::element value) {
  if (value.is_null()) return 0;
  double number = 0;
  if (value.get(number) != simdjson::SUCCESS || number != std::floor(number)) return bad("retries", "a whole number");
  return static_cast<std::int32_t>(std::clamp(number, 0.0, double{std::numeric_limits<std::int32_t>::max()}));
}

}  // namespace

struct RequirementsParser::Scratch {
  dom::parser parser;
};

RequirementsParser::RequirementsParser() : scratch_(std::make_unique<Scratch>()) {}
RequirementsParser::~RequirementsParser() = default;
RequirementsParser::RequirementsParser(RequirementsParser&&) noexcept = default;
RequirementsParser& RequirementsParser::operator=(RequirementsParser&&) noexcept = default;

Result<Requirements> RequirementsParser::parse(std::string_view metadata_json) {
  Requirements wanted;
  if (!mentions_a_key(metadata_json)) return wanted;

  dom::object metadata;
  if (scratch_->parser.parse(metadata_json.data(), metadata_json.size()).get(metadata) != simdjson::SUCCESS) {
    return Error{Errc::bad_json, "request metadata is not a JSON object"};
  }
  for (dom::key_value_pair field : metadata) {
    const std::string_view key = field.key;
    if (key == "after" || key == "follow") {
      auto dependency = read_dependency(key, field.value);
      if (!dependency) return dependency.error();
      (key == "after" ? wanted.after : wanted.follow) = std::move(*dependency);
    } else if (key == "targets") {
      auto targets = read_ids<EngineId>(key, field.value);
      if (!targets) return targets.error();
      wanted.targets = std::move(*targets);
    } else if (key == "timeout") {
      auto timeout = read_timeout(field.value);
      if (!timeout) return timeout.error();
      wanted.timeout = *timeout;
    } else if (key == "retries") {
      auto retries = read_retries(field.value);
      if (!retries) return retries.error();
      wanted.retries = *retries;
    }
  }
  return wanted;
}

Result<Requirements> parse_requirements(std::string_view metadata_json) {
  if (!mentions_a_key(metadata_json)) return Requirements{};
  return RequirementsParser().parse(metadata_json);
}

}  // namespace camshaft::sched
