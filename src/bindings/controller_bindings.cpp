// bindings/controller_bindings.cpp: camshaft._core.run_controller: ipcontroller in this process, with a task scheme
// written in Python. The controller's threads run without the GIL; the task thread takes it for each choice.
#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/controller_program.hpp"
#include "bindings/bindings.hpp"

namespace nb = nanobind;

namespace camshaft::bindings {
namespace {

template <class T>
nb::list list_of(std::span<const T> values) {
  nb::list out;
  for (const T value : values) out.append(value);
  return out;
}

/// `scheme(loads, counts, engines) -> index` as a chooser.
sched::Chooser chooser_of(nb::callable scheme) {
  // Copies of a chooser come and go on any thread: only the last one touches Python.
  std::shared_ptr<nb::callable> held(new nb::callable(std::move(scheme)), [](nb::callable* last) {
    const nb::gil_scoped_acquire locked;
    delete last;
  });
  return [held = std::move(held)](const sched::Candidates& candidates, Rng&) -> std::size_t {
    const nb::gil_scoped_acquire locked;
    try {
      const nb::object answer =
          (*held)(list_of(candidates.loads), list_of(candidates.counts), list_of(candidates.engines));
      std::size_t index = 0;
      if (!nb::try_cast(answer, index)) {
        throw std::runtime_error(fmt::format("it returned {}, not an index", nb::repr(answer).c_str()));
      }
      return index;
    } catch (const nb::python_error& error) {
      throw std::runtime_error(
          fmt::format("{}: {}", nb::type_name(error.type()).c_str(), nb::str(error.value()).c_str()));
    }
  };
}

}  // namespace

void bind_controller(nb::module_& module) {
  module.def(
      "run_controller",
      [](const std::vector<std::string>& arguments, nb::object scheme, const std::string& name) {
        apps::OwnScheme own;
        if (!scheme.is_none()) own = {name, chooser_of(nb::cast<nb::callable>(scheme))};
        std::vector<const char*> argv;
        for (const std::string& one : arguments) argv.push_back(one.c_str());
        const nb::gil_scoped_release unlocked;
        const int status = apps::run_controller(argv, own);
        own.chooser = nullptr;
        return status;
      },
      nb::arg("arguments"), nb::arg("scheme") = nb::none(), nb::arg("name") = "",
      "Run ipcontroller with these arguments until it is told to stop; the exit status. Call it on the main thread of "
      "a\n"
      "process that does nothing else: it takes over SIGINT, SIGTERM and SIGHUP.");
}

}  // namespace camshaft::bindings
