// Cluster files from bytes: what is read is rendered to a file that reads and renders as the same.
#include "cluster/cluster_file.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = camshaft::cluster::parse_cluster_record(text);
  if (!record) {
    if (record.error().message.empty()) std::abort();
    return 0;
  }
  const std::string written = camshaft::cluster::render(*record);
  const auto again = camshaft::cluster::parse_cluster_record(written);
  if (!again || camshaft::cluster::render(*again) != written) std::abort();
  return 0;
}
