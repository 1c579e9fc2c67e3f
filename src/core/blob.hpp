// core/blob.hpp: immutable bytes and whoever keeps them alive: a string, a ZeroMQ message, a Python buffer.
// Thread: copies may be dropped on any thread; an owner that needs more than that (the GIL) must see to it.
// Errors: none.
#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace camshaft {

struct Blob {
  std::shared_ptr<const void> owner;  // null when the bytes are static
  std::span<const std::byte> bytes;

  /// A blob that owns `text`.
  static Blob of(std::string text) {
    constexpr std::size_t kWorthMoving = 4096;  // below, one allocation and a copy are cheaper than two allocations
    if (text.size() < kWorthMoving) {
      auto copy = std::make_shared_for_overwrite<std::byte[]>(text.size());
      if (!text.empty()) std::memcpy(copy.get(), text.data(), text.size());
      const std::span<const std::byte> view(copy.get(), text.size());
      return {std::move(copy), view};
    }
    auto kept = std::make_shared<const std::string>(std::move(text));
    return {kept, std::as_bytes(std::span(kept->data(), kept->size()))};
  }
  /// A view of bytes that outlive everything, such as a literal.
  static Blob of_static(std::string_view text) { return {nullptr, std::as_bytes(std::span(text.data(), text.size()))}; }

  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  std::string str() const { return std::string(view()); }
  std::size_t size() const { return bytes.size(); }
  bool empty() const { return bytes.empty(); }

  /// Equal when the bytes are, whoever owns them.
  bool operator==(const Blob& other) const { return view() == other.view(); }
};

/// The frames of one multipart message, in order.
using Frames = std::vector<Blob>;

/// What travels with a request through a core that never looks at it.
using Payload = std::shared_ptr<const Frames>;

}  // namespace camshaft
