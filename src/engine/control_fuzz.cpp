// Control messages from bytes, under every type that engines answer: each is read as something, and a refusal has a
// name.
#include "engine/control.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camshaft;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  for (const char* type : {"abort_request", "signal_request", "interrupt_request", "clear_request", "shutdown_request",
                           "kernel_info_request", "recall_request", "kill_request", "?"}) {
    const engine::ControlRequest request = engine::read_control(type, content);
    if (const auto* bad = std::get_if<engine::BadControl>(&request))
      if (bad->ename.empty() || bad->evalue.empty()) std::abort();
    if (const auto* signal = std::get_if<engine::SignalRequest>(&request))
      if (signal->signal < 0 || signal->signal > 64) std::abort();
  }
  (void)engine::signal_number(content);
  return 0;
}
