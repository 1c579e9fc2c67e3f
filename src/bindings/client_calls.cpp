#include "bindings/client_calls.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "bindings/client_requests.hpp"
#include "bindings/functions.hpp"

namespace nb = nanobind;

namespace camshaft::bindings {

namespace {

constexpr std::size_t kMostFunctions = 64;

bool is_atom(PyObject* value) {
  const PyTypeObject* type = Py_TYPE(value);
  return value == Py_None || type == &PyLong_Type || type == &PyFloat_Type || type == &PyUnicode_Type ||
         type == &PyBool_Type || type == &PyComplex_Type;
}

nb::object shared(PyObject* maybe) { return maybe == nullptr ? nb::object() : nb::borrow(maybe); }

// Equal for sure: the same object, or the same text.
bool same(PyObject* one, PyObject* other) {
  if (one == other) return true;
  return one != nullptr && other != nullptr && PyUnicode_CheckExact(one) && PyUnicode_CheckExact(other) &&
         PyUnicode_Compare(one, other) == 0;
}

// Annotations are a tuple until somebody asks for them, then a dict. False as soon as `visit` is.
template <class Visit>
bool for_each_note(const PyFunctionObject& function, Visit visit) {
  PyObject* notes = function.func_annotations;
  if (notes == nullptr) return true;
  if (PyTuple_CheckExact(notes)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(notes); ++i)
      if (!visit(PyTuple_GET_ITEM(notes, i))) return false;
    return true;
  }
  if (!PyDict_Check(notes)) return false;
  PyObject *key = nullptr, *value = nullptr;
  Py_ssize_t at = 0;
  while (PyDict_Next(notes, &at, &key, &value))
    if (!visit(key) || !visit(value)) return false;
  return true;
}

// Whether module and qualified name still lead to the function.
bool leads_to(PyObject* function, PyObject* module, const std::vector<nb::object>& path) {
  PyObject* start = PyDict_GetItemWithError(PyImport_GetModuleDict(), module);  // borrowed
  nb::object found = shared(start);
  for (const nb::object& part : path) {
    if (!found.is_valid()) break;
    found = nb::steal(PyObject_GetAttr(found.ptr(), part.ptr()));
  }
  if (found.is_valid()) return found.ptr() == function;
  PyErr_Clear();
  return false;
}

Blob copy_of(const nb::bytes& bytes) { return Blob::of(std::string(bytes.c_str(), bytes.size())); }

}  // namespace

KnownCalls::KnownCalls(service::ClientService& service, std::shared_ptr<ReturnedBuffers> returned,
                       std::optional<std::string> engine)
    : service_(service),
      returned_(std::move(returned)),
      engine_(std::move(engine)),
      dumps_(nb::module_::import_("pickle").attr("dumps")),
      no_arguments_(pickled(nb::tuple())) {}

void KnownCalls::learn(nb::handle function, std::uint64_t generation, nb::str metadata, nb::bytes pickle) {
  const PyFunctionObject* object = as_function(function.ptr());
  if (object == nullptr) throw nb::type_error("only functions can be learned");
  const PyFunctionObject& parts = *object;
  if (generation != generation_ || known_.size() >= kMostFunctions) known_.clear();
  generation_ = generation;
  Known known;
  known.code = shared(parts.func_code);
  known.name = shared(parts.func_name);
  known.qualname = shared(parts.func_qualname);
  known.module = shared(parts.func_module);
  known.metadata = Blob::of(std::string(metadata.c_str()));
  known.pickle = copy_of(pickle);
  known.by_name = parts.func_globals != main_namespace();
  if (known.by_name) {
    for (nb::handle part : known.qualname.attr("split")(".")) known.path.push_back(nb::borrow(part));
  } else {
    known.defaults = shared(parts.func_defaults);
    known.doc = shared(parts.func_doc);
    for_each_note(parts, [&](PyObject* each) {
      known.notes.push_back(nb::borrow(each));
      return true;
    });
  }
  known_.insert_or_assign(parts.func_code, std::move(known));
}

bool KnownCalls::unchanged(const Known& known, const PyFunctionObject& function) const {
  if (!same(function.func_name, known.name.ptr()) || !same(function.func_qualname, known.qualname.ptr()) ||
      !same(function.func_module, known.module.ptr()))
    return false;
  if (known.by_name)
    return leads_to(const_cast<PyObject*>(reinterpret_cast<const PyObject*>(&function)), known.module.ptr(),
                    known.path);
  if (function.func_globals != main_namespace() || !is_bare(function) ||
      function.func_defaults != known.defaults.ptr() || !same(function.func_doc, known.doc.ptr()))
    return false;
  std::size_t seen = 0;
  const bool equal = for_each_note(
      function, [&](PyObject* each) { return seen < known.notes.size() && same(each, known.notes[seen++].ptr()); });
  return equal && seen == known.notes.size();
}

Blob KnownCalls::pickled(nb::tuple args) const {
  return copy_of(nb::cast<nb::bytes>(dumps_(nb::make_tuple(args, nb::dict()), 5)));
}

nb::object KnownCalls::submit(nb::handle function, nb::tuple args) {
  returned_->release();
  const PyFunctionObject* parts = as_function(function.ptr());
  const auto found = parts == nullptr ? known_.end() : known_.find(parts->func_code);
  if (found == known_.end() || service_.board().generation() != generation_ || service_.closed()) return nb::none();
  for (nb::handle each : args)
    if (!is_atom(each.ptr())) return nb::none();
  if (!unchanged(found->second, *parts)) return nb::none();
  service::Submission submission;
  submission.channel = engine_ ? client::Channel::mux : client::Channel::task;
  if (engine_) submission.engine = *engine_;
  submission.msg_type = "apply_request";
  submission.metadata = found->second.metadata;
  submission.buffers.reserve(2);
  submission.buffers.push_back(found->second.pickle);
  submission.buffers.push_back(args.size() == 0 ? no_arguments_ : pickled(args));
  return nb::cast(PyRequest{service_.submit(std::move(submission)), returned_});
}

void bind_calls(nb::module_& module) {
  nb::class_<KnownCalls>(module, "KnownCalls", "Functions that a view has sent before, and how.")
      .def("learn", &KnownCalls::learn, nb::arg("function"), nb::arg("generation"), nb::arg("metadata"),
           nb::arg("pickle"), "Let submit() take `function` for as long as it stays as it is.")
      .def("submit", &KnownCalls::submit, nb::arg("function"), nb::arg("args"),
           "The Request of function(*args); None when that has to be packed anew.");
}

}  // namespace camshaft::bindings
