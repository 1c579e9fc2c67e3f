#include "hub/store/packed_record.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>

#include "core/delta.hpp"
#include "hub/store/packed_fields.hpp"

namespace camshaft::hub {

std::optional<PackedRecord> RecordPacker::pack(const TaskRecord& record) {
  if (footprint(record) > Packer::kMostBytes) return std::nullopt;
  fields_.clear();
  FieldWriter write(fields_);
  fields(write, record);
  write.flush();

  const auto differ = [&] {
    delta_.clear();
    append_delta(delta_, base_.frame(0), fields_);
  };
  if (!base_.empty()) differ();
  if (base_.empty() || ++sharers_ > kSharers || delta_.size() > fields_.size() / 2) {
    std::optional<Parcel> base = packer_.copy({Blob::of_static(fields_)});
    if (!base) return std::nullopt;
    base_ = std::move(*base);
    sharers_ = 0;
    differ();
  }
  std::optional<Parcel> packed = packer_.copy({Blob::of_static(record.id.value), Blob::of_static(delta_)});
  return packed ? std::optional(PackedRecord(std::move(*packed), base_)) : std::nullopt;
}

TaskRecord PackedRecord::record() const {
  const auto bytes = std::make_shared<const std::string>(apply_delta(base_.frame(0), parcel_.frame(1)));
  TaskRecord record;
  record.id = MsgId(std::string(id()));
  FieldReader read(bytes, *bytes);
  fields(read, record);
  if (!read.good() || !read.at_end()) throw std::logic_error("a packed record does not hold what was packed");
  return record;
}

}  // namespace camshaft::hub
