// What it costs the hub to pack the record of a task that has ended, and to look at one.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <vector>

#include "core/pages.hpp"
#include "hub/store/packed_record.hpp"
#include "hub/store/testing/typical_task.hpp"

namespace camshaft::hub {
namespace {

constexpr std::size_t kRecords = 1024;

std::vector<TaskRecord> typical_records() {
  std::vector<TaskRecord> records;
  for (std::size_t i = 0; i < kRecords; ++i) records.push_back(typical_record(990'000 + i));
  return records;
}

void BM_PackRecord(benchmark::State& state) {
  const std::vector<TaskRecord> records = typical_records();
  RecordPacker packer;
  std::size_t next = 0;
  for (auto _ : state) {
    const auto packed = packer.pack(records[next++ % kRecords]);
    if (!packed) std::abort();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PackRecord);

void BM_ReadPackedRecord(benchmark::State& state) {
  RecordPacker packer;
  std::vector<PackedRecord> packed;
  const std::size_t before = pages::mapped();
  double plain = 0;
  for (const TaskRecord& record : typical_records()) {
    plain += static_cast<double>(footprint(record));
    packed.push_back(packer.pack(record).value());
  }
  state.counters["bytes"] = static_cast<double>(pages::mapped() - before) / kRecords;
  state.counters["texts"] = plain / kRecords;
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(packed[next++ % kRecords].record());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ReadPackedRecord);

}  // namespace
}  // namespace camshaft::hub
