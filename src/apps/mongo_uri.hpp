// apps/mongo_uri.hpp: the address of MongoDB, as the original's options say it.
// Thread: pure functions. Owns: nothing.
// Errors: one line that names the option.
#pragma once
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace camshaft::apps {

/// `args`: "mongodb://host:port/?options", "host:port", "host", "['host', port]", or "" for this machine.
/// `kwargs`: "{'host': ..., 'port': ..., 'username': ..., 'password': ..., 'tls': True}" or "": host and port where
/// `args` has none; what else MongoDB knows goes into the options of the address.
Result<std::string> mongo_uri(std::string_view args, std::string_view kwargs);

}  // namespace camshaft::apps
