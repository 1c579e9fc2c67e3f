#include "service/dispatch_journal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace camshaft::service {

namespace {
constexpr std::size_t kPage = 4096;
constexpr std::size_t kWindow = std::size_t{1} << 20;  // bytes that are mapped, and set aside, at a time
constexpr std::array<char, 8> kMagic{'c', 's', 'h', 'j', 'r', 'n', '0', '1'};
}  // namespace

struct DispatchJournal::Header {
  std::array<char, 8> magic;
  std::uint64_t check;    // how this build hashes
  std::int64_t complete;  // seconds of 1970 from when on the files tell everything that matters; 0: always
  std::array<char, 40> boot;
};

namespace {

std::int64_t seconds(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
}

std::array<char, 40> boot_field(const std::string& boot) {
  std::array<char, 40> field{};
  std::copy_n(boot.begin(), std::min(boot.size(), field.size()), field.begin());
  return field;
}

}  // namespace

std::string DispatchJournal::this_boot() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  return text;
}

// Zero means that nothing was noted there, and the last bits of an engine say what was.
std::uint64_t DispatchJournal::print(const std::string& id) {
  return (static_cast<std::uint64_t>(std::hash<std::string>{}(id)) | 4U) & ~(kBack | kCarried);
}

std::filesystem::path DispatchJournal::file(std::uint64_t number) const {
  return options_.stem.string() + "-" + std::to_string(number);
}

DispatchJournal::DispatchJournal(Options options, bool go_on, const Clock& clock, Log& log)
    : options_(std::move(options)), clock_(clock), log_(log), since_(clock.now()), complete_(!options_.boot.empty()) {
  const std::string prefix = options_.stem.filename().string() + "-";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options_.stem.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t number = 0;
    const char* const end = name.data() + name.size();
    if (!name.starts_with(prefix)) continue;
    const auto read = std::from_chars(name.data() + prefix.size(), end, number);
    if (read.ec == std::errc() && read.ptr == end) earlier_.push_back(number);
  }
  std::sort(earlier_.begin(), earlier_.end());
  if (!go_on) {
    for (const std::uint64_t number : earlier_) std::filesystem::remove(file(number), ignored);
    earlier_.clear();
  } else {
    complete_ = complete_ && !earlier_.empty();
    std::erase_if(earlier_, [&](std::uint64_t number) {
      const auto from = complete_from(file(number));
      complete_ = complete_ && from && *from <= seconds(clock_);
      if (!from) std::filesystem::remove(file(number), ignored);
      return !from;
    });
  }
  limit_ = kPage + options_.entries * sizeof(Entry);
  begin_file();
}

DispatchJournal::~DispatchJournal() { unmap(); }

/// Seconds of 1970; nullopt for a file that is no journal of ours, or one from before the machine was down.
std::optional<std::int64_t> DispatchJournal::complete_from(const std::filesystem::path& path) const {
  std::ifstream in(path, std::ios::binary);
  Header header{};
  in.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!in || header.magic != kMagic || header.check != print("camshaft") || header.boot != boot_field(options_.boot))
    return std::nullopt;
  return header.complete;
}

void DispatchJournal::unmap() {
  if (window_ != nullptr) ::munmap(window_, kWindow);
  if (header_ != nullptr) ::munmap(header_, kPage);
  if (descriptor_ >= 0) ::close(descriptor_);
  window_ = next_ = end_ = nullptr;
  header_ = nullptr;
  descriptor_ = -1;
}

// The next controller must not believe what is not written on.
void DispatchJournal::give_up(const std::string& what) {
  log_.warning(
      "the journal of dispatches is given up: {}: {}; after a crash tasks that may have run on a lost engine "
      "cannot be told from others",
      what, std::generic_category().message(errno));
  works_ = complete_ = false;
  remove();
}

bool DispatchJournal::begin_file() {
  const std::uint64_t last = !own_.empty() ? own_.back() : earlier_.empty() ? 0 : earlier_.back();
  unmap();
  own_.push_back(last + 1);
  const std::filesystem::path path = file(own_.back());
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor_ >= 0 && (errno = ::posix_fallocate(descriptor_, 0, kPage)) == 0) {
    void* at = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (at != MAP_FAILED) header_ = static_cast<Header*>(at);
  }
  if (header_ == nullptr) {
    give_up(path.string());
    return false;
  }
  const std::int64_t settled =
      std::chrono::duration_cast<std::chrono::seconds>(options_.keep - (clock_.now() - since_)).count();
  header_->check = print("camshaft");
  header_->complete = complete_ ? 0 : seconds(clock_) + std::max<std::int64_t>(settled, 0);
  header_->boot = boot_field(options_.boot);
  header_->magic = kMagic;
  size_ = kPage;
  return map_window();
}

