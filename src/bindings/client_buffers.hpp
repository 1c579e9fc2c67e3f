// bindings/client_buffers.hpp: bytes across the Python boundary: Python buffers as Blobs, Blobs as memoryviews.
// Thread: with the GIL, but for the end of a leased buffer, which may come on any thread.
// Owns:   leased Py_buffers, until ReturnedBuffers::release gives them back with the GIL held.
// Errors: Python exceptions (an object that is no contiguous buffer).
#pragma once
#include <nanobind/nanobind.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/blob.hpp"

namespace camshaft::bindings {

/// Python buffers that C++ has finished with, waiting for somebody who holds the GIL: ZeroMQ's threads drop the last
/// reference to what they have sent, and they must not touch Python. The mutex guards the list they leave them in.
class ReturnedBuffers final {
 public:
  /// Any thread.
  void add(std::vector<Py_buffer> buffers);
  /// With the GIL. Cheap when there is nothing.
  void release();

 private:
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<Py_buffer> buffers_;
};

struct TakenBuffers {
  std::vector<Blob> blobs;
  std::shared_ptr<const void> lease;  // held by the blobs that were not copied; null when all were
};

/// The bytes object that starts one sequence of buffers after the other: copied if it is small, else kept.
struct SharedBuffer {
  nanobind::object source;
  Blob copy;
};

/// Small buffers are copied, into one allocation; large ones are leased from their Python objects. `first`, if given,
/// is used for a first buffer that is the same bytes object as in the call before.
TakenBuffers take_buffers(nanobind::handle sequence, const std::shared_ptr<ReturnedBuffers>& returned,
                          SharedBuffer* first = nullptr);

/// Binds the exporter behind give_buffers.
void bind_blob(nanobind::module_& module);
/// Read-only memoryviews that keep the bytes alive.
nanobind::list give_buffers(const std::vector<Blob>& blobs);

}  // namespace camshaft::bindings
