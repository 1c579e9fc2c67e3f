// hub/store/packed_record.hpp: records of tasks that have ended, in a quarter of the memory. What nobody changes any
// more needs no strings, lists and owners of its own, and what it has in common with others is there once. Thread: a
// packer on one; packed records may be read on any. Owns: its bytes. Errors: std::bad_alloc.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/parcel.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

class PackedRecord {
 public:
  /// The id, for as long as this or a copy is there.
  std::string_view id() const { return parcel_.frame(0); }
  /// What was packed; its dictionaries and buffers share one piece of memory.
  TaskRecord record() const;

 private:
  friend class RecordPacker;
  PackedRecord(Parcel parcel, Parcel base) : parcel_(std::move(parcel)), base_(std::move(base)) {}

  Parcel parcel_;  // the id, and the delta of the fields
  Parcel base_;    // fields of another record, shared with others
};

class RecordPacker {
 public:
  /// The record, packed; nothing for one that is too large to be copied.
  std::optional<PackedRecord> pack(const TaskRecord& record);

 private:
  /// A base holds its piece of memory for as long as a record is left that needs it: they come in rows of so many.
  static constexpr unsigned kSharers = 256;

  Packer packer_;
  Parcel base_;
  unsigned sharers_ = 0;
  std::string fields_, delta_;  // of the last record
};

}  // namespace camshaft::hub
