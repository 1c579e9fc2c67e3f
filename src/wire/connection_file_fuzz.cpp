// Connection files from bytes: what parses is rendered to a file that parses to the same, its URLs have a host and a
// port, and each refusal is one line.
#include <cstdint>
#include <cstdlib>

#include "wire/connection_file.hpp"

namespace {

namespace wire = camshaft::wire;

void require(bool property) {
  if (!property) std::abort();
}

template <class Connection, class Parse>
void check(std::string_view text, Parse parse) {
  const camshaft::Result<Connection> connection = parse(text);
  if (!connection) {
    require(!connection.error().message.empty());
    return;
  }
  const auto again = parse(wire::render(*connection));
  require(again.has_value() && *again == *connection);
  require(connection->mux >= 1 && connection->mux <= 65535);
  // Resolving the name of a wildcard's location would go to the network.
  auto fixed = *connection;
  fixed.location.clear();
  const std::string url = wire::url(fixed, fixed.mux);
  require(url.find("://") != std::string::npos && url.rfind(':') > url.find("://"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check<wire::ClientConnection>(text, wire::parse_client_connection);
  check<wire::EngineConnection>(text, wire::parse_engine_connection);
  return 0;
}
