#include "core/pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace camshaft::pages {
namespace {

std::atomic<std::size_t> mapped_bytes{0};

std::size_t page() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

#ifdef CAMSHAFT_PAGES_OF_THE_HEAP
void* map(std::size_t bytes, Size) {
  const std::size_t whole = rounded(bytes, page());
  void* at = std::aligned_alloc(page(), whole);
  if (at == nullptr) throw std::bad_alloc();
  mapped_bytes += whole;
  return std::memset(at, 0, whole);
}

void unmap(void* at, std::size_t bytes) noexcept {
  mapped_bytes -= rounded(bytes, page());
  std::free(at);
}
#else
void* map(std::size_t bytes, Size size) {
  const std::size_t whole = rounded(bytes, page()), more = size == Size::large ? kHuge - page() : 0;
  void* found = ::mmap(nullptr, whole + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  mapped_bytes += whole;
  if (size == Size::normal) return found;
  auto* first = static_cast<std::byte*>(found);
  const auto address = reinterpret_cast<std::uintptr_t>(found);
  const std::size_t before = rounded(address, kHuge) - address;
  if (before > 0) ::munmap(first, before);
  if (more > before) ::munmap(first + before + whole, more - before);
  ::madvise(first + before, whole, MADV_HUGEPAGE);  // a system that has none is as good, only slower
  return first + before;
}

void unmap(void* at, std::size_t bytes) noexcept {
  mapped_bytes -= rounded(bytes, page());
  ::munmap(at, rounded(bytes, page()));
}
#endif

void discard(void* at, std::size_t bytes) noexcept {
  const auto from = reinterpret_cast<std::uintptr_t>(at);
  const std::size_t skipped = rounded(from, page()) - from;
  if (bytes < skipped + page()) return;
  void* whole = static_cast<std::byte*>(at) + skipped;
  ::madvise(whole, (bytes - skipped) / page() * page(), MADV_DONTNEED);
}

std::size_t mapped() { return mapped_bytes; }

}  // namespace camshaft::pages
