#include "wire/batch.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

#include "core/common_ends.hpp"
#include "core/varint.hpp"

namespace camshaft::wire {

namespace {

// Far above what is ever sent: a bound for what a damaged body can make us allocate.
constexpr std::uint64_t kMostMessages = 4096;
constexpr std::uint64_t kMostFrames = 64;
constexpr std::uint64_t kMostBytes = 64u << 20;

constexpr std::size_t kTexts = 4;

// Some numbers, which go to the end of the string together: it has work to do for each addition.
void put(std::string& out, auto... numbers) {
  char bytes[sizeof...(numbers) * kVarintBytes];
  char* next = bytes;
  ((next = write_varint(next, numbers)), ...);
  out.append(bytes, static_cast<std::size_t>(next - bytes));
}

// The parts of a message, one after the other; it may be const.
template <class Message, class Visit>
void for_each_part(Message& message, Visit visit) {
  for (auto& identity : message.identities) visit(identity);
  for (auto* text : {&message.header, &message.parent, &message.metadata, &message.content}) visit(*text);
  for (auto& buffer : message.buffers) visit(buffer);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // nullopt at the end, and for a number that is above `most`.
  std::optional<std::uint64_t> number(std::uint64_t most) {
    const auto value = take_varint(rest_);
    return value && *value <= most ? value : std::nullopt;
  }
  std::optional<std::string_view> bytes(std::size_t size) {
    if (size > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Where the parts that are not repeated are put together: one allocation for a whole batch.
class Block {
 public:
  explicit Block(std::size_t size)
      : bytes_(std::make_shared_for_overwrite<std::byte[]>(size)), next_(bytes_.get()), left_(size) {}

  std::optional<Blob> join(std::string_view head, std::string_view middle, std::string_view tail) {
    const std::size_t size = head.size() + middle.size() + tail.size();
    if (size > left_) return std::nullopt;
    const Blob made{bytes_, {next_, size}};
    for (const std::string_view piece : {head, middle, tail}) {
      if (!piece.empty()) std::memcpy(next_, piece.data(), piece.size());
      next_ += piece.size();
    }
    left_ -= size;
    return made;
  }
  std::size_t left() const { return left_; }

 private:
  std::shared_ptr<std::byte[]> bytes_;
  std::byte* next_;
  std::size_t left_;
};

std::optional<Blob> read_part(Reader& in, const Blob& before, Block& block) {
  const auto prefix = in.number(before.size());
  const auto suffix = prefix ? in.number(before.size() - *prefix) : std::nullopt;
  const auto size = suffix ? in.number(kMostBytes) : std::nullopt;
  const auto middle = size ? in.bytes(*size) : std::nullopt;
  if (!middle) return std::nullopt;
  if (middle->empty() && *prefix + *suffix == before.size()) return before;
  return block.join(before.view().substr(0, *prefix), *middle, before.view().substr(before.size() - *suffix));
}

}  // namespace

bool fits_batch(const Parts& parts) {
  if (parts.identities.size() + kTexts + parts.buffers.size() > kMostFrames) return false;
  std::size_t size = 0;
  for_each_part(parts, [&](const Blob& part) { size += part.size(); });
  return size <= kBatchedBytes;
}

std::string write_batch(const std::vector<Parts>& messages) {
  std::string out;
  out.reserve(1024 + 128 * messages.size());
  std::vector<std::string_view> before, now;
  std::uint64_t fresh = 0;
  for (const Parts& message : messages) {
    put(out, message.identities.size(), message.buffers.size());
    now.clear();
    for_each_part(message, [&](const Blob& part) { now.push_back(part.view()); });
    before.resize(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      const std::size_t prefix = common_prefix(before[i], now[i]);
      const std::size_t suffix = common_suffix(before[i], now[i], std::min(before[i].size(), now[i].size()) - prefix);
      const std::string_view middle = now[i].substr(prefix, now[i].size() - prefix - suffix);
      put(out, prefix, suffix, middle.size());
      out += middle;
      if (!middle.empty() || prefix + suffix != before[i].size()) fresh += now[i].size();
    }
    before.swap(now);
  }
  std::string body;
  body.reserve(out.size() + 8);
  put(body, messages.size(), fresh);
  return body += out;
}

Result<std::vector<Parts>> read_batch(const Blob& body) {
  const Error broken{Errc::truncated, "a batch ends too early or contradicts itself"};
  Reader in(body.view());
  const auto count = in.number(kMostMessages);
  const auto fresh = count ? in.number(kMostBytes) : std::nullopt;
  if (!fresh) return broken;
  std::vector<Parts> messages;
  messages.reserve(*count);
  Block block(*fresh);
  static const Blob nothing;
  std::vector<const Blob*> before;  // parts of the message before, where they are
  std::vector<Blob*> now;
  for (std::uint64_t n = 0; n < *count; ++n) {
    const auto identities = in.number(kMostFrames);
    const auto buffers = identities ? in.number(kMostFrames) : std::nullopt;
    if (!buffers) return broken;
    Parts& message = messages.emplace_back();
    message.identities.resize(*identities);
    message.buffers.resize(*buffers);
    now.clear();
    for_each_part(message, [&](Blob& part) { now.push_back(&part); });
    before.resize(now.size(), &nothing);
    for (std::size_t i = 0; i < now.size(); ++i) {
      auto part = read_part(in, *before[i], block);
      if (!part) return broken;
      *now[i] = std::move(*part);
    }
    before.assign(now.begin(), now.end());
  }
  if (!in.done() || block.left() != 0) return Error{Errc::bad_value, "a batch has more bytes than messages"};
  return messages;
}

Frames encode(std::vector<Blob> identities, Parts parts, const Signer& signer) {
  if (parts.signature.empty()) parts.signature = Blob::of(signer.sign(parts.signed_bytes()));
  parts.identities.insert(parts.identities.begin(), std::make_move_iterator(identities.begin()),
                          std::make_move_iterator(identities.end()));
  return join(parts);
}

}  // namespace camshaft::wire
