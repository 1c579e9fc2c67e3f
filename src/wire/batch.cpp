#include "wire/batch.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

namespace camshaft::wire {

namespace {

// Far above what is ever sent: a bound for what a damaged body can make us allocate.
constexpr std::uint64_t kMostMessages = 4096;
constexpr std::uint64_t kMostFrames = 64;
constexpr std::uint64_t kMostBytes = 64u << 20;

constexpr std::size_t kTexts = 4;

void put(std::string& out, std::uint64_t number) {
  while (number >= 0x80) {
    out += static_cast<char>(number | 0x80);
    number >>= 7;
  }
  out += static_cast<char>(number);
}

// The parts of a message, one after the other.
template <class Visit>
void for_each_part(const Parts& message, Visit visit) {
  for (const Blob& identity : message.identities) visit(identity);
  for (const Blob* text : {&message.header, &message.parent, &message.metadata, &message.content}) visit(*text);
  for (const Blob& buffer : message.buffers) visit(buffer);
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t n = 0;
  for (; n + 8 <= most; n += 8)
    if (std::memcmp(a.data() + n, b.data() + n, 8) != 0) break;
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

std::size_t common_suffix(std::string_view a, std::string_view b, std::size_t most) {
  const char* end_a = a.data() + a.size();
  const char* end_b = b.data() + b.size();
  std::size_t n = 0;
  for (; n + 8 <= most; n += 8)
    if (std::memcmp(end_a - n - 8, end_b - n - 8, 8) != 0) break;
  while (n < most && end_a[-1 - static_cast<std::ptrdiff_t>(n)] == end_b[-1 - static_cast<std::ptrdiff_t>(n)]) ++n;
  return n;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // nullopt at the end, and for a number that is above `most`.
  std::optional<std::uint64_t> number(std::uint64_t most) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value <= most ? std::optional(value) : std::nullopt;
    }
    return std::nullopt;
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

// Gives the flat parts of a message their names.
Parts name_parts(std::vector<Blob> flat, std::size_t identities) {
  const auto texts = flat.begin() + static_cast<std::ptrdiff_t>(identities);
  Parts message;
  message.identities.assign(flat.begin(), texts);
  message.header = texts[0];
  message.parent = texts[1];
  message.metadata = texts[2];
  message.content = texts[3];
  message.buffers.assign(texts + kTexts, flat.end());
  return message;
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
    put(out, message.identities.size());
    put(out, message.buffers.size());
    now.clear();
    for_each_part(message, [&](const Blob& part) { now.push_back(part.view()); });
    before.resize(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      const std::size_t prefix = common_prefix(before[i], now[i]);
      const std::size_t suffix = common_suffix(before[i], now[i], std::min(before[i].size(), now[i].size()) - prefix);
      const std::string_view middle = now[i].substr(prefix, now[i].size() - prefix - suffix);
      put(out, prefix);
      put(out, suffix);
      put(out, middle.size());
      out += middle;
      if (!middle.empty() || prefix + suffix != before[i].size()) fresh += now[i].size();
    }
    before.swap(now);
  }
  std::string body;
  body.reserve(out.size() + 8);
  put(body, messages.size());
  put(body, fresh);
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
  std::vector<Blob> before;
  for (std::uint64_t n = 0; n < *count; ++n) {
    const auto identities = in.number(kMostFrames);
    const auto buffers = identities ? in.number(kMostFrames) : std::nullopt;
    if (!buffers) return broken;
    std::vector<Blob> flat(*identities + kTexts + *buffers);
    before.resize(flat.size());
    for (std::size_t i = 0; i < flat.size(); ++i) {
      auto part = read_part(in, before[i], block);
      if (!part) return broken;
      flat[i] = std::move(*part);
    }
    before = flat;
    messages.push_back(name_parts(std::move(flat), *identities));
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
