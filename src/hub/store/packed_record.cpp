#include "hub/store/packed_record.hpp"

#include <array>
#include <cstring>
#include <iterator>
#include <utility>

namespace camshaft::hub {
namespace {

/// What is no text, as the first frame. Dates that are not there are marked: any number may be one.
struct Fixed {
  std::array<WallTime, 4> dates{};
  std::uint32_t buffers = 0;  // of the request; all others are of the result
  std::array<bool, 4> dated{};
  bool has_input = false;
  Queue queue = Queue::none;
  Status status = Status::none;
};

constexpr std::array kDates{&TaskRecord::submitted, &TaskRecord::started, &TaskRecord::completed,
                            &TaskRecord::received};
constexpr std::array kTexts{
    &TaskRecord::header,          &TaskRecord::metadata,       &TaskRecord::content,        &TaskRecord::result_header,
    &TaskRecord::result_metadata, &TaskRecord::result_content, &TaskRecord::execute_result, &TaskRecord::error};
constexpr std::size_t kId = 1;  // the frame of it

template <class Record, class Visit>
void each_string(Record& record, Visit visit) {
  for (auto* text : {&record.id.value, &record.client.value, &record.engine.value, &record.resubmitted.value,
                     &record.out, &record.err})
    visit(*text);
}

Blob view_of(const std::string& text) { return Blob::of_static(text); }

}  // namespace

std::optional<PackedRecord> PackedRecord::pack(Packer& packer, const TaskRecord& record) {
  Fixed fixed;
  for (std::size_t i = 0; i < kDates.size(); ++i) {
    const std::optional<WallTime>& date = record.*kDates[i];
    fixed.dated[i] = date.has_value();
    fixed.dates[i] = date.value_or(WallTime{});
  }
  fixed.buffers = static_cast<std::uint32_t>(record.buffers.size());
  fixed.has_input = record.execute_input.has_value();
  fixed.queue = record.queue;
  fixed.status = record.status;

  Frames frames;
  frames.reserve(16 + record.buffers.size() + record.result_buffers.size());
  frames.push_back({nullptr, std::as_bytes(std::span(&fixed, 1))});
  each_string(record, [&](const std::string& text) { frames.push_back(view_of(text)); });
  frames.push_back(record.execute_input ? view_of(*record.execute_input) : Blob{});
  for (const auto text : kTexts) frames.push_back(record.*text);
  frames.insert(frames.end(), record.buffers.begin(), record.buffers.end());
  frames.insert(frames.end(), record.result_buffers.begin(), record.result_buffers.end());
  std::optional<Parcel> packed = packer.copy(frames);
  return packed ? std::optional(PackedRecord(std::move(*packed))) : std::nullopt;
}

std::string_view PackedRecord::id() const { return parcel_.frame(kId); }

TaskRecord PackedRecord::record() const {
  Frames frames = parcel_.frames();
  auto next = frames.begin();
  Fixed fixed;
  std::memcpy(&fixed, (next++)->bytes.data(), sizeof fixed);

  TaskRecord record;
  for (std::size_t i = 0; i < kDates.size(); ++i) {
    if (fixed.dated[i]) record.*kDates[i] = fixed.dates[i];
  }
  each_string(record, [&](std::string& text) { text = (next++)->view(); });
  if (fixed.has_input) record.execute_input = next->str();
  ++next;
  for (const auto text : kTexts) record.*text = std::move(*next++);
  const auto results = next + fixed.buffers;
  record.buffers.assign(std::make_move_iterator(next), std::make_move_iterator(results));
  record.result_buffers.assign(std::make_move_iterator(results), std::make_move_iterator(frames.end()));
  record.queue = fixed.queue;
  record.status = fixed.status;
  return record;
}

}  // namespace camshaft::hub
