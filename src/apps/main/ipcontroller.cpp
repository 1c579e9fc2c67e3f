// ipcontroller: the hub and the schedulers of one cluster, in one process.
#include "apps/controller_program.hpp"

// Read by jemalloc, where it is linked: freed memory goes back to the system within a second or so, on a thread of
// its own. Otherwise it goes back only as more is allocated, and an idle controller keeps what its busiest moment took.
// No thread keeps freed blocks above 4 KB for itself (2 MB together): these are ZeroMQ's buffers, one for many
// messages; and of each smaller size 32 in place of 200, as blocks that a thread fetches at once lie where those that
// stay could. One arena: three threads seldom meet in it, and what one has freed another can use.
extern "C" const char* malloc_conf;
const char* malloc_conf =
    "narenas:1,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,tcache_max:4096,tcache_nslots_small_max:32";

int main(int argc, char** argv) {
  return camshaft::apps::run_controller(std::span<const char* const>(argv + 1, argv + argc));
}
