#include "apps/progress_line.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace camshaft::apps {

std::string progress_bar(int done, int total, int width) {
  const int filled =
      total > 0 ? std::clamp(static_cast<int>(static_cast<long long>(width) * done / total), 0, width) : 0;
  return fmt::format("engines ready: [{}{}] {} of {}", std::string(static_cast<std::size_t>(filled), '#'),
                     std::string(static_cast<std::size_t>(width - filled), ' '), done, total);
}

void ProgressLine::update(int done, int total) {
  if (terminal_) {
    fmt::print(out_, "\r{}\x1b[K", progress_bar(done, total, 30));
    drawn_ = true;
  } else {
    const int tenth = total > 0 ? static_cast<int>(10LL * done / total) : 0;  // ten lines, however many engines
    if (done == 0 || tenth <= last_tenth_) return;
    last_tenth_ = tenth;
    fmt::print(out_, "engines ready: {} of {}\n", done, total);
  }
  std::fflush(out_);
}

void ProgressLine::clear() {
  if (drawn_) fmt::print(out_, "\r\x1b[K");
  drawn_ = false;
}

}  // namespace camshaft::apps
