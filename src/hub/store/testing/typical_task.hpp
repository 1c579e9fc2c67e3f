// hub/store/testing/typical_task.hpp: what the hub tells a store about a small task of a client, with texts as on the
// wire, for benchmarks and for tests of sizes.
// Thread: pure functions.
// Errors: none.
#pragma once
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <string_view>

#include "hub/store/store.hpp"

namespace camshaft::hub {

struct TypicalTask {
  TaskRecord request;
  Dispatched dispatched;
  Finished finished;
};

/// The task with this number; two engines take turns.
inline TypicalTask typical_task(std::size_t number) {
  const std::string_view client = "0123abcd-0123456789abcdef01234567";
  const std::string_view engine =
      number % 2 == 0 ? "camshaft-py311-0123456789abcdef" : "camshaft-py311-5a17e6c3d40b9f28";
  const std::size_t micros = 1'760'000'000'000'000 + 10 * number;
  const auto at = [&](std::size_t after) { return WallTime(std::chrono::microseconds(micros + after)); };
  const auto date = [&](std::size_t after) {
    return fmt::format("2026-11-20T10:{:02}:{:02}.{:06}Z", (micros + after) / 60'000'000 % 60,
                       (micros + after) / 1'000'000 % 60, (micros + after) % 1'000'000);
  };
  const auto header = [&](std::string_view session, std::string_view type, std::size_t n, std::size_t after) {
    return Blob::of(fmt::format(R"({{"username":"somebody","session":"{0}","version":"5.3","msg_type":"{1}",)"
                                R"("msg_id":"{0}_1234_{2}","date":"{3}"}})",
                                session, type, n, date(after)));
  };

  TypicalTask task;
  TaskRecord& request = task.request;
  request.id = MsgId(fmt::format("{}_1234_{}", client, number));
  request.header = header(client, "apply_request", number, 0);
  request.metadata = Blob::of_static(R"({"codec":"p5/3.11","function":"__main__.noop"})");
  request.content = Blob::of_static("{}");
  request.buffers = {Blob::of_static("function"), Blob::of_static("arguments")};
  request.submitted = at(0);
  request.client = SessionId(std::string(client));
  request.queue = Queue::task;

  task.dispatched.engine = EngineId(std::string(engine));

  Finished& finished = task.finished;
  const std::size_t took = number * number % 15;
  finished.engine = task.dispatched.engine;
  finished.started = at(800);
  finished.completed = at(800 + took);
  finished.received = at(1000 + 7 * took);
  finished.header = header(engine, "apply_reply", number / 2, 800 + took);
  finished.metadata = Blob::of(fmt::format(
      R"({{"dependencies_met":true,"engine":"{}","is_broadcast":false,"is_coalescing":false,"original_msg_id":"",)"
      R"("label":null,"status":"ok","codec":"p5/3.11","outputs":0,"took_us":{},"started":"{}"}})",
      engine, took, date(800)));
  finished.content = Blob::of_static(R"({"status":"ok"})");
  finished.buffers = {Blob::of_static("none")};
  return task;
}

/// Its record at the end.
inline TaskRecord typical_record(std::size_t number) {
  TypicalTask task = typical_task(number);
  apply(task.request, std::move(task.dispatched));
  apply(task.request, std::move(task.finished));
  return std::move(task.request);
}

}  // namespace camshaft::hub
