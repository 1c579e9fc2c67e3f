#include "apps/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>

namespace camshaft::apps {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::optional<int> to_int(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> to_real(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || end != copy.c_str() + copy.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> to_bool(std::string_view text) {
  const std::string word = lower(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "0" || word == "no" || word == "off") return false;
  return std::nullopt;
}

/// Aliases may be written with _ for -; traits are exact, as Python names are.
std::string canonical(std::string_view name) {
  std::string out(name);
  if (out.find('.') == std::string::npos) std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

bool is_trait(std::string_view name) { return name.find('.') != std::string_view::npos; }

bool is_python_bool(std::string_view text) {
  return text == "True" || text == "False" || text == "true" || text == "false";
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

enum class Shows { nothing, text, json };

/// What a word of the command line says about showing the configuration; nullopt when it is about something else.
/// --show-config, --show-config-json, and the traits behind them: --AnyClass.show_config=True.
std::optional<Shows> says_show_config(std::string_view word) {
  if (word.substr(0, 13) == "--show-config") return word == "--show-config-json" ? Shows::json : Shows::text;
  const auto equals = word.find('=');
  const auto dot = word.find('.');
  if (word.substr(0, 2) != "--" || equals == std::string_view::npos || dot > equals) return std::nullopt;
  const std::string_view trait = word.substr(dot + 1, equals - dot - 1);
  if (trait != "show_config" && trait != "show_config_json") return std::nullopt;
  if (!to_bool(word.substr(equals + 1)).value_or(true)) return Shows::nothing;
  return trait == "show_config" ? Shows::text : Shows::json;
}

}  // namespace

std::string dashed(std::string_view name) { return (name.size() == 1 ? "-" : "--") + std::string(name); }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  std::iota(previous.begin(), previous.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::move(previous);
    previous = row;
  }
  return previous[b.size()];
}

Result<std::vector<int>> parse_ports(std::string_view text) {
  const Error wrong{Errc::bad_value, fmt::format("'{}' is not a list of ports such as 10101-10105,10108", text)};
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  std::vector<int> ports;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    const std::size_t dash = item.find('-');
    const auto first = to_int(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : to_int(item.substr(dash + 1));
    if (!first || !last || *first < 1 || *last > 65535 || *last < *first) return wrong;
    for (int port = *first; port <= *last; ++port) ports.push_back(port);
  }
  return ports;
}

Result<Level> parse_level(std::string_view text) {
  if (const auto number = to_int(text); number && *number >= 0) {
    return *number <= 10 ? Level::debug : *number <= 20 ? Level::info : *number <= 30 ? Level::warning : Level::error;
  }
  const std::string word = lower(text);
  if (word == "debug") return Level::debug;
  if (word == "info") return Level::info;
  if (word == "warn" || word == "warning") return Level::warning;
  if (word == "error" || word == "critical" || word == "fatal") return Level::error;
  return Error{Errc::bad_value, fmt::format("'{}' is not a log level", text)};
}

void OptionTable::text(Names names, std::string& target, std::string help, std::string expects) {
  const auto assign = [&target](std::string_view value) {
    target = value;
    return true;
  };
  add({std::move(names), std::move(help), std::move(expects), assign, false, target});
}

void OptionTable::integer(Names names, int& target, int least, int most, std::string help) {
  std::string expects = least == 0 ? "a whole number, 0 or more" : fmt::format("a whole number, at least {}", least);
  if (most != std::numeric_limits<int>::max()) expects = fmt::format("a whole number from {} to {}", least, most);
  const auto assign = [&target, least, most](std::string_view value) {
    const auto number = to_int(value);
    if (!number || *number < least || *number > most) return false;
    target = *number;
    return true;
  };
  add({std::move(names), std::move(help), std::move(expects), assign, false, std::to_string(target)});
}

void OptionTable::real(Names names, double& target, double least, std::string help) {
  const auto assign = [&target, least](std::string_view value) {
    const auto number = to_real(value);
    if (!number || *number < least) return false;
    target = *number;
    return true;
  };
  add({std::move(names), std::move(help), fmt::format("a number, at least {}", least), assign, false,
       fmt::format("{}", target)});
}

void OptionTable::boolean(Names names, bool& target, std::string help) {
  const auto assign = [&target](std::string_view value) {
    const auto yes = to_bool(value);
    if (yes) target = *yes;
    return yes.has_value();
  };
  add({std::move(names), std::move(help), "True or False", assign, true, target ? "True" : "False"});
}

void OptionTable::choice(Names names, std::string& target, std::vector<std::string> choices, std::string help) {
  std::string expects = fmt::format("one of {}", join(choices, ", "));
  const auto assign = [&target, choices = std::move(choices)](std::string_view value) {
    if (std::find(choices.begin(), choices.end(), value) == choices.end()) return false;
    target = value;
    return true;
  };
  add({std::move(names), std::move(help), std::move(expects), assign, false, target});
}

void OptionTable::level(Names names, Level& target) {
  const auto assign = [&target](std::string_view value) {
    const auto parsed = parse_level(value);
    if (parsed) target = *parsed;
    return parsed.has_value();
  };
  add({std::move(names), "how much to log", "DEBUG, INFO, WARNING, ERROR or a number from 0 to 50", assign, false,
       "INFO"});
}

void OptionTable::ports(Names names, std::vector<int>& target, std::string help) {
  const auto assign = [&target](std::string_view value) {
    auto parsed = parse_ports(value);
    if (parsed) target.insert(target.end(), parsed->begin(), parsed->end());  // lists may be repeated
    return parsed.has_value();
  };
  add({std::move(names), std::move(help), "ports such as 10101-10105,10108", assign, false, ""});
}

void OptionTable::flag(Names names, std::function<void()> action, std::string help) {
  const auto assign = [action = std::move(action)](std::string_view) {
    action();
    return true;
  };
  add({std::move(names), std::move(help), "", assign, false, ""});
}

const Option* OptionTable::find(std::string_view name) const {
  const std::string wanted = canonical(name);
  for (const Option& option : options_) {
    if (std::find(option.names.begin(), option.names.end(), wanted) != option.names.end()) return &option;
  }
  return nullptr;
}

std::pair<std::string, std::size_t> OptionTable::nearest(const std::string& name, bool traits_only) const {
  std::string best = traits_only ? "" : "help";
  std::size_t least = traits_only ? std::numeric_limits<std::size_t>::max() : edit_distance(name, best);
  const auto consider = [&](const std::string& candidate) {
    if (candidate.size() == 1 || (traits_only && !is_trait(candidate))) return;  // everything is near to a letter
    const std::size_t distance = edit_distance(name, lower(candidate));
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  };
  for (const Option& option : options_) {
    for (const std::string& candidate : option.names) consider(candidate);
  }
  for (const std::string& candidate : further_.names) consider(candidate);
  return {best, least};
}

Error OptionTable::unknown(std::string_view written) const {
  const std::string name = lower(written.substr(std::min(written.find_first_not_of('-'), written.size())));
  const auto [near, distance] = nearest(name, false);
  if (distance <= std::max<std::size_t>(2, name.size() / 3)) {
    return Error{Errc::bad_value, fmt::format("unknown option '{}'; did you mean '{}'?", written, dashed(near))};
  }
  return Error{Errc::bad_value, fmt::format("unknown option '{}'; the nearest is '{}', '{} --help-all' lists them all",
                                            written, dashed(near), program_)};
}

Result<Done> OptionTable::set(std::string_view name, std::string_view value) const {
  const Option* option = find(name);
  if (option == nullptr) return unknown(dashed(name));
  return assign(*option, dashed(name), value);
}

Result<Done> OptionTable::assign(const Option& option, std::string_view written, std::string_view value) {
  if (option.expects.empty()) {
    return Error{Errc::bad_value, fmt::format("option '{}' takes no value, but got '{}'", written, value)};
  }
  if (option.assign(value)) return Done{};
  return Error{Errc::bad_value, fmt::format("option '{}' expects {}, but got '{}'", written, option.expects, value)};
}

Result<std::vector<OptionTable::Given>> OptionTable::scan(std::span<const char* const> arguments,
                                                          Parsed& parsed) const {
  std::vector<Given> given;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") {
      for (++i; i < arguments.size(); ++i) parsed.after_dashes.emplace_back(arguments[i]);
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      parsed.positional.emplace_back(argument);
      continue;
    }
    if (argument == "-h" || argument == "--help" || argument == "--help-all") {
      parsed.text = help(argument == "--help-all");
      return given;
    }
    if (argument == "--version") {
      parsed.text = std::string(CAMSHAFT_VERSION) + "\n";
      return given;
    }

    const bool is_long = argument[1] == '-';
    const std::size_t equals = std::min(argument.find('='), argument.size());
    std::string_view name = argument.substr(is_long ? 2 : 1, equals - (is_long ? 2 : 1));
    std::string_view written = argument.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals < argument.size()) {
      value = argument.substr(equals + 1);
    } else if (!is_long && name.size() > 1 && find(name.substr(0, 1)) != nullptr) {  // -n4
      value = name.substr(1);
      name = name.substr(0, 1);
      written = argument.substr(0, 2);
    }
    const Option* option = find(name);
    const bool is_further = option == nullptr && is_long && further_.knows && further_.knows(name);
    if ((option == nullptr && !is_further) || (!is_long && name.size() > 1)) return unknown(written);

    const bool next_is_value = i + 1 < arguments.size();
    if (option != nullptr && option->expects.empty()) {
      if (value) return assign(*option, written, *value).error();
      value = "";
    } else if (!value && option != nullptr && option->boolean) {
      value = next_is_value && is_python_bool(arguments[i + 1]) ? arguments[++i] : "True";
    } else if (!value) {
      const std::string_view next = next_is_value ? arguments[i + 1] : "";
      if (!next_is_value || next.substr(0, 2) == "--") {
        return Error{Errc::bad_value, fmt::format("option '{}' needs a value: {}", written,
                                                  option != nullptr ? option->expects : "a text")};
      }
      value = arguments[++i];
    }
    given.push_back({option, std::string(name), std::string(written), std::string(*value)});
  }
  return given;
}

