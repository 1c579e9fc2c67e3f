// hub/store/packed_writes.hpp: many writes as one string of bytes, a tenth of what they take as values, while they wait
//                              for a database.
// Thread: one at a time.
// Owns:   the bytes. Large blobs are not copied: they are kept beside them.
// Errors: bytes that do not hold what add() wrote are Errc::truncated when they are read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/store/packed_fields.hpp"
#include "hub/store/store.hpp"

namespace camshaft::hub {

class PackedWrites {
 public:
  /// Room for so many bytes is made at once.
  explicit PackedWrites(std::size_t reserve = 0) { bytes_->reserve(reserve); }
  /// From the pieces of another one, joined, with its plain_size() and count().
  PackedWrites(std::string joined, std::size_t plain, std::size_t count);

  void add(const Write& write);
  std::size_t count() const { return count_; }
  /// Of the first piece.
  std::size_t plain_size() const { return plain_; }
  /// Of all that add() took in, large blobs included.
  std::size_t size() const { return plain_ + large_bytes_; }
  /// What a file has to hold, one after the other.
  std::vector<std::string_view> pieces() const;

  class Sorted;
  /// Nothing may be added any more: what is read shares the bytes.
  Result<Sorted> sorted() const;

 private:
  struct Large {
    std::uint64_t at;  // bytes of large blobs before it
    Blob blob;
  };
  struct OneWrite {
    FieldReader fields;
    std::size_t length;  // bytes to the next one
  };
  OneWrite write(std::size_t at) const;
  std::optional<Blob> large(std::uint64_t at, std::uint64_t size) const;

  std::shared_ptr<std::string> bytes_ = std::make_shared<std::string>();
  std::size_t plain_ = 0;     // bytes that are no large blobs; those of joined pieces follow them
  std::vector<Large> large_;  // else they are here
  std::uint64_t large_bytes_ = 0;
  std::size_t count_ = 0;
};

/// The writes of a pack, those of one record one after the other, in the order in which the records first appear. They
/// are values again a few at a time only.
class PackedWrites::Sorted {
 public:
  /// So many, and what else there is of the last record; none at the end.
  Result<std::vector<Write>> next(std::size_t count);

 private:
  friend class PackedWrites;
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  struct Entry {
    std::size_t at;      // in the bytes
    std::uint32_t next;  // write of the same record
  };
  explicit Sorted(PackedWrites packed) : packed_(std::move(packed)) {}

  PackedWrites packed_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> firsts_;  // of each record
  std::size_t record_ = 0;             // the next one's
};

}  // namespace camshaft::hub
