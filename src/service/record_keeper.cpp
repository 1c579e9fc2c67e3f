#include "service/record_keeper.hpp"

#include <fmt/format.h>

#include <utility>

namespace camshaft::service {
namespace {

// Large enough that most tasks begin and end in one, which then costs a single row.
constexpr std::size_t kChunk = 4096;

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
    : options_(options), clock_(clock), log_(log), store_(std::move(store)), open_(std::move(open)) {
  writer_ = std::thread([this] { write_all(); });
}

DatabaseKeeper::~DatabaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  to_write_.notify_all();
  to_ask_.notify_all();
  writer_.join();
  written_.notify_all();
  if (asker_.joinable()) asker_.join();
  if (lost_ > 0) log_.warning("{} task records, or their results, are not in the database", lost_.load());
}

std::size_t DatabaseKeeper::weight(const hub::Write& write) {
  constexpr std::size_t kEach = 1024;  // for the value itself and the small things that it owns
  if (const auto* insert = std::get_if<hub::Insert>(&write)) return kEach + hub::footprint(insert->record);
  const auto& update = std::get<hub::Update>(write);
  if (const auto* finished = std::get_if<hub::Finished>(&update.change)) {
    return kEach + finished->header.size() + finished->metadata.size() + finished->content.size() +
           total(finished->buffers);
  }
  if (const auto* printed = std::get_if<hub::Printed>(&update.change)) return kEach + printed->text.size();
  if (const auto* displayed = std::get_if<hub::Displayed>(&update.change)) return kEach + displayed->value.size();
  return kEach;
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
  if (chunks_.empty() || chunks_.back().writes.size() >= kChunk) chunks_.emplace_back();
  Chunk& chunk = chunks_.back();
  const std::size_t bytes = weight(write);
  chunk.writes.push_back(std::move(write));
  chunk.bytes += bytes;
  bytes_ += bytes;
  ++put_count_;
  const bool first = chunks_.size() == 1 && chunk.writes.size() == 1;
  const bool plenty = chunk.writes.size() == kChunk || (bytes_ >= options_.queue_bytes / 4 && chunks_.size() == 1);
  lock.unlock();
  if (first || plenty) to_write_.notify_one();
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
  std::unique_lock lock(mutex_);
  TimePoint tended{};
  while (true) {
    to_write_.wait(lock, [&] { return !chunks_.empty() || stopping_; });
    if (chunks_.empty()) return;
    to_write_.wait_for(lock, options_.flush, [&] {
      return stopping_ || urgent_ > 0 || chunks_.size() > 1 || bytes_ >= options_.queue_bytes / 4;
    });
    Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    const std::uint64_t count = chunk.writes.size();
    const std::size_t bytes = chunk.bytes;
    lock.unlock();
    write(chunk);
    if (const TimePoint now = clock_.now(); now - tended >= options_.tend_period) {
      tended = now;
      if (const auto done = store_->tend(clock_.wall()); !done)
        log_.warning("the task database cannot be kept within its limits: {}", done.error().message);
    }
    chunk = {};  // what it held is freed before it stops counting
    lock.lock();
    bytes_ -= bytes;
    written_count_ += count;
    if (losing_ && failure_.empty() && bytes_ < options_.queue_bytes / 2) {
      losing_ = false;
      log_.warning("the task database keeps up again; {} records or results were left out", lost_.load());
    }
    written_.notify_all();
  }
}

// Tries until the database takes the chunk, or the end has come.
void DatabaseKeeper::write(Chunk& chunk) {
  while (true) {
    const auto done = store_->write(chunk.writes);
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
      lost_ += chunk.writes.size();
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
    const bool current = written_.wait_for(lock, options_.question_timeout, [&] {
      return written_count_ >= asked.after || !failure_.empty() || stopping_;
    });
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

hub::Answer DatabaseKeeper::answer(const Asked& asked) {
  if (!reader_) {
    auto opened = open_();
    if (!opened) return hub::failure(asked.question.type, hub::py_error(opened.error()));
    reader_ = std::move(opened).value();
  }
  return asked.question.ask(*reader_);
}

}  // namespace camshaft::service
