// bindings/client_requests.hpp: requests as Python holds them: one, or a row of them that is one Python object.
// Thread: with the GIL. Owns: shares of the requests. Errors: Python exceptions (an index out of range, a foreign
// object).
#pragma once
#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

#include "bindings/client_buffers.hpp"
#include "service/client_request.hpp"

namespace camshaft::bindings {

/// A Request as Python holds it. Comparing and hashing go by the Python object.
struct PyRequest {
  service::RequestPtr it;
  std::shared_ptr<ReturnedBuffers> returned;
};

/// The requests of one call, in order. A Python object for one of them is made when somebody looks.
struct PyRequests {
  std::vector<service::RequestPtr> they;
  std::shared_ptr<ReturnedBuffers> returned;
};

/// The requests in a PyRequests, or in any Python sequence of PyRequest.
std::vector<service::RequestPtr> requests_in(nanobind::handle sequence);

/// The bytes of a reply's only buffer, if it is small; None while pending, and for replies of any other shape.
nanobind::object small_result(const PyRequest& request);

void bind_requests(nanobind::module_& module);

}  // namespace camshaft::bindings
