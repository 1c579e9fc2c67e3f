// How the settings of configuration files and of the environment reach a table of options.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "apps/options.hpp"

namespace camshaft::apps {
namespace {

/// As the command line would say it; nullopt for None: the default stays.
std::optional<std::string> as_text(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.dump();
}

/// A text as a value of the option's kind.
nlohmann::json typed(const Option& option, const std::string& text) {
  if (option.boolean) return text == "True" || text == "true";
  if (option.expects.find("number") == std::string::npos) return text;
  auto number = nlohmann::json::parse(text, nullptr, false);
  return number.is_number() ? number : nlohmann::json(text);
}

bool is_secret(const std::string& name) { return name == "Session.key" || name == "IPController.curve_secretkey"; }

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Classes of IPython and Jupyter that share our files and are theirs to judge.
bool is_foreign(std::string_view owner) {
  for (const std::string_view word : {"Shell", "Kernel", "History", "Formatter", "Completer", "Magics", "Backend",
                                      "Alias", "Prefilter", "Notebook", "Terminal", "Display"}) {
    if (owner.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string OptionTable::unknown_setting(const Setting& setting) const {
  std::string name = setting.name;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto [near, distance] = nearest(name, true);
  const bool is_near = distance <= std::max<std::size_t>(3, name.size() / 4);
  return fmt::format("{}: {} knows no c.{}, so it has no effect{}", setting.origin, program_, setting.name,
                     is_near ? fmt::format("; did you mean c.{}?", near) : "");
}

Result<std::vector<InForce>> OptionTable::configure(std::span<const Setting> settings, std::span<const Given> given,
                                                    std::vector<std::string>& notices) const {
  struct Best {
    const Setting* setting;
    std::pair<bool, std::size_t> rank;
  };
  std::map<const Option*, Best> best;
  std::vector<InForce> of_further;
  for (const Setting& setting : settings) {
    const Option* option = find(setting.name);
    if (option == nullptr) {
      if (further_.knows && further_.knows(setting.name)) {
        if (auto done = further_.assign(setting.name, setting.value); !done) {
          return Error{Errc::bad_value, fmt::format("{}, in {}", done.error().message, setting.origin)};
        }
        of_further.push_back({setting.name, setting.value, setting.origin});
      } else if (file_name(setting.origin).rfind("ipython_config", 0) != 0 &&
                 !is_foreign(setting.name.substr(0, setting.name.find('.')))) {
        notices.push_back(unknown_setting(setting));
      }
      continue;
    }
    const auto at = std::find(option->names.begin(), option->names.end(), setting.name) - option->names.begin();
    const std::pair rank{setting.is_environment(), static_cast<std::size_t>(at)};
    const auto [found, is_new] = best.try_emplace(option, Best{&setting, rank});
    if (!is_new && rank >= found->second.rank) found->second = {&setting, rank};
  }

  std::vector<InForce> values;
  for (const Option& option : options_) {
    const auto trait = std::find_if(option.names.begin(), option.names.end(),
                                    [](const std::string& name) { return name.find('.') != std::string::npos; });
    InForce value{trait != option.names.end() ? *trait : dashed(option.names.front()), typed(option, option.fallback),
                  "default"};
    const auto said =
        std::find_if(given.rbegin(), given.rend(), [&](const Given& one) { return one.option == &option; });
    if (said != given.rend()) {
      value = {value.name, typed(option, said->value), "command line"};
    } else if (const auto found = best.find(&option); found != best.end()) {
      const Setting& setting = *found->second.setting;
      const auto text = as_text(setting.value);
      if (!text) continue;
      if (!option.expects.empty() && !option.assign(*text)) {
        return Error{Errc::bad_value, fmt::format("c.{} expects {}, but is {} in {}", setting.name, option.expects,
                                                  setting.value.dump(), setting.origin)};
      }
      value = {value.name, setting.value, setting.origin};
    } else if (trait == option.names.end()) {
      continue;  // a flag that nobody gave
    }
    // NOLINTNEXTLINE(readability-container-size-empty): JSON's own empty() does not ask whether text is
    if (is_secret(value.name) && value.value != "") value.value = "(hidden)";
    values.push_back(std::move(value));
  }
  values.insert(values.end(), of_further.begin(), of_further.end());
  for (const Given& one : given) {
    if (one.option == nullptr) values.push_back({one.name, one.value, "command line"});
  }
  return values;
}

}  // namespace camshaft::apps