bool DispatchJournal::map_window() {
  if (window_ != nullptr) ::munmap(window_, kWindow);
  window_ = next_ = end_ = nullptr;
  errno = ::posix_fallocate(descriptor_, static_cast<off_t>(size_), kWindow);
  void* at = errno != 0
                 ? MAP_FAILED
                 : ::mmap(nullptr, kWindow, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, static_cast<off_t>(size_));
  if (at == MAP_FAILED) {
    give_up(file(own_.back()).string());
    return false;
  }
  window_ = next_ = static_cast<Entry*>(at);
  end_ = window_ + kWindow / sizeof(Entry);
  size_ += kWindow;
  return true;
}

/// Makes room for at least one entry.
bool DispatchJournal::advance() {
  if (!works_) return false;
  if (size_ < limit_) return map_window();
  if (!begin_file()) return false;
  limit_ = ~std::uint64_t{0};  // what is in flight all goes into one file
  if (in_flight_)
    in_flight_(
        [this](const MsgId& id, const EngineId& engine) { note(print(id.value), print(engine.value) | kCarried); });
  if (!works_) return false;
  limit_ = size_ + options_.entries * sizeof(Entry);
  drop_old_files();
  return next_ != end_ || map_window();
}

void DispatchJournal::drop_old_files() {
  std::error_code ignored;
  while (own_.size() > 2) {
    std::filesystem::remove(file(own_.front()), ignored);
    own_.erase(own_.begin());
  }
  if (clock_.now() - since_ < options_.keep) return;
  for (const std::uint64_t number : std::exchange(earlier_, {})) std::filesystem::remove(file(number), ignored);
}

void DispatchJournal::remove() {
  unmap();
  works_ = false;
  std::error_code ignored;
  for (auto* numbers : {&earlier_, &own_}) {
    for (const std::uint64_t number : *numbers) std::filesystem::remove(file(number), ignored);
    numbers->clear();
  }
}

std::optional<DispatchJournal::Times> DispatchJournal::sent_elsewhere(std::span<const MsgId> ids,
                                                                      const std::set<EngineId>& except) const {
  if (!works_ || (!complete_ && clock_.now() - since_ < options_.keep)) return std::nullopt;
  std::unordered_set<std::uint64_t> tasks, elsewhere;
  for (const MsgId& id : ids) tasks.insert(print(id.value));
  for (const EngineId& engine : except) elsewhere.insert(print(engine.value));
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::int32_t> times;
  const auto note = [&](std::uint64_t task, std::uint64_t engine) {
    const std::uint64_t place = engine & ~(kBack | kCarried);
    if (!tasks.contains(task) || elsewhere.contains(place)) return;
    std::int32_t& count = times[{task, place}];
    count = (engine & kCarried) != 0 ? std::max(count, 1) : std::max(count + ((engine & kBack) != 0 ? -1 : 1), 0);
  };
  for (const auto* numbers : {&earlier_, &own_})
    for (const std::uint64_t number : *numbers)
      if (!read(file(number), note)) return std::nullopt;
  std::unordered_map<std::uint64_t, std::int32_t> by_task;
  for (const auto& [where, count] : times)
    if (count > 0) by_task[where.first] += count;
  Times found;
  for (const MsgId& id : ids)
    if (const auto count = by_task.find(print(id.value)); count != by_task.end()) found.emplace(id, count->second);
  return found;
}

bool DispatchJournal::read(const std::filesystem::path& path,
                           const std::function<void(std::uint64_t, std::uint64_t)>& tell) {
  std::ifstream in(path, std::ios::binary);
  in.seekg(kPage);
  if (!in) return false;
  std::vector<Entry> some(kPage);
  while (true) {
    in.read(reinterpret_cast<char*>(some.data()), static_cast<std::streamsize>(some.size() * sizeof(Entry)));
    const std::size_t count = static_cast<std::size_t>(in.gcount()) / sizeof(Entry);
    for (std::size_t i = 0; i < count; ++i) {
      if (some[i].task == 0 || some[i].engine == 0) return true;
      tell(some[i].task, some[i].engine);
    }
    if (count < some.size()) return true;
  }
}

}  // namespace camshaft::service
