#include "service/record_keeper.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace camshaft::service {
namespace {

// Large enough that most tasks begin and end in one, which then costs a single row.
constexpr std::size_t kChunkShare = 16;  // of queue_bytes
constexpr std::size_t kChunk = 32768;
constexpr std::size_t kAtOnce = 6000;  // of them are values again, and one transaction: 4 MB
constexpr std::size_t kBusy = 500;     // writes within `flush` that make it worth to wait for more
constexpr int kNice = 5;               // of the thread that writes: tasks go first

std::size_t total(const std::vector<Blob>& buffers) {
  std::size_t bytes = 0;
  for (const Blob& buffer : buffers) bytes += buffer.size();
  return bytes;
}

std::vector<Blob>* buffers_of(hub::Write& write) {
  if (auto* insert = std::get_if<hub::Insert>(&write)) return &insert->record.buffers;
  auto& change = std::get<hub::Update>(write).change;
  if (auto* finished = std::get_if<hub::Finished>(&change)) return &finished->buffers;
  return nullptr;
}

/// Leaves buffers out when they are larger than `limit`; a result then says so.
bool shed(hub::Write& write, std::size_t limit, const char* why) {
  std::vector<Blob>* buffers = buffers_of(write);
  if (!buffers || buffers->empty()) return false;
  const std::size_t bytes = total(*buffers);
  if (bytes <= limit) return false;
  buffers->clear();
  if (auto* update = std::get_if<hub::Update>(&write)) {
    const hub::PyError error{
        "ResultNotStored",
        fmt::format("the result of {} ({} bytes) is not in the task database: {}", update->id.value, bytes, why)};
    std::get<hub::Finished>(update->change).content = Blob::of(hub::json_text(hub::error_content(error)));
  }
  return true;
}

constexpr const char* kTooLarge = "it is larger than the buffer_limit; the client that submitted the task has it";
constexpr const char* kTooSlow = "the database did not keep up; the client that submitted the task has it";

/// Lets the threads that serve tasks go first where processors are scarce. Linux has this by thread.
void give_way() { static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice)); }

}  // namespace

// ---- DirectKeeper
// ----------------------------------------------------------------------------------------------------

DirectKeeper::DirectKeeper(std::unique_ptr<hub::Store> store, std::size_t buffer_limit, Log& log)
    : store_(std::move(store)), sink_(*store_), buffer_limit_(buffer_limit), log_(log) {}

DirectKeeper::~DirectKeeper() {
  if (said_culling_) log_.info("{} task records have left memory because of its limits", store_->stats().culled);
}

void DirectKeeper::put(hub::Write write) {
  shed(write, buffer_limit_, kTooLarge);
  sink_.put(std::move(write));
  if ((++puts_ & 63U) == 0 && !said_culling_) look_for_culling();
}

void DirectKeeper::look_for_culling() {
  const hub::StoreStats stats = store_->stats();
  if (stats.culled == 0) return;
  said_culling_ = true;
  log_.info(
      "the oldest task records leave memory from now on: {} records with {} bytes are kept; more with "
      "--DictDB.record_limit and --DictDB.size_limit, or --sqlitedb",
      stats.records, stats.bytes);
}

void DirectKeeper::ask(hub::Question question, Callback answer) { answer(question.ask(*store_)); }

// ---- DatabaseKeeper
// --------------------------------------------------------------------------------------------------

DatabaseKeeper::DatabaseKeeper(std::unique_ptr<hub::Store> store, Open open, const Options& options, const Clock& clock,
                               Log& log)
    : options_(options),
      clock_(clock),
      log_(log),
      store_(std::move(store)),
      open_(std::move(open)),
      can_spill_(!options.spill_folder.empty()),
      spill_file_(options.spill_folder) {
  writer_ = std::thread([this] { write_all(); });
}

DatabaseKeeper::~DatabaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  to_write_.notify_all();
  to_ask_.notify_all();
  to_spill_.notify_all();
  writer_.join();
  if (spiller_.joinable()) spiller_.join();
  written_.notify_all();
  if (asker_.joinable()) asker_.join();
  if (lost_ > 0) log_.warning("{} task records, or their results, are not in the database", lost_.load());
}

bool DatabaseKeeper::full(const Chunk& chunk) const {
  return !chunk.packed || chunk.packed->count() >= kChunk || chunk.packed->size() >= options_.queue_bytes / kChunkShare;
}

