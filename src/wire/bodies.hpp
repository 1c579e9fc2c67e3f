// wire/bodies.hpp: bodies of functions that travel once. A task names its first buffer, the pickled function, by a
// digest of the bytes, and carries it only where the reader may not have it: an empty first buffer means the one named.
// Thread: plain values. Owns: Bodies shares the bytes that it keeps. Errors: none; what is not there is asked for.
#pragma once
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/blob.hpp"
#include "wire/batch.hpp"

namespace camshaft::wire {

/// What a peer that reads tasks without a body says of itself.
inline constexpr std::string_view kBodiesKey = "bodies";
/// A controller asks a client for a body, and gets it; metadata of both: {"body": digest}. Without a buffer, the client
/// does not have it any more.
inline constexpr std::string_view kBodyWanted = "body_wanted";
inline constexpr std::string_view kBodyHere = "body_here";

/// Smaller functions travel with their tasks, in envelopes that hold them once. Larger ones are not kept by anybody.
inline constexpr std::size_t kSmallestBody = kBatchedBytes;
inline constexpr std::size_t kLargestBody = std::size_t{64} << 20;
inline bool is_body(const Blob& buffer) { return buffer.size() >= kSmallestBody && buffer.size() <= kLargestBody; }

/// 64 hex digits (SHA-256).
std::string digest_of(const Blob& body);
/// The metadata (a JSON object) of a task that names its body.
std::string with_body(std::string_view metadata, std::string_view digest);
/// The digest that metadata names; "" when it names none.
std::string body_of(std::string_view metadata);

/// Bodies by their digests. Those used longest ago go when all of them have more bytes than there may be.
class Bodies final {
 public:
  explicit Bodies(std::size_t limit) : limit_(limit) {}

  void put(const std::string& digest, Blob body);
  std::optional<Blob> find(const std::string& digest);
  void clear();
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return order_.size(); }

 private:
  using Order = std::list<std::pair<std::string, Blob>>;  // used last at the front
  std::size_t limit_, bytes_ = 0;
  Order order_;
  std::unordered_map<std::string, Order::iterator> places_;
};

}  // namespace camshaft::wire
