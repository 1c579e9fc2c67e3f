// service/dispatch_journal.hpp: which task was sent to which engine, where the next controller finds it after a crash.
// Noting is two stores into a mapped file: no system call, and what is stored survives the process, though not a loss
// of power (after one the journal is not believed). Thread: one. Owns: its files, `<stem>-<n>`: entries of 16 bytes,
// the last million at least, and all that are in flight. Errors: a file that cannot be written is one line in the log;
// the journal then answers that it does not know.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/ids.hpp"
#include "core/log.hpp"
#include "core/time.hpp"

namespace camshaft::service {

class DispatchJournal final {
 public:
  struct Options {
    std::filesystem::path stem;
    std::size_t entries = std::size_t{1} << 20;  // of one file; the one before is kept as well
    Duration keep = std::chrono::minutes(10);    // files of earlier controllers
    std::string boot = this_boot();              // another one: the machine was down in between
  };
  /// Tells of each task that is in flight, and where.
  using InFlight = std::function<void(const std::function<void(const MsgId&, const EngineId&)>&)>;

  /// `go_on`: engines of an earlier controller may come back, so its files count.
  DispatchJournal(Options options, bool go_on, const Clock& clock, Log& log);
  ~DispatchJournal();
  DispatchJournal(const DispatchJournal&) = delete;
  DispatchJournal& operator=(const DispatchJournal&) = delete;

  /// Asked when a file is full: what is in flight goes into the next one.
  void use(InFlight in_flight) { in_flight_ = std::move(in_flight); }

  /// To be noted before it is sent.
  void sent(const MsgId& id, const EngineId& engine) { note(print(id.value), print(engine.value)); }
  /// The engine had not begun it, and never will.
  void handed_back(const MsgId& id, const EngineId& engine) { note(print(id.value), print(engine.value) | kBack); }

  /// How often each of `ids` was sent to an engine and not handed back, under this controller or an earlier one; those
  /// to `except` do not count. Only what is above zero; nullopt: not known.
  using Times = std::unordered_map<MsgId, std::int32_t>;
  std::optional<Times> sent_elsewhere(std::span<const MsgId> ids, const std::set<EngineId>& except) const;

  /// Nobody will ask any more: removes all files.
  void remove();

  /// What the kernel calls the time since it was started; empty where it does not say.
  static std::string this_boot();

 private:
  struct Entry {
    std::uint64_t task, engine;  // engine: with one of these, or sent
  };
  static constexpr std::uint64_t kBack = 1;     // handed back
  static constexpr std::uint64_t kCarried = 2;  // in flight when this file was begun: an earlier one said so already
  struct Header;
  static std::uint64_t print(const std::string& id);

  void note(std::uint64_t task, std::uint64_t engine) {
    if (next_ == end_ && !advance()) return;
    next_->task = task;
    next_->engine = engine;
    ++next_;
  }
  bool advance();
  bool begin_file();
  bool map_window();
  void unmap();
  void give_up(const std::string& what);
  void drop_old_files();
  std::filesystem::path file(std::uint64_t number) const;
  static bool read(const std::filesystem::path& file, const std::function<void(std::uint64_t, std::uint64_t)>& tell);
  std::optional<std::int64_t> complete_from(const std::filesystem::path& file) const;

  Options options_;
  const Clock& clock_;
  Log& log_;
  InFlight in_flight_;
  TimePoint since_;
  bool complete_;  // nothing that was sent before this controller is missing
  bool works_ = true;
  std::vector<std::uint64_t> earlier_;  // numbers of files of earlier controllers
  std::vector<std::uint64_t> own_;      // of this one, the current one last
  int descriptor_ = -1;
  Header* header_ = nullptr;  // of the current file
  std::uint64_t size_ = 0;    // bytes of it that are set aside
  std::uint64_t limit_ = 0;   // bytes it may have
  Entry *window_ = nullptr, *next_ = nullptr, *end_ = nullptr;
};

}  // namespace camshaft::service
