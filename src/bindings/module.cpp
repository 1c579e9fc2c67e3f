#include "bindings/bindings.hpp"

NB_MODULE(_core, module) {
  module.doc() = "The C++ core of camshaft: the client's connection, the engine's message loop, and the local cluster.";
  // A client that is still open at exit is the process's to clean up, not a leak worth a page of warnings.
  nanobind::set_leak_warnings(false);
  module.def(
      "version", [] { return CAMSHAFT_VERSION; }, "The version of camshaft, for instance '0.1.0'.");
  camshaft::bindings::bind_client(module);
  camshaft::bindings::bind_controller(module);
#ifdef CAMSHAFT_HAS_ENGINE
  camshaft::bindings::bind_engine(module);
  camshaft::bindings::bind_engine_keeper(module);
#endif
#ifdef CAMSHAFT_HAS_CLUSTER
  camshaft::bindings::bind_cluster(module);
#endif
}
