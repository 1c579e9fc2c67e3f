#include "hub/store/packed_writes.hpp"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <span>
#include <type_traits>
#include <unordered_map>

namespace camshaft::hub {
namespace {

constexpr std::size_t kLarge = 16384;  // bytes of a blob above which it is not worth copying
using Size = std::uint64_t;            // of a write, in front of it

Error broken() { return {Errc::truncated, "what was put aside for the task database cannot be read"}; }

/// Small pieces are put together before they go to the end of the string, which has work to do for each.
class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}
  std::vector<Blob>& large() { return large_; }
  void flush() {
    out_.append(small_, used_);
    used_ = 0;
  }

  void number(std::uint64_t n) {  // seven bits a byte, the lowest first
    if (used_ > sizeof small_ - 10) flush();
    for (; n >= 0x80; n >>= 7) small_[used_++] = static_cast<char>(n | 0x80);
    small_[used_++] = static_cast<char>(n);
  }
  void text(std::string_view text) {
    number(text.size());
    if (text.size() > sizeof small_ - used_) flush();
    if (text.size() > sizeof small_) {
      out_ += text;
    } else if (!text.empty()) {
      std::memcpy(small_ + used_, text.data(), text.size());
      used_ += text.size();
    }
  }
  void operator()(const std::string& value) { text(value); }
  void operator()(const Blob& blob) {
    if (blob.size() <= kLarge) return text(blob.view());
    number(blob.size());
    large_.push_back(blob);
  }
  void operator()(const WallTime& time) { number(static_cast<std::uint64_t>(time.time_since_epoch().count())); }
  template <class Tag>
  void operator()(const Id<Tag>& id) {
    (*this)(id.value);
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    number(value ? 1 : 0);
    if (value) (*this)(*value);
  }
  void operator()(const std::vector<Blob>& list) {
    number(list.size());
    for (const Blob& each : list) (*this)(each);
  }
  template <class T>
  requires std::is_enum_v<T>
  void operator()(const T& value) { number(static_cast<std::uint64_t>(value)); }
  void operator()(const bool& value) { number(value ? 1 : 0); }

 private:
  std::string& out_;
  char small_[2048];
  std::size_t used_ = 0;
  std::vector<Blob> large_;
};

}  // namespace

/// Reads one write that Packer wrote.
class Unpacker {
 public:
  /// At the write that begins at `at`.
  Unpacker(const PackedWrites& packed, std::size_t at) : packed_(packed) {
    left_ = std::string_view(*packed.bytes_).substr(0, packed.plain_).substr(at);
    const std::string_view size = take(sizeof(Size));
    if (!size.empty()) std::memcpy(&size_, size.data(), sizeof(Size));
    left_ = take(size_);
    large_at_ = number();
  }
  bool good() const { return good_; }
  bool at_end() const { return left_.empty(); }
  /// Where the next write begins, counted from this one.
  std::size_t length() const { return sizeof(Size) + size_; }
  std::string_view text() { return take(number()); }

  std::uint64_t number() {
    std::uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = take(1);
      if (byte.empty()) return 0;
      n |= static_cast<std::uint64_t>(byte[0] & 0x7f) << shift;
      if ((byte[0] & 0x80) == 0) return n;
    }
    good_ = false;
    return 0;
  }
  void operator()(std::string& value) { value = text(); }
  void operator()(Blob& blob) {
    const std::uint64_t size = number();
    if (size > kLarge) {
      std::optional<Blob> large = packed_.large(large_at_, size);
      large_at_ += size;
      large ? void(blob = *std::move(large)) : void(good_ = false);
    } else if (size > 0) {
      blob = {packed_.bytes_, std::as_bytes(std::span(take(size)))};
    }
  }
  void operator()(WallTime& time) { time = WallTime(WallTime::duration(static_cast<WallTime::rep>(number()))); }
  template <class Tag>
  void operator()(Id<Tag>& id) {
    (*this)(id.value);
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    if (number() != 0) (*this)(value.emplace());
  }
  void operator()(std::vector<Blob>& list) {
    const std::uint64_t count = number();
    for (std::uint64_t i = 0; i < count && good_; ++i) (*this)(list.emplace_back());
  }
  template <class T>
  requires std::is_enum_v<T>
  void operator()(T& value) { value = static_cast<T>(number()); }
  void operator()(bool& value) { value = number() != 0; }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  const PackedWrites& packed_;
  std::string_view left_;
  Size size_ = 0;
  std::uint64_t large_at_ = 0;
  bool good_ = true;
};

