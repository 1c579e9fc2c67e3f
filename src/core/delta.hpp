// core/delta.hpp: texts that say nearly the same, each as its differences from one of them.
// Thread: pure functions. Owns: nothing.
// Errors: std::logic_error for a delta that does not fit its base.
//
// For records of tasks, say: between two of them a few digits of ids and dates differ. A general compressor (LZ4, with
// one of them as dictionary) takes longer for it, as it looks for repetitions everywhere; here what is the same stands
// at nearly the same place.
#pragma once
#include <string>
#include <string_view>

namespace camshaft {

/// Appends to `out` what makes `text` of `base`.
void append_delta(std::string& out, std::string_view base, std::string_view text);
/// The text, of the same base.
std::string apply_delta(std::string_view base, std::string_view delta);

}  // namespace camshaft
