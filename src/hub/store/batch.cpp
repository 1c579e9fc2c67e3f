#include "hub/store/batch.hpp"

#include <string_view>
#include <unordered_map>
#include <utility>

namespace camshaft::hub {

TaskRecord RecordWrites::merged() const {
  TaskRecord record = *insert;
  for (const Update* update : updates) apply(record, update->change);
  return record;
}

std::optional<RecordWrites::Course> RecordWrites::course() const {
  Course course{&insert->engine, nullptr};
  for (const Update* update : updates) {
    if (const auto* moved = std::get_if<Dispatched>(&update->change)) {
      course.engine = &moved->engine;
    } else if (const auto* finished = std::get_if<Finished>(&update->change)) {
      if (!finished->engine.empty()) course.engine = &finished->engine;
      course.result = finished;
    } else {
      return std::nullopt;
    }
  }
  return course;
}

std::vector<const Update*> RecordWrites::separate() const {
  std::vector<const Update*> out;
  const Update* dispatched = nullptr;
  for (const Update* update : updates) {
    const auto* finished = std::get_if<Finished>(&update->change);
    if (std::holds_alternative<Dispatched>(update->change)) {
      dispatched = update;
      continue;
    }
    if (finished && !finished->engine.empty()) dispatched = nullptr;
    out.push_back(update);
  }
  if (dispatched) out.push_back(dispatched);
  return out;
}

std::vector<RecordWrites> sort_by_record(std::span<Write> batch, std::uint64_t& again) {
  std::vector<RecordWrites> records;
  std::unordered_map<std::string_view, std::size_t> index;
  records.reserve(batch.size());
  index.reserve(batch.size() / 2);
  again = 0;
  std::size_t at = 0;
  for (Write& each : batch) {
    auto* insert = std::get_if<Insert>(&each);
    const MsgId& id = insert ? insert->record.id : std::get<Update>(each).id;
    if (records.empty() || *records[at].id != id) {  // most come sorted
      const auto [known, fresh] = index.try_emplace(id.value, records.size());
      if (fresh) records.push_back({.id = &id});
      at = known->second;
    }
    RecordWrites& writes = records[at];
    if (!insert) {
      writes.updates.push_back(&std::get<Update>(each));
    } else if (!writes.insert) {
      writes.insert = &insert->record;
    } else {
      ++again;
    }
  }
  return records;
}

}  // namespace camshaft::hub
