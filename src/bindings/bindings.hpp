// bindings/bindings.hpp: what the extension module consists of; each part is bound in files of its own name.
// Thread: called once, by the import, with the GIL. Errors: Python exceptions.
#pragma once
#include <nanobind/nanobind.h>

namespace camshaft::bindings {

void bind_client(nanobind::module_& module);
void bind_engine(nanobind::module_& module);
void bind_engine_keeper(nanobind::module_& module);
void bind_cluster(nanobind::module_& module);
void bind_controller(nanobind::module_& module);

}  // namespace camshaft::bindings
