// Frames from bytes: what splits is joined to the same frames, a header that a general JSON parser accepts is read with
// the same values, and what we sign is decoded to what was signed.
// Input: for each frame a length of two bytes, big-endian, then its bytes; a length past the end means "the rest".
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "wire/message.hpp"

namespace {

using camshaft::Blob;
using camshaft::Frames;
namespace wire = camshaft::wire;

Frames frames_from(std::string_view input) {
  Frames frames;
  while (input.size() >= 2 && frames.size() < 64) {
    const std::size_t length =
        std::size_t{static_cast<std::uint8_t>(input[0])} << 8 | static_cast<std::uint8_t>(input[1]);
    input.remove_prefix(2);
    frames.push_back(Blob::of(std::string(input.substr(0, length))));
    input.remove_prefix(std::min(length, input.size()));
  }
  return frames;
}

void require(bool property) {
  if (!property) std::abort();
}

void check_header(std::string_view text) {
  const auto header = wire::parse_header(text);
  if (header) {
    require(!header->msg_id.empty() && !header->msg_type.empty());
    require(wire::parent_id(text) == header->msg_id);
  }
  if (text.find('\0') != std::string_view::npos) return;  // which the general parser takes for the end
  if (std::count(text.begin(), text.end(), '{') + std::count(text.begin(), text.end(), '[') > 500) return;  // depth
  bool duplicates = false;
  std::vector<std::string> keys;
  const auto json = nlohmann::json::parse(
      text,
      [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        if (event == nlohmann::json::parse_event_t::key && depth == 1) {
          duplicates = duplicates || std::find(keys.begin(), keys.end(), parsed.get<std::string>()) != keys.end();
          keys.push_back(parsed.get<std::string>());
        }
        return true;
      },
      /*allow_exceptions=*/false);
  if (!json.is_object() || duplicates || text.substr(0, 3) == "\xef\xbb\xbf") return;
  const auto field = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  require(header.has_value() == (!field("msg_id").empty() && !field("msg_type").empty()));
  if (!header) return;
  require(header->msg_id.value == field("msg_id") && header->msg_type == field("msg_type"));
  require(header->session.value == field("session") && header->username == field("username"));
  require(header->date == field("date") && header->version == field("version"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_header(input);
  const Frames frames = frames_from(input);
  const auto parts = wire::split(frames);
  if (!parts) {
    require(!wire::decode(frames, wire::Signer::off()));
    return 0;
  }
  require(wire::join(*parts) == frames);
  check_header(parts->header.view());

  static const wire::Signer signer = std::move(wire::Signer::make("hmac-sha256", "a key nobody guesses")).value();
  require(!wire::decode(frames, signer));
  const auto sent = wire::encode(
      {parts->identities, parts->header, parts->parent, parts->metadata, parts->content, parts->buffers}, signer);
  const auto received = wire::decode(sent, signer);
  require(received.has_value() == wire::parse_header(parts->header.view()).has_value());
  if (received) require(wire::join(received->parts) == sent && received->parts.content == parts->content);
  return 0;
}
