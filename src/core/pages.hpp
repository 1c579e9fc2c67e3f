// core/pages.hpp: memory for what comes by the million: straight from the system, and straight back to it.
// Thread: any. Owns: nothing; whoever maps a range unmaps it. Errors: std::bad_alloc when the system has no more.
// A heap keeps accounts of the blocks that it ever had, and never gives these back: some 14 MB after a million tasks.
// It also fetches its memory 4 KB at a time, each with an interruption of its own; ranges here come in large pages.
#pragma once
#include <cstddef>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define CAMSHAFT_PAGES_OF_THE_HEAP 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAMSHAFT_PAGES_OF_THE_HEAP 1
#endif
#endif

namespace camshaft::pages {

#ifdef CAMSHAFT_PAGES_OF_THE_HEAP
inline constexpr std::size_t kHuge = std::size_t{64} << 10;  // the sanitizer watches its own heap, where zeros are slow
#else
inline constexpr std::size_t kHuge = std::size_t{2} << 20;  // bytes of a large page
#endif
enum class Size { normal, large };  // large: at a multiple of kHuge, and in large pages where the system has them

/// `bytes` zeros. They take memory as they are touched.
void* map(std::size_t bytes, Size size = Size::normal);
/// With the `bytes` of map().
void unmap(void* at, std::size_t bytes) noexcept;
/// Gives back the memory of a part of a range, which reads as zeros from now on. `at` and `bytes`: any; pages that are
/// not wholly inside stay as they are.
void discard(void* at, std::size_t bytes) noexcept;
/// Bytes that are mapped now.
std::size_t mapped();

/// For containers: ranges of at least kHuge come from map(), smaller ones from the heap.
template <class T>
struct Allocator {
  using value_type = T;
  Allocator() = default;
  template <class U>
  Allocator(const Allocator<U>&) {}
  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (bytes >= kHuge) return static_cast<T*>(map(bytes, Size::large));
    return static_cast<T*>(::operator new (bytes, std::align_val_t{alignof(T)}));
  }
  void deallocate(T* at, std::size_t count) noexcept {
    const std::size_t bytes = count * sizeof(T);
    if (bytes >= kHuge) return unmap(at, bytes);
    ::operator delete (at, std::align_val_t{alignof(T)});
  }
  bool operator==(const Allocator&) const = default;
};

}  // namespace camshaft::pages
