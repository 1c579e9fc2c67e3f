// core/open_files.hpp: how many files this process may have open, for whoever has a connection to each of many peers.
// Thread: any. Owns: nothing. Errors: none; a system that refuses to allow more leaves things as they are.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace camshaft {

/// Allows this process as many open files as the system lets it have at most; returns how many that are.
std::size_t raise_open_files();
/// The most that a process here can be allowed.
std::size_t most_open_files();
/// An engine's connections to its controller.
inline constexpr std::size_t kFilesPerEngine = 9;
/// One line for users when `count` peers ("engines", say) that need `each` files do not fit; nullopt when they do.
std::optional<std::string> too_few_files(std::string_view peers, std::size_t count, std::size_t each,
                                         std::size_t limit);

}  // namespace camshaft
