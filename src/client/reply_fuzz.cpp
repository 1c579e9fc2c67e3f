// Replies from bytes: facts are read from any content and metadata, and compacting a reply changes none of them.
#include "client/reply.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft;
  const std::string text(reinterpret_cast<const char*>(data), size);
  client::Reply reply;
  reply.content = Blob::of(text.substr(0, size / 2));
  reply.metadata = Blob::of(text.substr(size / 2));
  const client::ReplyFacts facts = client::read_facts(reply);
  if (facts.status == client::Status::pending) std::abort();
  const client::Reply small = client::compact(reply);
  if (!(small == reply) || !(client::read_facts(small) == facts)) std::abort();
  const Blob field = client::text_field(reply.metadata, "msg_id");
  if (field.size() > reply.metadata.size()) std::abort();
  return 0;
}