std::size_t DatabaseKeeper::waiting() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void DatabaseKeeper::lose(const char* why) {
  ++lost_;
  if (std::exchange(losing_, true)) return;
  log_.warning("the task database {}: records are left out until it does; tasks are not affected", why);
}

void DatabaseKeeper::put(hub::Write write) {
  const bool too_large = shed(write, options_.buffer_limit, kTooLarge);
  std::unique_lock lock(mutex_);
  if (too_large) ++lost_;
  const char* slow = failure_.empty() ? "does not keep up" : "does not work";
  if (bytes_ >= options_.queue_bytes) {
    const auto* update = std::get_if<hub::Update>(&write);
    const bool ends = update && std::holds_alternative<hub::Finished>(update->change);
    if (!ends || bytes_ >= 2 * options_.queue_bytes) return lose(slow);
    if (shed(write, 0, kTooSlow)) lose(slow);
  }
  if (chunks_.empty() || full(*chunks_.back())) {
    chunks_.push_back(std::make_shared<Chunk>());
    chunks_.back()->packed = std::make_shared<hub::PackedWrites>(options_.queue_bytes / kChunkShare);
  }
  hub::PackedWrites& packed = *chunks_.back()->packed;
  const std::size_t before = packed.size();
  packed.add(write);
  bytes_ += packed.size() - before;
  ++put_count_;
  const bool first = chunks_.size() == 1 && packed.count() == 1;
  const bool plenty = full(*chunks_.back()) || (bytes_ >= options_.queue_bytes / 4 && chunks_.size() == 1);
  const bool spill = can_spill_ && bytes_ >= options_.queue_bytes / 4 && full(*chunks_.back());
  if (spill && !spiller_.joinable()) spiller_ = std::thread([this] { spill_all(); });
  lock.unlock();
  if (first || plenty) to_write_.notify_one();
  if (spill) to_spill_.notify_one();
}

void DatabaseKeeper::ask(hub::Question question, Callback answer) {
  const std::lock_guard lock(mutex_);
  questions_.push_back({std::move(question), std::move(answer), put_count_});
  ++urgent_;
  if (!asker_.joinable()) asker_ = std::thread([this] { answer_all(); });
  to_write_.notify_one();
  to_ask_.notify_one();
}

void DatabaseKeeper::write_all() {
  give_way();
  std::unique_lock lock(mutex_);
  TimePoint tended{};
  const auto enough = [&] {
    return stopping_ || urgent_ > 0 || chunks_.size() > 1 || full(*chunks_.front()) ||
           bytes_ >= options_.queue_bytes / 4;
  };
  while (true) {
    to_write_.wait(lock, [&] { return !chunks_.empty() || stopping_; });
    if (chunks_.empty()) return;
    if (!to_write_.wait_for(lock, options_.flush, enough) && chunks_.front()->packed->count() >= kBusy)
      to_write_.wait_for(lock, 3 * options_.flush, enough);
    const ChunkPtr chunk = std::move(chunks_.front());
    chunks_.pop_front();
    chunk->taken = true;
    if (chunk->packed) {
      chunk->count = chunk->packed->count();
      chunk->bytes = chunk->packed->size();
    }
    lock.unlock();
    write(*chunk);
    if (const TimePoint now = clock_.now(); now - tended >= options_.tend_period) {
      tended = now;
      if (const auto done = store_->tend(clock_.wall()); !done)
        log_.warning("the task database cannot be kept within its limits: {}", done.error().message);
    }
    lock.lock();
    bytes_ -= chunk->bytes;
    written_count_ += chunk->count;
    if (losing_ && failure_.empty() && bytes_ < options_.queue_bytes / 2) {
      losing_ = false;
      log_.warning("the task database keeps up again; {} records or results were left out", lost_.load());
    }
    written_.notify_all();
  }
}

Result<hub::PackedWrites::Sorted> DatabaseKeeper::read(Chunk& chunk) {
  // It may be on its way to the file as well: both only read it.
  if (chunk.packed) return chunk.packed->sorted();
  auto bytes = spill_file_.take(chunk.spilled);
  if (!bytes) return bytes.error();
  return hub::PackedWrites(std::move(bytes).value(), chunk.plain, chunk.count).sorted();
}

