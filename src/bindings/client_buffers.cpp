#include "bindings/client_buffers.hpp"

#include <cstring>
#include <utility>

namespace nb = nanobind;

namespace camshaft::bindings {

namespace {

// As for ZeroMQ frames: below this a copy is cheaper than keeping a Python object alive across threads.
constexpr Py_ssize_t kCopyBelow = 4096;
// A larger first buffer is given back as soon as it is sent, as all others are.
constexpr Py_ssize_t kLargestShared = Py_ssize_t{64} << 20;

struct Lease {
  std::shared_ptr<ReturnedBuffers> returned;
  std::vector<Py_buffer> buffers;
  Lease() = default;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    if (!buffers.empty()) returned->add(std::move(buffers));
  }
};

// Bytes that cannot change need no lease of their sender's: he does not wait for them to be sent.
Blob shared_bytes(PyObject* bytes, const std::shared_ptr<ReturnedBuffers>& returned) {
  const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(bytes));
  if (PyBytes_GET_SIZE(bytes) < kCopyBelow) return Blob::of(std::string(PyBytes_AS_STRING(bytes), size));
  auto lease = std::make_shared<Lease>();
  lease->returned = returned;
  Py_buffer view;
  if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
  lease->buffers.push_back(view);
  return {lease, {static_cast<const std::byte*>(view.buf), size}};
}

struct BlobView {
  Blob blob;
};

int export_blob(PyObject* self, Py_buffer* view, int flags) {
  const Blob& blob = nb::inst_ptr<BlobView>(nb::handle(self))->blob;
  void* bytes = const_cast<std::byte*>(blob.bytes.data());  // PyBuffer_FillInfo refuses writers: read-only
  static char nothing = 0;
  return PyBuffer_FillInfo(view, self, bytes != nullptr ? bytes : &nothing, static_cast<Py_ssize_t>(blob.size()), 1,
                           flags);
}

PyType_Slot kBlobSlots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(export_blob)}, {0, nullptr}};

// Views of small buffers until they are copied; given back with the GIL, whatever happens.
struct Borrowed {
  std::vector<std::pair<std::size_t, Py_buffer>> views;  // index of the blob
  ~Borrowed() {
    for (auto& [index, view] : views) PyBuffer_Release(&view);
  }
};

}  // namespace

void ReturnedBuffers::add(std::vector<Py_buffer> buffers) {
  const std::lock_guard lock(mutex_);
  buffers_.insert(buffers_.end(), buffers.begin(), buffers.end());
  any_.store(true, std::memory_order_release);
}

void ReturnedBuffers::release() {
  if (!any_.load(std::memory_order_acquire)) return;
  std::vector<Py_buffer> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(buffers_);
    any_.store(false, std::memory_order_relaxed);
  }
  for (Py_buffer& buffer : done) PyBuffer_Release(&buffer);
}

TakenBuffers take_buffers(nb::handle sequence, const std::shared_ptr<ReturnedBuffers>& returned, SharedBuffer* first) {
  TakenBuffers taken;
  const nb::object items = nb::steal(PySequence_Fast(sequence.ptr(), "buffers must be a sequence of buffers"));
  if (!items.is_valid()) throw nb::python_error();
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(items.ptr());
  taken.blobs.resize(static_cast<std::size_t>(count));
  std::shared_ptr<Lease> lease;
  Borrowed small;
  small.views.reserve(static_cast<std::size_t>(count));
  std::size_t small_size = 0;
  Py_ssize_t i = 0;
  if (first != nullptr && count > 0) {
    PyObject* head = PySequence_Fast_GET_ITEM(items.ptr(), 0);
    if (PyBytes_CheckExact(head) && PyBytes_GET_SIZE(head) <= kLargestShared) {
      if (head != first->source.ptr()) {
        first->source = nb::borrow(head);
        first->copy = shared_bytes(head, returned);
      }
      taken.blobs[0] = first->copy;
      i = 1;
    }
  }
  for (; i < count; ++i) {
    Py_buffer view;
    if (PyObject_GetBuffer(PySequence_Fast_GET_ITEM(items.ptr(), i), &view, PyBUF_SIMPLE) != 0)
      throw nb::python_error();
    const auto size = static_cast<std::size_t>(view.len);
    if (view.len < kCopyBelow) {
      small.views.emplace_back(static_cast<std::size_t>(i), view);
      small_size += size;
      continue;
    }
    if (!lease) {
      lease = std::make_shared<Lease>();
      lease->returned = returned;
      lease->buffers.reserve(static_cast<std::size_t>(count));
    }
    lease->buffers.push_back(view);
    taken.blobs[static_cast<std::size_t>(i)] = {lease, {static_cast<const std::byte*>(view.buf), size}};
  }
  taken.lease = lease;
  if (small.views.empty()) return taken;
  const std::shared_ptr<std::byte[]> block(new std::byte[small_size]);
  std::byte* end = block.get();
  for (const auto& [index, view] : small.views) {
    const auto size = static_cast<std::size_t>(view.len);
    if (size > 0) std::memcpy(end, view.buf, size);
    taken.blobs[index] = {block, {end, size}};
    end += size;
  }
  return taken;
}

void bind_blob(nb::module_& module) {
  nb::class_<BlobView>(module, "_Blob", nb::type_slots(kBlobSlots), "Bytes that C++ keeps; see memoryview.");
}

nb::list give_buffers(const std::vector<Blob>& blobs) {
  nb::list views;
  for (const Blob& blob : blobs) {
    const nb::object exporter = nb::cast(BlobView{blob});
    PyObject* view = PyMemoryView_FromObject(exporter.ptr());
    if (view == nullptr) throw nb::python_error();
    views.append(nb::steal(view));
  }
  return views;
}

}  // namespace camshaft::bindings
