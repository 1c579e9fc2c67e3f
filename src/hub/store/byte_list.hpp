// hub/store/byte_list.hpp: a list of byte strings as one, as databases of the original keep buffers: Python's pickle.
// Thread: pure functions.
// Errors: read_byte_list returns nullopt for pickles of anything else; nothing in a pickle is ever run.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.hpp"

namespace camshaft::hub {

/// What `pickle.loads` reads as a list of bytes.
std::string write_byte_list(std::span<const Blob> buffers);
/// Reads what write_byte_list and CPython (protocols 3 to 5) write for a list of bytes.
std::optional<std::vector<Blob>> read_byte_list(std::string_view pickle);

}  // namespace camshaft::hub
