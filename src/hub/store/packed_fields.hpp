// hub/store/packed_fields.hpp: the fields of records and of changes as bytes and back, each field named once for both.
// Thread: plain values.
// Owns:   nothing; what is read shares the bytes that it was read from.
// Errors: bytes that do not hold what was written leave a reader that is not good().
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/varint.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

/// Writes fields. Small pieces are put together before they go to the end of the string, which has work to do for each.
class FieldWriter {
 public:
  /// `out` has all of it after flush().
  explicit FieldWriter(std::string& out) : out_(out) {}
  /// The blobs that are not worth copying, in order.
  std::vector<Blob>& large() { return large_; }
  void flush() {
    out_.append(small_, used_);
    used_ = 0;
  }

  void number(std::uint64_t n) {
    if (used_ > sizeof small_ - kVarintBytes) flush();
    used_ = static_cast<std::size_t>(write_varint(small_ + used_, n) - small_);
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

  static constexpr std::size_t kLarge = 16384;  // bytes of a blob above which it is not worth copying

 private:
  std::string& out_;
  char small_[2048];
  std::size_t used_ = 0;
  std::vector<Blob> large_;
};

/// Reads what a FieldWriter wrote.
class FieldReader {
 public:
  /// The next large blob, which has so many bytes; nothing when there is none like that.
  using NextLarge = std::function<std::optional<Blob>(std::uint64_t size)>;

  FieldReader(std::shared_ptr<const void> owner, std::string_view bytes) : owner_(std::move(owner)), left_(bytes) {}
  void large_from(NextLarge next) { next_large_ = std::move(next); }
  bool good() const { return good_; }
  bool at_end() const { return left_.empty(); }

  std::uint64_t number() {
    const auto n = take_varint(left_);
    if (!n) good_ = false;
    return n.value_or(0);
  }
  std::string_view text() { return take(number()); }
  void operator()(std::string& value) { value = text(); }
  void operator()(Blob& blob) {
    const std::uint64_t size = number();
    if (size > FieldWriter::kLarge) {
      std::optional<Blob> large = next_large_ ? next_large_(size) : std::nullopt;
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

  std::shared_ptr<const void> owner_;
  std::string_view left_;
  NextLarge next_large_;
  bool good_ = true;
};

// The fields of each, for both directions: T may be const. Ids of records and writes are left to whoever needs them
// first.

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

}  // namespace camshaft::hub
