// core/heap.hpp: what threads keep of freed memory for themselves.
// Thread: any. Owns: nothing. Errors: none.
#pragma once

namespace camshaft::heap {

/// Gives back the freed blocks that the calling thread keeps for its own next ones, some hundred KB after a burst,
/// where the program is linked with jemalloc; elsewhere does nothing.
void release_thread_cache() noexcept;

}  // namespace camshaft::heap
