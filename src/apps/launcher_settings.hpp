// apps/launcher_settings.hpp: what configuration files and command lines say about launchers, by the classes of the
// original, such as c.SlurmLauncher.queue, made into the flat options of one launcher.
// Thread: one. Owns: what was said. Errors: one line that names the option and the nearest known one.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/options.hpp"
#include "cluster/launchers.hpp"
#include "core/result.hpp"

namespace camshaft::apps {

class LauncherSettings final {
 public:
  /// For OptionTable::add_further; borrows this object.
  FurtherOptions further();
  /// What was said about the launcher: options of its general classes, over which go those of more special ones, over
  /// which go `own`.
  nlohmann::json options_of(const cluster::Launcher& launcher, cluster::Role role, const nlohmann::json& own) const;

 private:
  Result<Done> assign(std::string_view name, const nlohmann::json& value);
  std::map<std::string, nlohmann::json> by_class_;  // class -> {trait: value}
  std::map<std::string, bool> from_text_;           // "Class.trait" -> a command line has begun a list
};

/// The classes of a launcher, from the most general to the most special one; those of somebody else's class are its own
/// name and the general ones.
std::vector<std::string> launcher_classes(const cluster::Launcher& launcher, cluster::Role role);

}  // namespace camshaft::apps
