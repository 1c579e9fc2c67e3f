// Bodies of batches from bytes: what is read is written to something that is read as the same messages.
#include <cstdint>
#include <cstdlib>

#include "wire/batch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft;
  const auto messages = wire::read_batch(Blob::of(std::string(reinterpret_cast<const char*>(data), size)));
  if (!messages) return 0;
  const auto again = wire::read_batch(Blob::of(wire::write_batch(*messages)));
  if (!again || *again != *messages) std::abort();
  return 0;
}
