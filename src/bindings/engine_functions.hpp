// bindings/engine_functions.hpp: calls in our own codec that an engine can unpack without its Python half: small ones,
// whose function's pickle was read before.
// Thread: with the GIL. Owns: the functions that it keeps, and their pickles.
// Errors: Python exceptions of unpickling. What it cannot do it leaves to the long way: call() gives None.
#pragma once
#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "service/engine_service.hpp"

namespace camshaft::bindings {

class EngineFunctions final {
 public:
  /// `namespace_of_user`: the dict of the engine's `__main__`; `codec`: what requests in our own codec say.
  EngineFunctions(nanobind::dict namespace_of_user, std::string codec);

  /// What the pickle gives: `function`, as long as nobody changes it, or, if that is None, a new object each time.
  void learn(nanobind::bytes pickle, nanobind::object function);
  /// (f, args, kwargs) of a request; None when it has to be unpacked the long way.
  nanobind::object call(const service::EngineTask& task);

 private:
  struct Known {
    nanobind::object function;  // null: read anew
    nanobind::object code, defaults;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  nanobind::object loads(std::string_view pickle) const;

  const nanobind::dict namespace_;
  const std::string codec_;
  const nanobind::object loads_;
  const std::string no_arguments_;
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;
};

}  // namespace camshaft::bindings
