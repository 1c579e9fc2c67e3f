#include "hub/store/packed_writes.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace camshaft::hub {
namespace {

constexpr std::size_t kLarge = 16384;  // bytes of a blob above which it is not worth copying

class Packer {
 public:
  Packer(std::string& out, std::vector<Blob>& large) : out_(out), large_(large) {}

  void number(std::uint64_t n) {  // seven bits a byte, the lowest first
    for (; n >= 0x80; n >>= 7) out_ += static_cast<char>(n | 0x80);
    out_ += static_cast<char>(n);
  }
  void operator()(const std::string& text) {
    number(text.size());
    out_ += text;
  }
  void operator()(const Blob& blob) {
    number(blob.size());
    blob.size() > kLarge ? large_.push_back(blob) : void(out_ += blob.view());
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
  std::vector<Blob>& large_;
};

/// Reads what Packer wrote; large blobs come from `next_large`.
template <class NextLarge>
class Unpacker {
 public:
  Unpacker(std::shared_ptr<const std::string> owner, std::size_t plain, NextLarge next_large)
      : owner_(std::move(owner)), left_(std::string_view(*owner_).substr(0, plain)), next_large_(next_large) {}
  bool good() const { return good_; }
  bool at_end() const { return left_.empty(); }

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
  void operator()(std::string& text) { text = take(number()); }
  void operator()(Blob& blob) {
    const std::uint64_t size = number();
    if (size > kLarge) {
      std::optional<Blob> large = next_large_(size);
      large ? void(blob = *std::move(large)) : void(good_ = false);
    } else if (size > 0) {
      blob = {owner_, std::as_bytes(std::span(take(size)))};
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

  std::shared_ptr<const std::string> owner_;
  std::string_view left_;
  NextLarge next_large_;
  bool good_ = true;
};

// The fields, once for both directions: T may be const.

template <class T, class Wanted>
concept Is = std::same_as<std::remove_const_t<T>, Wanted>;

void fields(auto& pass, Is<TaskRecord> auto& r) {
  pass(r.id), pass(r.header), pass(r.metadata), pass(r.content), pass(r.buffers), pass(r.submitted), pass(r.client);
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

// Each write begins with a number: 0 for an insert, 1 + its index for a change.
template <class NextLarge>
Result<std::vector<Write>> read_all(std::shared_ptr<const std::string> bytes, std::size_t plain, std::size_t count,
                                    NextLarge next_large) {
  const Error broken{Errc::truncated, "what was put aside for the task database cannot be read"};
  std::vector<Write> writes;
  writes.reserve(count);
  Unpacker<NextLarge> unpack(std::move(bytes), plain, next_large);
  while (!unpack.at_end()) {
    const std::uint64_t kind = unpack.number();
    if (kind == 0) {
      Write& write = writes.emplace_back(std::in_place_type<Insert>);
      fields(unpack, std::get<Insert>(write).record);
    } else {
      Update& update = std::get<Update>(writes.emplace_back(std::in_place_type<Update>));
      unpack(update.id), unpack(update.or_stub);
      if (!make_change(kind - 1, update.change)) return broken;
      std::visit([&](auto& change) { fields(unpack, change); }, update.change);
    }
    if (!unpack.good()) return broken;
  }
  if (writes.size() != count) return broken;
  return writes;
}

}  // namespace

void PackedWrites::add(const Write& write) {
  const std::size_t large_before = large_.size();
  Packer pack(*bytes_, large_);
  if (const auto* insert = std::get_if<Insert>(&write)) {
    pack.number(0);
    fields(pack, insert->record);
  } else {
    const auto& update = std::get<Update>(write);
    pack.number(1 + update.change.index());
    pack(update.id), pack(update.or_stub);
    std::visit([&](const auto& change) { fields(pack, change); }, update.change);
  }
  for (std::size_t i = large_before; i < large_.size(); ++i) large_bytes_ += large_[i].size();
  ++count_;
}

std::vector<std::string_view> PackedWrites::pieces() const {
  std::vector<std::string_view> pieces{*bytes_};
  for (const Blob& blob : large_) pieces.push_back(blob.view());
  return pieces;
}

Result<std::vector<Write>> PackedWrites::unpack() const {
  std::size_t next = 0;
  return read_all(bytes_, bytes_->size(), count_, [&](std::uint64_t) -> std::optional<Blob> {
    if (next == large_.size()) return std::nullopt;
    return large_[next++];
  });
}

Result<std::vector<Write>> PackedWrites::unpack(std::string joined, std::size_t plain, std::size_t count) {
  const auto bytes = std::make_shared<const std::string>(std::move(joined));
  std::size_t at = std::min(plain, bytes->size());
  return read_all(bytes, plain, count, [&](std::uint64_t size) -> std::optional<Blob> {
    if (size > bytes->size() - at) return std::nullopt;
    const std::string_view piece = std::string_view(*bytes).substr(at, size);
    at += size;
    return Blob{bytes, std::as_bytes(std::span(piece))};
  });
}

}  // namespace camshaft::hub
