// bindings/engine_memory.hpp: Python's buffers as Blobs, and their way back to a thread that holds the GIL.
// Thread: with the GIL, but for what is said of BufferReleases.
// Owns:   a Blob of a large Python buffer keeps that buffer exported.
// Errors: nanobind's exceptions (a non-contiguous buffer is a BufferError).
#pragma once
#include <nanobind/nanobind.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/blob.hpp"

namespace camshaft::bindings {

/// Python buffers whose last Blob went away on a thread without the GIL, waiting for a thread that has it.
class BufferReleases final {
 public:
  /// `wake` is called, on any thread, when the first buffer waits.
  explicit BufferReleases(std::function<void()> wake) : wake_(std::move(wake)) {}
  BufferReleases(const BufferReleases&) = delete;
  BufferReleases& operator=(const BufferReleases&) = delete;

  /// From any thread.
  void add(Py_buffer* buffer);
  /// With the GIL.
  void release_all();
  /// No more wake-ups; what comes later is never released (the process is about to end).
  void close();

 private:
  std::mutex mutex_;
  std::vector<Py_buffer*> waiting_;
  std::function<void()> wake_;
};

/// The bytes of a contiguous Python buffer: a small one copied, a large one shared.
Blob blob_of(nanobind::handle buffer, const std::shared_ptr<BufferReleases>& releases);

}  // namespace camshaft::bindings
