#include "hub/readable_pickle.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace camshaft::hub {
namespace {

// Opcodes of Python's pickletools, by the names they have there.
constexpr char kProto = '\x80', kMark = '(', kTuple1 = '\x85', kTuple = 't', kReduce = 'R', kBuild = 'b', kStop = '.';
constexpr char kEmptyTuple = ')', kEmptyDict = '}', kEmptyList = ']', kSetItem = 's', kAppends = 'e', kNone = 'N';
constexpr char kBinBytes8 = '\x8e', kByteArray8 = '\x96';
constexpr std::string_view kLoads = "c_pickle\nloads\n", kPartial = "cfunctools\npartial\n";

void append_bytes(std::string& out, char opcode, std::string_view bytes) {
  out += opcode;
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(std::uint64_t{bytes.size()} >> shift & 0xff);
  out += bytes;
}

}  // namespace

Blob pickle_with_buffers(std::span<const Blob> frames) {
  std::size_t size = 256;
  for (const Blob& frame : frames) size += frame.size() + 9;
  std::string out;
  out.reserve(size);
  // functools.partial(loads), whose state is set to (loads, (), {"buffers": [...]}, None), called with the pickle.
  out += kProto;
  out += '\x05';
  out += kPartial;
  out += kLoads;
  out += kTuple1;
  out += kReduce;
  out += kMark;
  out += kLoads;
  out += kEmptyTuple;
  out += kEmptyDict;
  out += std::string_view(
      "X\x07\x00\x00\x00"
      "buffers",
      12);
  out += kEmptyList;
  out += kMark;
  // Byte arrays, so that arrays that come of them can be written to, as if they had arrived by themselves.
  for (const Blob& frame : frames.subspan(1)) append_bytes(out, kByteArray8, frame.view());
  out += kAppends;
  out += kSetItem;
  out += kNone;
  out += kTuple;
  out += kBuild;
  append_bytes(out, kBinBytes8, frames.front().view());
  out += kTuple1;
  out += kReduce;
  out += kStop;
  return Blob::of(std::move(out));
}

}  // namespace camshaft::hub
