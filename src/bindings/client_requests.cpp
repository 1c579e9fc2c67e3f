#include "bindings/client_requests.hpp"

#include <algorithm>

namespace nb = nanobind;

namespace camshaft::bindings {

namespace {

using service::RequestPtr;

// What pack_result makes of small results: anything larger is read as a view, without a copy.
constexpr std::size_t kCopyBelow = 4096;

bool is_ok(const RequestPtr& request) { return request->status() == client::Status::ok; }
bool is_done(const RequestPtr& request) { return request->done(); }

PyObject* owned(PyObject* made) {
  if (made == nullptr) throw nb::python_error();
  return made;
}

nb::object small_bytes(const service::Request& request) {
  if (request.status() != client::Status::ok) return nb::none();
  const auto& buffers = request.reply().buffers;
  if (buffers.size() != 1 || buffers[0].size() >= kCopyBelow) return nb::none();
  const std::string_view bytes = buffers[0].view();
  return nb::steal(owned(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()))));
}

nb::object item(const PyRequests& self, Py_ssize_t index) {
  const auto size = static_cast<Py_ssize_t>(self.they.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) throw nb::index_error("request index out of range");
  return nb::cast(PyRequest{self.they[static_cast<std::size_t>(index)], self.returned});
}

nb::list slice(const PyRequests& self, const nb::slice& wanted) {
  const auto [start, stop, step, length] = wanted.compute(self.they.size());
  nb::list made;
  Py_ssize_t at = start;
  for (std::size_t i = 0; i < length; ++i, at += step) made.append(item(self, at));
  return made;
}

nb::list msg_ids(const PyRequests& self) {
  const nb::object made = nb::steal(owned(PyList_New(static_cast<Py_ssize_t>(self.they.size()))));
  Py_ssize_t n = 0;
  for (const RequestPtr& request : self.they) {
    const std::string id = request->msg_id();
    PyList_SET_ITEM(made.ptr(), n++, owned(PyUnicode_FromStringAndSize(id.data(), static_cast<Py_ssize_t>(id.size()))));
  }
  return nb::borrow<nb::list>(made);
}

nb::list small_results(const PyRequests& self) {
  const nb::object made = nb::steal(owned(PyList_New(static_cast<Py_ssize_t>(self.they.size()))));
  Py_ssize_t n = 0;
  for (const RequestPtr& request : self.they) PyList_SET_ITEM(made.ptr(), n++, small_bytes(*request).release().ptr());
  return nb::borrow<nb::list>(made);
}

}  // namespace

nb::object small_result(const PyRequest& request) { return small_bytes(*request.it); }

std::vector<RequestPtr> requests_in(nb::handle sequence) {
  if (nb::isinstance<PyRequests>(sequence)) return nb::cast<const PyRequests&>(sequence).they;
  const nb::object items = nb::steal(PySequence_Fast(sequence.ptr(), "requests must be a sequence of Request"));
  if (!items.is_valid()) throw nb::python_error();
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(items.ptr());
  std::vector<RequestPtr> found;
  found.reserve(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i)
    found.push_back(nb::cast<const PyRequest&>(nb::handle(PySequence_Fast_GET_ITEM(items.ptr(), i))).it);
  return found;
}

void bind_requests(nb::module_& module) {
  nb::class_<PyRequests>(module, "Requests", "The requests of one call: a sequence of Request, made when looked at.")
      .def("__len__", [](const PyRequests& self) { return self.they.size(); })
      .def("__getitem__", &item)
      .def("__getitem__", &slice)
      .def("all_done", [](const PyRequests& self) { return std::all_of(self.they.begin(), self.they.end(), is_done); })
      .def("all_ok", [](const PyRequests& self) { return std::all_of(self.they.begin(), self.they.end(), is_ok); })
      .def("done_count",
           [](const PyRequests& self) { return std::count_if(self.they.begin(), self.they.end(), is_done); })
      .def("msg_ids", &msg_ids)
      .def(
          "small_results", &small_results,
          "For each request the bytes of its reply's only buffer; None when it has another shape or did not end well.");
}

}  // namespace camshaft::bindings
