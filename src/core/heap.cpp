#include "core/heap.hpp"

#include <cstddef>

extern "C" {
// jemalloc's, in programs that are linked with it.
[[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size, void* new_value,
                          std::size_t new_size) noexcept;
}

namespace camshaft::heap {

void release_thread_cache() noexcept {
  if (mallctl != nullptr) mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
}

}  // namespace camshaft::heap
