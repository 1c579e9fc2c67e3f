#include "bindings/engine_memory.hpp"

#include <utility>

namespace nb = nanobind;

namespace camshaft::bindings {

namespace {

// Copying less than this costs less than the way back to the GIL.
constexpr Py_ssize_t kShareFrom = 16 * 1024;

}  // namespace

void BufferReleases::add(Py_buffer* buffer) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(buffer);
  if (waiting_.size() == 1 && wake_) wake_();
}

void BufferReleases::release_all() {
  std::vector<Py_buffer*> buffers;
  {
    const std::lock_guard lock(mutex_);
    buffers.swap(waiting_);
  }
  for (Py_buffer* buffer : buffers) {
    PyBuffer_Release(buffer);
    delete buffer;
  }
}

void BufferReleases::close() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

Blob blob_of(nb::handle buffer, const std::shared_ptr<BufferReleases>& releases) {
  if (PyBytes_CheckExact(buffer.ptr()) && PyBytes_GET_SIZE(buffer.ptr()) < kShareFrom)
    return Blob::of(
        std::string(PyBytes_AS_STRING(buffer.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(buffer.ptr()))));
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(buffer.ptr(), view.get(), PyBUF_SIMPLE) != 0) nb::raise_python_error();
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(view->buf), static_cast<std::size_t>(view->len));
  if (view->len < kShareFrom) {
    Blob copy = Blob::of(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    PyBuffer_Release(view.get());
    return copy;
  }
  Py_buffer* held = view.release();
  return {std::shared_ptr<const void>(held, [releases](Py_buffer* b) { releases->add(b); }), bytes};
}

}  // namespace camshaft::bindings
