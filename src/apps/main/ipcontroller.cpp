// ipcontroller: the hub and the schedulers of one cluster, in one process.
#include "apps/controller_program.hpp"

int main(int argc, char** argv) {
  return camshaft::apps::run_controller(std::span<const char* const>(argv + 1, argv + argc));
}
