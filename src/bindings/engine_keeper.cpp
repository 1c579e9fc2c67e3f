// bindings/engine_keeper.cpp: camshaft._core.EngineKeeper, for python/camshaft/engine/keeper.py.
#include "service/engine_keeper.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>

#include "bindings/bindings.hpp"
#include "service/tell_controller.hpp"

namespace nb = nanobind;

namespace camshaft::bindings {

void bind_engine_keeper(nb::module_& m) {
  using service::EngineKeeper;
  nb::class_<EngineKeeper>(m, "EngineKeeper", "How an engine ended, and whether it is started again.")
      .def(nb::init<int>(), nb::arg("restarts"))
      .def("started", &EngineKeeper::started, "An engine runs.")
      .def(
          "how",
          [](const EngineKeeper& self, int code, int signal) {
            return self.how({code, signal});
          },
          nb::arg("code"), nb::arg("signal"), "An end in words; `signal`: 0 when it exited by itself.")
      .def(
          "again",
          [](EngineKeeper& self) -> std::optional<double> {
            const auto pause = self.again();
            if (!pause) return std::nullopt;
            return std::chrono::duration<double>(*pause).count();
          },
          "It died: seconds until the next is to be started, None when there is no next.")
      .def("forget", &EngineKeeper::forget, "To be called every few seconds: what happened long ago explains nothing.");
  m.def(
      "tell_engine_end",
      [](const std::string& connection, const std::string& uuid, int pid, const std::string& how,
         std::optional<std::string> location, std::optional<std::string> key,
         std::optional<std::string> curve_serverkey, double patience) -> std::optional<bool> {
        const service::ControllerPlace place{connection, std::move(location), std::move(key),
                                             std::move(curve_serverkey)};
        const nb::gil_scoped_release unlocked;
        const auto wait = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(patience));
        const auto told = service::tell_end(place, {uuid, pid, how}, wait);
        if (told == service::Told::nobody) return std::nullopt;
        return told != service::Told::unknown;
      },
      nb::kw_only(), nb::arg("connection"), nb::arg("uuid"), nb::arg("pid"), nb::arg("how"),
      nb::arg("location") = nb::none(), nb::arg("key") = nb::none(), nb::arg("curve_serverkey") = nb::none(),
      nb::arg("patience") = 2.0,
      "Tell the controller how an engine of this computer ended; None: no controller answers; False: it does not list "
      "the engine.");
}

}  // namespace camshaft::bindings
