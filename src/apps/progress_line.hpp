// apps/progress_line.hpp: "engines ready: 2 of 4", redrawn in place on a terminal, as few plain lines elsewhere.
// Thread: one. Owns: nothing; writes to the stream it is given. Errors: none.
#pragma once
#include <cstdio>
#include <string>

namespace camshaft::apps {

/// The bar of a terminal: "engines ready: [#####     ] 2 of 4".
std::string progress_bar(int done, int total, int width);

class ProgressLine final {
 public:
  ProgressLine(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}
  void update(int done, int total);
  /// Clears what is drawn, so that other lines can follow.
  void clear();

 private:
  std::FILE* out_;
  bool terminal_;
  bool drawn_ = false;
  int last_tenth_ = 0;
};

}  // namespace camshaft::apps
