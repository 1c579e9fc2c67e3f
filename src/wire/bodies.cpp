#include "wire/bodies.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>
#include <nlohmann/json.hpp>

#include "core/flat_json.hpp"

namespace camshaft::wire {

namespace {
constexpr std::string_view kBodyKey = "body";
}  // namespace

std::string digest_of(const Blob& body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  if (EVP_Digest(body.bytes.data(), body.size(), bytes.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * std::size_t{size});
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string with_body(std::string_view metadata, std::string_view digest) {
  const std::size_t end = metadata.rfind('}');
  std::string text(metadata.substr(0, end));
  if (text.find_first_not_of("{ \n\t\r") != std::string::npos) text += ", ";
  text.append("\"").append(kBodyKey).append("\": \"").append(digest).append("\"}");
  return text;
}

std::string body_of(std::string_view metadata) {
  std::string digest;
  const bool flat = read_flat(metadata, [&](std::string_view key, const FlatValue& value) {
    if (key == kBodyKey) digest = value.string().value_or("");
  });
  if (flat) return digest;
  const auto object = nlohmann::json::parse(metadata, nullptr, false);
  if (!object.is_object()) return "";
  const auto found = object.find(kBodyKey);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

void Bodies::put(const std::string& digest, Blob body) {
  if (body.size() > limit_) return;
  if (const auto known = places_.find(digest); known != places_.end()) {
    bytes_ -= known->second->second.size();
    order_.erase(known->second);
    places_.erase(known);
  }
  bytes_ += body.size();
  order_.emplace_front(digest, std::move(body));
  places_.emplace(digest, order_.begin());
  while (bytes_ > limit_) {
    bytes_ -= order_.back().second.size();
    places_.erase(order_.back().first);
    order_.pop_back();
  }
}

std::optional<Blob> Bodies::find(const std::string& digest) {
  const auto known = places_.find(digest);
  if (known == places_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, known->second);
  return known->second->second;
}

void Bodies::clear() {
  places_.clear();
  order_.clear();
  bytes_ = 0;
}

}  // namespace camshaft::wire
