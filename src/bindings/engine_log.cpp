#include "bindings/engine_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ctime>

namespace camshaft::bindings {

void EngineLog::write(Level level, std::string_view line) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto fraction = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  constexpr std::string_view marks[] = {"", "", " WARNING |", " ERROR |"};
  const std::lock_guard lock(mutex_);
  const std::string text = fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03} [{}]{} {}\n", local, fraction, name_,
                                       marks[static_cast<std::size_t>(level)], line);
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, text.data(), text.size());
}

void EngineLog::rename(std::string name) {
  const std::lock_guard lock(mutex_);
  name_ = std::move(name);
}

}  // namespace camshaft::bindings
