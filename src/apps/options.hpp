// apps/options.hpp: command lines in the original's style: --name=value, --name value, --Class.trait=value, --flag,
// -n 4. Thread: built and used on one thread. Owns: the table; borrows the targets that it fills, which must outlive
// parse(). Errors: Errc::bad_value with one line (no program name in front) that names the option and what it expects,
// or the
//         nearest known option.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.hpp"
#include "core/result.hpp"

namespace camshaft::apps {

/// A whole range of ports or none: "10101-10105,10108" and "[10101, 10108]".
Result<std::vector<int>> parse_ports(std::string_view text);
/// DEBUG, info, 30, ...
Result<Level> parse_level(std::string_view text);
/// The fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// One option with all its spellings. Names of one letter are written -n, names with a dot are traits.
struct Option {
  std::vector<std::string> names;
  std::string help;
  std::string expects;                           // "a whole number", "true or false"; "" = a flag without a value
  std::function<bool(std::string_view)> assign;  // false: the value is not what is expected
  bool boolean = false;                          // `--name` alone means true
  std::string fallback;                          // shown in the help
};

/// A value of `Class.trait` that a configuration file or the environment gives; the command line wins over it.
struct Setting {
  std::string name;
  nlohmann::json value;
  std::string origin;  // a file, or "environment NAME"
  bool is_environment() const { return origin.rfind("environment ", 0) == 0; }
  bool operator==(const Setting&) const = default;
};

/// What one option has come to, and who said so: a file, "environment NAME", "command line" or "default".
struct InForce {
  std::string name;
  nlohmann::json value;
  std::string origin;
  bool operator==(const InForce&) const = default;
};

/// Options that are not in a table, such as those of launcher classes.
struct FurtherOptions {
  std::function<bool(std::string_view name)> knows;
  std::function<Result<Done>(std::string_view name, const nlohmann::json& value)> assign;
  std::vector<std::string> names;  // from which the nearest to an unknown one is chosen
  std::string help;                // for --help-all
};

/// What is left of a command line when the options are taken out.
struct Parsed {
  std::vector<std::string> positional;
  std::vector<std::string> after_dashes;  // what follows "--"
  std::string text;                       // help or version asked for: print it to stdout and exit 0
  bool shows_config = false;              // the text is what is in force
  std::vector<InForce> in_force;          // of every option, in the order of the table
  std::vector<std::string> notices;       // about settings that have no effect
};

/// Lines "Class.trait = value  # origin", or the same as JSON.
std::string show(std::span<const InForce> values, bool as_json);

class OptionTable {
 public:
  /// `usage` is the first paragraph of the help.
  OptionTable(std::string program, std::string usage) : program_(std::move(program)), usage_(std::move(usage)) {}

  using Names = std::vector<std::string>;
  void text(Names names, std::string& target, std::string help, std::string expects = "a text");
  void integer(Names names, int& target, int least, int most, std::string help);
  void real(Names names, double& target, double least, std::string help);
  void boolean(Names names, bool& target, std::string help);
  void choice(Names names, std::string& target, std::vector<std::string> choices, std::string help);
  void level(Names names, Level& target);
  void ports(Names names, std::vector<int>& target, std::string help);
  /// A flag that does something of its own.
  void flag(Names names, std::function<void()> action, std::string help);
  void add(Option option) { options_.push_back(std::move(option)); }
  void add_further(FurtherOptions further) { further_ = std::move(further); }

  /// Fills the targets, first from `settings` (of several for one option the environment's wins, else the most special
  /// class, else the last), then from the command line. `arguments` has no program name in front.
  Result<Parsed> parse(std::span<const char* const> arguments, std::span<const Setting> settings = {}) const;
  /// Sets one option by any of its names, as parse does; for configuration from elsewhere.
  Result<Done> set(std::string_view name, std::string_view value) const;
  bool knows(std::string_view name) const { return find(name) != nullptr; }
  /// A configuration file with every trait and its default, commented out.
  std::string config_file() const;

  std::string help(bool all) const;
  /// "unknown option '--pin'; did you mean '--ping'? ..."
  Error unknown(std::string_view written) const;

 private:
  static Result<Done> assign(const Option& option, std::string_view written, std::string_view value);
  struct Given {           // one option of a command line
    const Option* option;  // nullptr: one of further_
    std::string name, written, value;
  };
  Result<std::vector<Given>> scan(std::span<const char* const> arguments, Parsed& parsed) const;
  Result<std::vector<InForce>> configure(std::span<const Setting> settings, std::span<const Given> given,
                                         std::vector<std::string>& notices) const;
  std::string unknown_setting(const Setting& setting) const;
  /// The known name that looks most like `name`, and how far it is from it.
  std::pair<std::string, std::size_t> nearest(const std::string& name, bool traits_only) const;
  const Option* find(std::string_view name) const;
  std::string program_;
  std::string usage_;
  std::vector<Option> options_;
  FurtherOptions further_;
};

/// "--ip", "-n".
std::string dashed(std::string_view name);

}  // namespace camshaft::apps
