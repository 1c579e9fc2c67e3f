// bindings/functions.hpp: what functions of user code consist of, read from the function objects themselves.
// Thread: with the GIL. Owns: nothing. Errors: none.
#pragma once
#include <Python.h>

namespace camshaft::bindings {

/// The dict of `__main__`, borrowed; null when there is none.
inline PyObject* main_namespace() {
  PyObject* main = PyDict_GetItemString(PyImport_GetModuleDict(), "__main__");
  return main != nullptr && PyModule_Check(main) ? PyModule_GetDict(main) : nullptr;
}

/// Null unless `object` is exactly a Python function, borrowed.
inline const PyFunctionObject* as_function(PyObject* object) {
  return Py_TYPE(object) == &PyFunction_Type ? reinterpret_cast<const PyFunctionObject*>(object) : nullptr;
}

/// No closure, no keyword defaults, no attributes of its own: nothing in it but `defaults` can pass from call to call.
inline bool is_bare(const PyFunctionObject& function) {
  return function.func_closure == nullptr && function.func_kwdefaults == nullptr &&
         (function.func_dict == nullptr || PyDict_GET_SIZE(function.func_dict) == 0);
}

}  // namespace camshaft::bindings