namespace {

// The fields, once for both directions: T may be const.

template <class T, class Wanted>
concept Is = std::same_as<std::remove_const_t<T>, Wanted>;

void fields(auto& pass, Is<TaskRecord> auto& r) {
  pass(r.header), pass(r.metadata), pass(r.content), pass(r.buffers), pass(r.submitted), pass(r.client);
  pass(r.engine), pass(r.started), pass(r.completed), pass(r.received), pass(r.resubmitted), pass(r.result_header);
  pass(r.result_metadata), pass(r.result_content), pass(r.result_buffers), pass(r.queue), pass(r.status);
  pass(r.execute_input), pass(r.execute_result), pass(r.error), pass(r.out), pass(r.err);
}
void fields(auto& pass, Is<Dispatched> auto& change) { pass(change.engine); }
void fields(auto& pass, Is<Finished> auto& change) {
  pass(change.engine), pass(change.started), pass(change.completed), pass(change.received), pass(change.status);
  pass(change.header), pass(change.metadata), pass(change.content), pass(change.buffers);
}
void fields(auto& pass, Is<Printed> auto& change) { pass(change.stream), pass(change.text); }
void fields(auto& pass, Is<Displayed> auto& change) { pass(change.what), pass(change.value); }
void fields(auto& pass, Is<Resubmitted> auto& change) { pass(change.as); }

template <std::size_t Kind = 0>
bool make_change(std::size_t kind, Change& change) {
  if constexpr (Kind < std::variant_size_v<Change>) {
    if (kind != Kind) return make_change<Kind + 1>(kind, change);
    change.emplace<Kind>();
    return true;
  }
  return false;
}

}  // namespace

// A write: its size, the large bytes before it, its kind (0 for an insert, 1 + its index for a change), the id, the
// rest.
void PackedWrites::add(const Write& write) {
  const std::size_t begin = bytes_->size();
  bytes_->resize(begin + sizeof(Size));
  Packer pack(*bytes_);
  pack.number(large_bytes_);
  if (const auto* insert = std::get_if<Insert>(&write)) {
    pack.number(0);
    pack(insert->record.id);
    fields(pack, insert->record);
  } else {
    const auto& update = std::get<Update>(write);
    pack.number(1 + update.change.index());
    pack(update.id), pack(update.or_stub);
    std::visit([&](const auto& change) { fields(pack, change); }, update.change);
  }
  pack.flush();
  const Size size = bytes_->size() - begin - sizeof(Size);
  std::memcpy(bytes_->data() + begin, &size, sizeof(Size));
  for (Blob& blob : pack.large()) {
    large_.push_back({large_bytes_, std::move(blob)});
    large_bytes_ += large_.back().blob.size();
  }
  plain_ = bytes_->size();
  ++count_;
}

PackedWrites::PackedWrites(std::string joined, std::size_t plain, std::size_t count)
    : bytes_(std::make_shared<std::string>(std::move(joined))),
      plain_(std::min(plain, bytes_->size())),
      large_bytes_(bytes_->size() - plain_),
      count_(count) {}

std::vector<std::string_view> PackedWrites::pieces() const {
  std::vector<std::string_view> pieces{*bytes_};
  for (const Large& each : large_) pieces.push_back(each.blob.view());
  return pieces;
}

std::optional<Blob> PackedWrites::large(std::uint64_t at, std::uint64_t size) const {
  if (large_.empty()) {
    if (at > large_bytes_ || size > large_bytes_ - at) return std::nullopt;
    return Blob{bytes_, std::as_bytes(std::span(std::string_view(*bytes_).substr(plain_ + at, size)))};
  }
  const auto found = std::lower_bound(large_.begin(), large_.end(), at,
                                      [](const Large& each, std::uint64_t n) { return each.at < n; });
  if (found == large_.end() || found->at != at || found->blob.size() != size) return std::nullopt;
  return found->blob;
}

// ---- reading
// ----------------------------------------------------------------------------------------------------

Result<PackedWrites::Sorted> PackedWrites::sorted() const {
  Sorted sorted(*this);
  sorted.entries_.reserve(count_);
  std::unordered_map<std::string_view, std::uint32_t> last;  // write of each record
  last.reserve(count_ / 2);
  for (std::size_t at = 0; at < plain_;) {
    Unpacker unpack(*this, at);
    unpack.number();
    const std::string_view id = unpack.text();
    if (!unpack.good()) return broken();
    const auto number = static_cast<std::uint32_t>(sorted.entries_.size());
    sorted.entries_.push_back({at, Sorted::kNone});
    const auto [known, fresh] = last.try_emplace(id, number);
    if (fresh) {
      sorted.firsts_.push_back(number);
    } else {
      sorted.entries_[std::exchange(known->second, number)].next = number;
    }
    at += unpack.length();
  }
  if (sorted.entries_.size() != count_) return broken();
  return sorted;
}

Result<std::vector<Write>> PackedWrites::Sorted::next(std::size_t count) {
  std::vector<Write> writes;
  writes.reserve(std::min(count + 8, entries_.size()));
  for (; record_ < firsts_.size() && writes.size() < count; ++record_) {
    for (std::uint32_t i = firsts_[record_]; i != kNone; i = entries_[i].next) {
      Unpacker unpack(packed_, entries_[i].at);
      const std::uint64_t kind = unpack.number();
      if (kind == 0) {
        TaskRecord& record = std::get<Insert>(writes.emplace_back(std::in_place_type<Insert>)).record;
        unpack(record.id);
        fields(unpack, record);
      } else {
        Update& update = std::get<Update>(writes.emplace_back(std::in_place_type<Update>));
        unpack(update.id), unpack(update.or_stub);
        if (!make_change(kind - 1, update.change)) return broken();
        std::visit([&](auto& change) { fields(unpack, change); }, update.change);
      }
      if (!unpack.good() || !unpack.at_end()) return broken();
    }
  }
  return writes;
}

}  // namespace camshaft::hub