Result<Parsed> OptionTable::parse(std::span<const char* const> arguments, std::span<const Setting> settings) const {
  Parsed parsed;
  std::vector<const char*> rest;
  bool as_json = false;
  bool ours = true;
  for (const char* argument : arguments) {
    ours = ours && std::string_view(argument) != "--";
    const auto shows = ours ? says_show_config(argument) : std::nullopt;
    if (!shows) {
      rest.push_back(argument);
      continue;
    }
    as_json = as_json || *shows == Shows::json;
    parsed.shows_config = parsed.shows_config || *shows != Shows::nothing;
  }
  const auto given = scan(rest, parsed);
  if (!given) return given.error();
  if (!parsed.text.empty()) {
    parsed.shows_config = false;
    return parsed;
  }
  auto in_force = configure(settings, *given, parsed.notices);
  if (!in_force) return in_force.error();
  parsed.in_force = std::move(*in_force);
  for (const Given& one : *given) {
    if (one.option == nullptr) {
      if (auto done = further_.assign(one.name, one.value); !done) return done.error();
    } else if (one.option->expects.empty()) {
      one.option->assign("");
    } else if (auto done = assign(*one.option, one.written, one.value); !done) {
      return done.error();
    }
  }
  if (parsed.shows_config) {
    std::vector<InForce> said;
    std::copy_if(parsed.in_force.begin(), parsed.in_force.end(), std::back_inserter(said),
                 [](const InForce& one) { return one.origin != "default"; });
    parsed.text = show(said, as_json);
  }
  return parsed;
}

}  // namespace camshaft::apps
