// bindings/client_calls.hpp: functions that a view has sent before, sent again without asking Python what
// cannot have changed meanwhile: the pickle of the function, the metadata of the task.
// Thread: with the GIL. Owns: copies of pickles and metadata; the functions' code objects, which name them; no
// function. Errors: Python exceptions of pickling. What it cannot do, or no longer, it leaves to the long way: submit
// gives None.
#pragma once
#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bindings/client_buffers.hpp"
#include "service/client_service.hpp"

namespace camshaft::bindings {

/// The calls of one view with flags that do not change.
class KnownCalls final {
 public:
  /// `service` must outlive it. `engine`: the uuid of the engine that runs them; nullopt: the scheduler chooses.
  KnownCalls(service::ClientService& service, std::shared_ptr<ReturnedBuffers> returned,
             std::optional<std::string> engine);

  /// From now on, submit() takes `function`, as long as it stays as it is and board().generation() is `generation`.
  /// `pickle` must be decided by what a plain function consists of (python/camshaft/serialize/memo.py), or by its name.
  void learn(nanobind::handle function, std::uint64_t generation, nanobind::str metadata, nanobind::bytes pickle);
  /// The Request of function(*args), sent in our codec; None unless function and engines are as they were
  /// learned, and all arguments numbers, text or None.
  nanobind::object submit(nanobind::handle function, nanobind::tuple args);

 private:
  struct Known {
    nanobind::object code;  // by whose address it is found
    nanobind::object name, qualname, module;
    bool by_name = false;                 // readers import it, so what follows does not matter
    nanobind::object defaults, doc;       // null where the function has none
    std::vector<nanobind::object> notes;  // annotations: names and values in turn
    std::vector<nanobind::object> path;   // of by_name: the qualified name, part by part
    Blob metadata, pickle;
  };
  bool unchanged(const Known& known, const PyFunctionObject& function) const;
  Blob pickled(nanobind::tuple args) const;

  service::ClientService& service_;
  const std::shared_ptr<ReturnedBuffers> returned_;
  const std::optional<std::string> engine_;
  const nanobind::object dumps_;
  Blob no_arguments_;
  std::uint64_t generation_ = 0;
  std::unordered_map<const void*, Known> known_;
};

void bind_calls(nanobind::module_& module);

}  // namespace camshaft::bindings
