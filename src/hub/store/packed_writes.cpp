#include "hub/store/packed_writes.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <unordered_map>

namespace camshaft::hub {
namespace {

using Size = std::uint64_t;  // of a write, in front of it

Error broken() { return {Errc::truncated, "what was put aside for the task database cannot be read"}; }

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
  FieldWriter pack(*bytes_);
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

/// The write that begins at `at`; one that is cut off is not good().
PackedWrites::OneWrite PackedWrites::write(std::size_t at) const {
  const std::string_view bytes = std::string_view(*bytes_).substr(0, plain_).substr(at);
  Size size = 0;
  if (bytes.size() >= sizeof size) std::memcpy(&size, bytes.data(), sizeof size);
  const bool whole = bytes.size() >= sizeof size && bytes.size() - sizeof size >= size;
  FieldReader fields(bytes_, whole ? bytes.substr(sizeof size, size) : std::string_view());
  const std::uint64_t large_before = fields.number();
  fields.large_from([this, at = large_before](std::uint64_t n) mutable { return large(std::exchange(at, at + n), n); });
  return {std::move(fields), sizeof size + size};
}

Result<PackedWrites::Sorted> PackedWrites::sorted() const {
  Sorted sorted(*this);
  sorted.entries_.reserve(count_);
  std::unordered_map<std::string_view, std::uint32_t> last;  // write of each record
  last.reserve(count_ / 2);
  for (std::size_t at = 0; at < plain_;) {
    OneWrite one = write(at);
    one.fields.number();
    const std::string_view id = one.fields.text();
    if (!one.fields.good()) return broken();
    const auto number = static_cast<std::uint32_t>(sorted.entries_.size());
    sorted.entries_.push_back({at, Sorted::kNone});
    const auto [known, fresh] = last.try_emplace(id, number);
    if (fresh) {
      sorted.firsts_.push_back(number);
    } else {
      sorted.entries_[std::exchange(known->second, number)].next = number;
    }
    at += one.length;
  }
  if (sorted.entries_.size() != count_) return broken();
  return sorted;
}

Result<std::vector<Write>> PackedWrites::Sorted::next(std::size_t count) {
  std::vector<Write> writes;
  writes.reserve(std::min(count + 8, entries_.size()));
  for (; record_ < firsts_.size() && writes.size() < count; ++record_) {
    for (std::uint32_t i = firsts_[record_]; i != kNone; i = entries_[i].next) {
      FieldReader unpack = packed_.write(entries_[i].at).fields;
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
