// apps/configuration.hpp: the configuration files of a profile, ip{cluster,controller,engine,logger}_config.{py,json},
// which the Python of the engines evaluates (python -m camshaft.config). It is only started when a file says something.
// Thread: any; waits for Python. Owns: nothing. Errors: one line that names the file.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "apps/controller_options.hpp"
#include "apps/options.hpp"
#include "cluster/profile.hpp"
#include "core/result.hpp"

namespace camshaft::apps {

struct Configuration {
  std::vector<std::string> files;  // that were evaluated
  std::vector<Setting> settings;
  std::vector<std::string> warnings;
};

/// False for a Python file of comments and blank lines, with or without c = get_config().
bool says_something(std::string_view python_file);

/// What `program` is told by the files of `profile`, of the system, and by `more` (--config).
Result<Configuration> load_configuration(const std::string& program, const cluster::Profile& profile,
                                         const std::vector<std::string>& more);
/// The JSON that python -m camshaft.config prints.
Result<Configuration> parse_configuration(std::string_view json);

/// `parse` (a function of settings) is asked twice: for the profile, and again with what its files say.
template <class Parse>
auto parse_with_configuration(const std::string& program, const Parse& parse) -> decltype(parse({})) {
  auto first = parse({});
  if (!first || (!first->text.empty() && !first->shows_config)) return first;
  auto configuration = load_configuration(program, first->profile, first->config_files);
  if (!configuration) return configuration.error();
  if (configuration->files.empty()) return first;
  auto second = parse(configuration->settings);
  if (second) {
    auto& notices = second->notices;
    notices.insert(notices.begin(), configuration->warnings.begin(), configuration->warnings.end());
  }
  return second;
}

/// Writes <profile>/<program>_config.py for those of `programs` that have none, or for all; returns the paths written.
Result<std::vector<std::string>> write_config_files(const cluster::Profile& profile,
                                                    const std::vector<std::string>& programs, bool overwrite);

}  // namespace camshaft::apps
