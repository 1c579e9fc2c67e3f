// service/record_keeper.hpp: between the hub and a store: takes records in without waiting, asks questions.
// Thread: put() and ask() on the hub's thread. Answers come on that thread (DirectKeeper) or on the keeper's own
//         (DatabaseKeeper); whoever asks must be ready for both.
// Owns:   the store, and the threads that wait for it.
// Errors: a store that fails is said once in the log, until it works again; what it loses is counted. See the rule
// below.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/log.hpp"
#include "core/time.hpp"
#include "hub/answer.hpp"
#include "hub/store/packed_writes.hpp"
#include "hub/store/store.hpp"
#include "service/spill_file.hpp"

namespace camshaft::service {

class RecordKeeper : public hub::RecordSink {
 public:
  using Callback = std::function<void(hub::Answer)>;
  /// The question sees everything that was put before it. Each question is answered exactly once.
  virtual void ask(hub::Question question, Callback answer) = 0;
};

/// For stores that do not wait: everything happens on the caller's thread.
class DirectKeeper final : public RecordKeeper {
 public:
  /// `buffer_limit`: bytes of one request's or result's buffers above which they are not kept.
  DirectKeeper(std::unique_ptr<hub::Store> store, std::size_t buffer_limit, Log& log);
  ~DirectKeeper() override;
  void put(hub::Write write) override;
  void ask(hub::Question question, Callback answer) override;

 private:
  void look_for_culling();

  std::unique_ptr<hub::Store> store_;
  hub::DirectSink sink_;
  std::size_t buffer_limit_;
  std::uint64_t puts_ = 0;
  bool said_culling_ = false;
  Log& log_;
};

/// For databases. A thread of its own writes, in batches; another one asks, so that a long query does not keep records
/// waiting. What waits is packed (hub/store/packed_writes.hpp); above a quarter of `queue_bytes` a third thread moves
/// it to a file. The rule for a database that is slower than the tasks, or gone, once that file is full or cannot be
/// written:
///   - as long as less than `queue_bytes` wait in memory, everything is taken in;
///   - up to twice that, only results are, without their buffers: fetched from the database they read as an error;
///   - above that nothing is.
/// Tasks go on at any rate. What was left out is counted, and said in the log when it begins and when it is over.
class DatabaseKeeper final : public RecordKeeper {
 public:
  struct Options {
    std::size_t queue_bytes = std::size_t{64} << 20;
    std::filesystem::path spill_folder;                    // where more than that waits; empty: nowhere
    std::uint64_t spill_bytes = std::uint64_t{4} << 30;    // so much of it
    std::size_t buffer_limit = std::size_t{64} << 20;      // as of DirectKeeper
    Duration flush = std::chrono::milliseconds(50);        // how long a record may wait for others; when busy, 4 times
    Duration retry = std::chrono::seconds(1);              // between attempts to write while the database fails
    Duration question_timeout = std::chrono::seconds(10);  // a question waits for a next batch of those before it
    Duration tend_period = std::chrono::seconds(10);
  };
  using Open = std::function<Result<std::unique_ptr<hub::Store>>()>;

  /// `store` is written to; `open` makes a second connection for questions, when the first one is asked.
  DatabaseKeeper(std::unique_ptr<hub::Store> store, Open open, const Options& options, const Clock& clock, Log& log);
  /// Writes what still waits. A database that fails now gets no second try.
  ~DatabaseKeeper() override;
  void put(hub::Write write) override;
  void ask(hub::Question question, Callback answer) override;

  /// Records, or parts of them, that were left out so far.
  std::uint64_t lost() const { return lost_; }
  /// Bytes in memory that are not in the database yet.
  std::size_t waiting() const;

 private:
  struct Asked {
    hub::Question question;
    Callback answer;
    std::uint64_t after;  // writes put before it
  };
  struct Chunk {
    std::shared_ptr<hub::PackedWrites> packed;  // null while it is in the file
    SpillFile::Extent spilled;
    std::size_t count = 0, plain = 0, bytes = 0;  // bytes: of memory
    bool taken = false;                           // by the writer, while it was on its way to the file
  };
  using ChunkPtr = std::shared_ptr<Chunk>;
  bool full(const Chunk& chunk) const;
  void lose(const char* why);
  void write_all();
  Result<hub::PackedWrites::Sorted> read(Chunk& chunk);
  void write(Chunk& chunk);
  void write(std::vector<hub::Write>& writes);
  ChunkPtr to_spill() const;
  void spill_all();
  void answer_all();
  bool wait_for_writes(std::unique_lock<std::mutex>& lock, std::uint64_t count);
  hub::Answer answer(const Asked& asked);

  const Options options_;
  const Clock& clock_;
  Log& log_;
  std::unique_ptr<hub::Store> store_;  // the writer's
  Open open_;

  mutable std::mutex mutex_;
  std::condition_variable to_write_, written_, to_ask_, to_spill_;
  std::deque<ChunkPtr> chunks_;
  std::size_t bytes_ = 0;  // in memory, of chunks_ and of what is being written
  std::uint64_t put_count_ = 0, written_count_ = 0;
  std::deque<Asked> questions_;
  int urgent_ = 0;  // questions that wait for writes
  bool stopping_ = false;
  bool losing_ = false;  // has been said in the log
  bool can_spill_;
  std::string failure_;  // why the database cannot be written to at the moment
  std::atomic<std::uint64_t> lost_ = 0;

  std::unique_ptr<hub::Store> reader_;  // the asker's
  SpillFile spill_file_;
  std::thread writer_, asker_, spiller_;
};

}  // namespace camshaft::service
