#include "hub/store/byte_list.hpp"

#include <cstdint>
#include <limits>

namespace camshaft::hub {
namespace {

// Opcodes of Python's pickletools, by the names they have there.
constexpr char kProto = '\x80', kFrame = '\x95', kStop = '.', kEmptyList = ']', kMark = '(', kAppend = 'a',
               kAppends = 'e';
constexpr char kShortBinBytes = 'C', kBinBytes = 'B', kBinBytes8 = '\x8e', kMemoize = '\x94', kBinPut = 'q';
constexpr char kLongBinPut = 'r';

void append_number(std::string& out, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }
  std::optional<std::string_view> take(std::uint64_t bytes) {
    if (bytes > text_.size()) return std::nullopt;
    const std::string_view taken = text_.substr(0, bytes);
    text_.remove_prefix(bytes);
    return taken;
  }
  std::optional<std::string_view> take_counted(std::size_t digits) {
    const auto number = take(digits);
    if (!number) return std::nullopt;
    std::uint64_t bytes = 0;
    for (std::size_t i = digits; i-- > 0;) bytes = bytes << 8 | static_cast<unsigned char>((*number)[i]);
    return take(bytes);
  }

 private:
  std::string_view text_;
};

}  // namespace

std::string write_byte_list(std::span<const Blob> buffers) {
  std::size_t size = 8;
  for (const Blob& each : buffers) size += each.size() + 9;
  std::string out;
  out.reserve(size);
  out += kProto;
  out += '\x04';
  out += kEmptyList;
  out += kMark;
  for (const Blob& each : buffers) {
    if (each.size() <= 0xff) {
      out += kShortBinBytes;
      append_number(out, each.size(), 1);
    } else if (each.size() <= std::numeric_limits<std::uint32_t>::max()) {
      out += kBinBytes;
      append_number(out, each.size(), 4);
    } else {
      out += kBinBytes8;
      append_number(out, each.size(), 8);
    }
    out += each.view();
  }
  out += kAppends;
  out += kStop;
  return out;
}

std::optional<std::vector<Blob>> read_byte_list(std::string_view pickle) {
  Reader in(pickle);
  std::vector<Blob> out;
  bool list = false;
  while (const auto op = in.take(1)) {
    std::optional<std::string_view> bytes;
    switch (op->front()) {
      case kStop:
        if (!list || !in.at_end()) return std::nullopt;
        return out;
      case kEmptyList:
        if (list) return std::nullopt;
        list = true;
        continue;
      case kMark:
      case kAppend:
      case kAppends:
      case kMemoize:
        continue;
      case kProto:
      case kBinPut:
        bytes = in.take(1);
        if (!bytes) return std::nullopt;
        continue;
      case kLongBinPut:
        bytes = in.take(4);
        if (!bytes) return std::nullopt;
        continue;
      case kFrame:
        bytes = in.take(8);
        if (!bytes) return std::nullopt;
        continue;
      case kShortBinBytes:
        bytes = in.take_counted(1);
        break;
      case kBinBytes:
        bytes = in.take_counted(4);
        break;
      case kBinBytes8:
        bytes = in.take_counted(8);
        break;
      default:
        return std::nullopt;
    }
    if (!bytes || !list) return std::nullopt;
    out.push_back(Blob::of(std::string(*bytes)));
  }
  return std::nullopt;
}

}  // namespace camshaft::hub
