// hub/store/packed_writes.hpp: many writes as one string of bytes, a tenth of what they take as values, while they wait
//                              for a database.
// Thread: one at a time.
// Owns:   the bytes. Large blobs are not copied: they are kept beside them.
// Errors: bytes that do not hold what add() wrote unpack as Errc::truncated.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "hub/store/store.hpp"

namespace camshaft::hub {

class PackedWrites {
 public:
  /// Room for so many bytes is made at once.
  explicit PackedWrites(std::size_t reserve = 0) { bytes_->reserve(reserve); }

  void add(const Write& write);
  std::size_t count() const { return count_; }
  /// Of the first piece.
  std::size_t plain_size() const { return bytes_->size(); }
  /// Of all that add() took in, large blobs included.
  std::size_t size() const { return bytes_->size() + large_bytes_; }

  /// The pieces that, one after the other, restore() takes.
  std::vector<std::string_view> pieces() const;
  /// What was packed, in that order. Blobs share the bytes, to which nothing may be added then.
  Result<std::vector<Write>> unpack() const;
  /// The same of a packed one's pieces, joined. `plain` is the size of the first one.
  static Result<std::vector<Write>> unpack(std::string joined, std::size_t plain, std::size_t count);

 private:
  std::shared_ptr<std::string> bytes_ = std::make_shared<std::string>();
  std::vector<Blob> large_;
  std::size_t large_bytes_ = 0, count_ = 0;
};

}  // namespace camshaft::hub
