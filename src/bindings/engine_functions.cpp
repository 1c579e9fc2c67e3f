#include "bindings/engine_functions.hpp"

#include <utility>

#include "bindings/functions.hpp"

namespace nb = nanobind;

namespace camshaft::bindings {

namespace {
constexpr std::size_t kMostFunctions = 256;
constexpr std::size_t kLargest = 8192;  // bytes of a pickle; as serialize/memo.py remembers them

std::string nothing_pickled() {
  const nb::object pickle = nb::module_::import_("pickle").attr("dumps")(nb::make_tuple(nb::tuple(), nb::dict()), 5);
  return std::string(nb::cast<nb::bytes>(pickle).c_str(), nb::len(pickle));
}
}  // namespace

EngineFunctions::EngineFunctions(nb::dict namespace_of_user, std::string codec)
    : namespace_(std::move(namespace_of_user)),
      codec_(std::move(codec)),
      loads_(nb::module_::import_("pickle").attr("loads")),
      no_arguments_(nothing_pickled()) {}

void EngineFunctions::learn(nb::bytes pickle, nb::object function) {
  if (pickle.size() > kLargest) return;
  if (known_.size() >= kMostFunctions) known_.clear();
  Known known;
  if (const PyFunctionObject* parts = as_function(function.ptr())) {
    known.code = nb::borrow(parts->func_code);
    if (parts->func_defaults != nullptr) known.defaults = nb::borrow(parts->func_defaults);
    known.function = std::move(function);
  }
  known_.insert_or_assign(std::string(pickle.c_str(), pickle.size()), std::move(known));
}

nb::object EngineFunctions::loads(std::string_view pickle) const {
  return loads_(nb::bytes(pickle.data(), pickle.size()));
}

nb::object EngineFunctions::call(const service::EngineTask& task) {
  if (task.buffers.size() != 2 || task.buffers[1].size() > kLargest || task.metadata.codec != codec_ ||
      main_namespace() != namespace_.ptr())
    return nb::none();
  const auto found = known_.find(task.buffers[0].view());
  if (found == known_.end()) return nb::none();
  nb::object function = found->second.function;
  if (function.is_valid()) {
    const PyFunctionObject& parts = *as_function(function.ptr());
    if (parts.func_code != found->second.code.ptr() || parts.func_defaults != found->second.defaults.ptr() ||
        parts.func_globals != namespace_.ptr() || !is_bare(parts)) {
      known_.erase(found);
      return nb::none();
    }
  } else {
    function = loads(task.buffers[0].view());
  }
  const std::string_view arguments = task.buffers[1].view();
  if (arguments == no_arguments_) return nb::make_tuple(function, nb::tuple(), nb::dict());
  const nb::object read = loads(arguments);
  return nb::make_tuple(function, read[0], read[1]);
}

}  // namespace camshaft::bindings
