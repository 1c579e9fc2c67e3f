// What a table of options says about itself: help, values in force, a configuration file to start from.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "apps/options.hpp"

namespace camshaft::apps {
namespace {

bool is_trait(std::string_view name) { return name.find('.') != std::string_view::npos; }

/// Breaks `text` at spaces into lines of at most `width`, indented by `indent`.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out, line;
  const auto flush = [&] {
    if (!line.empty()) out += std::string(indent, ' ') + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (!line.empty() && indent + line.size() + 1 + end > width) flush();
    if (!line.empty()) line += ' ';
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  flush();
  return out;
}

/// A default as it stands in a Python file.
std::string literal(const Option& option) {
  const std::string& text = option.fallback;
  if (option.boolean) return text;
  if (option.expects.rfind("ports", 0) == 0 || option.expects.rfind("a command line", 0) == 0) return "[]";
  const bool is_number = !text.empty() && option.expects.find("number") != std::string::npos &&
                         std::all_of(text.begin(), text.end(), [](unsigned char c) {
                           return std::isdigit(c) != 0 || c == '.' || c == '-' || c == 'e' || c == '+';
                         });
  return is_number ? text : nlohmann::json(text).dump();
}

/// JSON as Python writes it, on one line.
std::string python_text(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_null()) return "None";
  return value.dump();
}

}  // namespace

std::string OptionTable::help(bool all) const {
  std::string out = usage_ + "\n\nOptions (--name=value or --name value):\n";
  const auto describe = [&out](const Option& option, const std::vector<std::string>& names) {
    std::vector<std::string> spellings;
    for (const std::string& name : names) spellings.push_back(dashed(name));
    std::string line = fmt::format("{}", fmt::join(spellings, ", "));
    if (!option.expects.empty()) line += fmt::format("  <{}>", option.expects);
    out += "  " + line + "\n";
    const std::string fallback = option.fallback.empty() ? "" : fmt::format(" [default: {}]", option.fallback);
    out += wrapped(option.help + fallback, 6, 100);
  };
  for (const Option& option : options_) {
    std::vector<std::string> names;
    std::copy_if(option.names.begin(), option.names.end(), std::back_inserter(names),
                 [&](const std::string& name) { return all || !is_trait(name); });
    if (!names.empty()) describe(option, names);
  }
  if (all && !further_.help.empty()) out += further_.help;
  out +=
      "  -h, --help\n      this help\n  --help-all\n      also the options that only have a long name "
      "(--Class.trait=value)\n  --version\n      the version\n  --show-config, --show-config-json\n      what "
      "differs from the defaults, and who said so\n";
  return out;
}

std::string OptionTable::config_file() const {
  std::string out = fmt::format(
      "# What {} is told where its command line says nothing. Take the # away to change a value.\n"
      "\nc = get_config()  # noqa: F821\n",
      program_);
  for (const Option& option : options_) {
    const auto trait = std::find_if(option.names.begin(), option.names.end(), is_trait);
    if (trait == option.names.end()) continue;
    std::string about = wrapped(option.help, 2, 100);
    for (std::size_t at = 0; at < about.size(); at = about.find('\n', at) + 1) about.replace(at, 2, "# ");
    out += fmt::format("\n{}# c.{} = {}\n", about, *trait, literal(option));
  }
  return out;
}

std::string show(std::span<const InForce> values, bool as_json) {
  if (as_json) {
    auto list = nlohmann::json::array();
    for (const InForce& one : values) {
      list.push_back({{"name", one.name}, {"value", one.value}, {"origin", one.origin}});
    }
    return list.dump(2) + "\n";
  }
  std::string out;
  for (const InForce& one : values) {
    out += fmt::format("{} = {}  # {}\n", one.name, python_text(one.value), one.origin);
  }
  return out.empty() ? "# nothing but defaults\n" : out;
}

}  // namespace camshaft::apps
