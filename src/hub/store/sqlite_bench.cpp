// What a small task costs the thread that writes records: taken out of the packed form, sorted, written to the file.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "hub/store/packed_writes.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/testing/typical_task.hpp"

namespace camshaft::hub {
namespace {

constexpr std::size_t kBatch = 10'000;  // tasks
constexpr std::size_t kSlice = 6'000;   // writes

/// Tasks that are submitted, sent to an engine and finished, as the hub tells it.
PackedWrites batch_of_tasks(std::size_t& number) {
  PackedWrites packed;
  for (std::size_t i = 0; i < kBatch; ++i) {
    TypicalTask task = typical_task(number++);
    const MsgId id = task.request.id;
    packed.add(Insert{std::move(task.request)});
    packed.add(Update{id, std::move(task.dispatched)});
    packed.add(Update{id, std::move(task.finished)});
  }
  return packed;
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-bench-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

void BM_OneTaskInAFile(benchmark::State& state) {
  const Folder folder;
  auto store = SqliteStore::open({.file = folder.path / "tasks.db"}).value();
  std::size_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const PackedWrites packed = batch_of_tasks(number);
    state.ResumeTiming();
    auto sorted = packed.sorted().value();
    for (auto writes = sorted.next(kSlice).value(); !writes.empty(); writes = sorted.next(kSlice).value())
      if (!store->write(writes)) std::abort();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
}
BENCHMARK(BM_OneTaskInAFile)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace camshaft::hub
