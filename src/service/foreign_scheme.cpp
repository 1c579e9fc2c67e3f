#include "service/foreign_scheme.hpp"

#include <camshaft/scheme.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <exception>
#include <memory>
#include <utility>

namespace camshaft::service {

bool names_function(std::string_view scheme) { return scheme.find(':') != std::string_view::npos; }

Result<sched::Chooser> load_scheme(std::string_view path_and_function) {
  const std::size_t colon = path_and_function.rfind(':');
  const std::string path(path_and_function.substr(0, colon));
  const std::string function(colon == std::string_view::npos ? "" : path_and_function.substr(colon + 1));
  if (path.empty() || function.empty()) {
    return Error{Errc::bad_value, fmt::format("scheme '{}' is neither one of ours nor LIBRARY:FUNCTION, such as "
                                              "./libmine.so:function",
                                              path_and_function)};
  }
  const auto reason = [](const char* otherwise) {
    const char* said = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it for each thread
    return std::string(said != nullptr ? said : otherwise);
  };
  void* opened = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) {
    return Error{Errc::unavailable,
                 fmt::format("cannot load the scheme's library '{}': {}", path, reason("no reason given"))};
  }
  std::shared_ptr<void> library(opened, [](void* handle) { dlclose(handle); });
  auto* pick = reinterpret_cast<camshaft_scheme*>(dlsym(opened, function.c_str()));
  if (pick == nullptr) {
    return Error{Errc::unavailable, fmt::format("the scheme's library '{}' has no function '{}': define it, in C++ as "
                                                "extern \"C\"",
                                                path, function)};
  }
  return sched::Chooser([library = std::move(library), pick](const sched::Candidates& c, Rng& rng) {
    const camshaft_candidates candidates{
        sizeof(camshaft_candidates), c.loads.size(), c.loads.data(), c.counts.data(), c.engines.data(), rng()};
    return pick(&candidates);
  });
}

sched::Chooser guarded(sched::Chooser chooser, std::string name, Log& log) {
  return [chooser = std::move(chooser), name = std::move(name), &log, complained = false](
             const sched::Candidates& candidates, Rng& rng) mutable -> std::size_t {
    std::string what;
    try {
      const std::size_t index = chooser(candidates, rng);
      if (index < candidates.loads.size()) return index;
      what = fmt::format("answered {} where there are {} engines to choose from", index, candidates.loads.size());
    } catch (const std::exception& error) {
      what = fmt::format("failed: {}", error.what());
    }
    if (!std::exchange(complained, true)) {
      log.warning("scheme '{}' {}; such tasks go to the least recently used engine (said once)", name, what);
    }
    return 0;
  };
}

}  // namespace camshaft::service
