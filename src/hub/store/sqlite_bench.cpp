// What a small task costs the thread that writes records: taken out of the packed form, sorted, written to the file.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "hub/store/packed_writes.hpp"
#include "hub/store/sqlite.hpp"

namespace camshaft::hub {
namespace {

constexpr std::size_t kBatch = 10'000;  // tasks
constexpr std::size_t kSlice = 6'000;   // writes

Blob header(const std::string& id, std::string_view type) {
  return Blob::of(fmt::format(R"({{"msg_id":"{}","msg_type":"{}","session":"0123abcd-0123456789abcdef01234567",)"
                              R"("username":"somebody","date":"2026-11-20T10:37:45.225451Z","version":"5.3"}})",
                              id, type));
}

/// Tasks that are submitted, sent to an engine and finished, as the hub tells it.
PackedWrites batch_of_tasks(std::size_t& number) {
  PackedWrites packed;
  const EngineId engine("camshaft-py311-0123456789abcdef");
  for (std::size_t i = 0; i < kBatch; ++i) {
    const MsgId id(fmt::format("0123abcd-0123456789abcdef01234567_1234_{}", number));
    const WallTime now{std::chrono::microseconds(1'760'000'000'000'000 + 10 * number++)};
    TaskRecord record;
    record.id = id;
    record.header = header(id.value, "apply_request");
    record.metadata = Blob::of_static(R"({"codec":"p5/3.11"})");
    record.content = Blob::of_static("{}");
    record.buffers = {Blob::of_static("function"), Blob::of_static("arguments")};
    record.submitted = now;
    record.client = SessionId("0123abcd-0123456789abcdef01234567");
    record.queue = Queue::task;
    packed.add(Insert{std::move(record)});
    packed.add(Update{id, Dispatched{engine}});
    Finished finished;
    finished.engine = engine;
    finished.started = finished.completed = finished.received = now;
    finished.header = header(id.value, "apply_reply");
    finished.metadata = Blob::of(fmt::format(
        R"({{"started":"2026-11-20T10:37:45.225451Z","dependencies_met":true,"engine":"{}","status":"ok","outputs":0,)"
        R"("codec":"p5"}})",
        engine.value));
    finished.content = Blob::of_static(R"({"status":"ok"})");
    finished.buffers = {Blob::of_static("none")};
    packed.add(Update{id, std::move(finished)});
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
