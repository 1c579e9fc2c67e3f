// hub/store/packed_record.hpp: a record of a task that has ended, in one piece of memory: what nobody changes any more
// needs no strings, lists and shared owners of its own, and does not keep the messages alive that it came in.
// Thread: a packer on one; packed records may be read on any. Owns: its bytes. Errors: std::bad_alloc.
#pragma once
#include <optional>
#include <string_view>
#include <utility>

#include "core/parcel.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

class PackedRecord {
 public:
  /// The record, packed; nothing for one that is too large to be copied.
  static std::optional<PackedRecord> pack(Packer& packer, const TaskRecord& record);

  /// The id, for as long as this or a copy is there.
  std::string_view id() const;
  /// What was packed; its dictionaries and buffers share the piece.
  TaskRecord record() const;

 private:
  explicit PackedRecord(Parcel parcel) : parcel_(std::move(parcel)) {}
  Parcel parcel_;
};

}  // namespace camshaft::hub