void DatabaseKeeper::write(Chunk& chunk) {
  std::size_t read_so_far = 0;
  const auto lose_rest = [&](const Error& error) {
    log_.error("{} task records are lost: {}", chunk.count - read_so_far, error.message);
    lost_ += chunk.count - read_so_far;
  };
  auto sorted = read(chunk);
  if (!sorted) return lose_rest(sorted.error());
  while (true) {
    auto writes = sorted->next(kAtOnce);
    if (!writes) return lose_rest(writes.error());
    if (writes->empty()) return;
    read_so_far += writes->size();
    write(*writes);
  }
}

// The youngest that is complete: the writer needs the oldest next.
DatabaseKeeper::ChunkPtr DatabaseKeeper::to_spill() const {
  if (!can_spill_ || bytes_ < options_.queue_bytes / 4 || spill_file_.size() >= options_.spill_bytes) return nullptr;
  for (std::size_t i = chunks_.size(); i-- > 1;) {
    if (chunks_[i]->packed && full(*chunks_[i])) return chunks_[i];
  }
  return nullptr;
}

// Does not give way: it has little to do for each record, and what it is late for stays in memory.
void DatabaseKeeper::spill_all() {
  std::unique_lock lock(mutex_);
  while (true) {
    ChunkPtr chunk;
    to_spill_.wait(lock, [&] { return stopping_ || (chunk = to_spill()); });
    if (stopping_) return;
    const std::shared_ptr<hub::PackedWrites> packed = chunk->packed;
    lock.unlock();
    const auto extent = spill_file_.put(packed->pieces());
    lock.lock();
    if (!extent) {
      can_spill_ = false;
      log_.warning("task records that wait for the database stay in memory: {}", extent.error().message);
      return;
    }
    if (chunk->taken) {
      spill_file_.drop(extent.value());
      continue;
    }
    chunk->spilled = extent.value();
    chunk->count = packed->count();
    chunk->plain = packed->plain_size();
    chunk->packed.reset();
    bytes_ -= packed->size();
  }
}

// Tries until the database takes them, or the end has come.
void DatabaseKeeper::write(std::vector<hub::Write>& writes) {
  while (true) {
    const auto done = store_->write(writes);
    std::unique_lock lock(mutex_);
    if (done) {
      if (!failure_.empty()) {
        failure_.clear();
        log_.info("the task database works again");
      }
      return;
    }
    if (failure_.empty()) log_.error("the task database does not work: {}; tasks go on", done.error().message);
    failure_ = done.error().message;
    written_.notify_all();  // questions need not wait for this
    if (to_write_.wait_for(lock, options_.retry, [&] { return stopping_; })) {
      lost_ += writes.size();
      return;
    }
  }
}

void DatabaseKeeper::answer_all() {
  std::unique_lock lock(mutex_);
  while (true) {
    to_ask_.wait(lock, [&] { return !questions_.empty() || stopping_; });
    if (stopping_) return;
    const Asked asked = std::move(questions_.front());
    questions_.pop_front();
    const bool current = wait_for_writes(lock, asked.after);
    --urgent_;
    const std::string failed = failure_;
    lock.unlock();
    if (!failed.empty()) {
      asked.answer(hub::failure(asked.question.type, {"DatabaseError", "the task database does not work: " + failed}));
    } else if (!current) {
      asked.answer(hub::failure(asked.question.type, {"DatabaseError", "the task database is too slow to answer now"}));
    } else {
      asked.answer(answer(asked));
    }
    lock.lock();
  }
}

// As long as the database gets on, however much waits; false when it has not for a while.
bool DatabaseKeeper::wait_for_writes(std::unique_lock<std::mutex>& lock, std::uint64_t count) {
  const auto settled = [&] { return written_count_ >= count || !failure_.empty() || stopping_; };
  while (!settled()) {
    const std::uint64_t before = written_count_;
    if (!written_.wait_for(lock, options_.question_timeout, [&] { return settled() || written_count_ > before; }))
      return false;
  }
  return true;
}

hub::Answer DatabaseKeeper::answer(const Asked& asked) {
  if (!reader_) {
    auto opened = open_();
    if (!opened) return hub::failure(asked.question.type, hub::py_error(opened.error()));
    reader_ = std::move(opened).value();
  }
  return asked.question.ask(*reader_);
}

}  // namespace camshaft::service
