// apps/tether_errand.hpp: commands that a tether runs one after the other, such as copies of files.
// Thread: the loop's. Owns: the child that runs. Errors: the first command that fails ends the errand; its last line of
// output is the result.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/tether.hpp"

namespace camshaft::apps {

class Errand final {
 public:
  /// `done` is called once, from the loop, with "" when all went well; it may destroy this object.
  Errand(net::Loop& loop, std::vector<std::vector<std::string>> commands, std::function<void(std::string)> done);
  ~Errand();
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;
  /// Ends the command that runs, which counts as failed.
  void kill();

 private:
  void next();
  void on_end();
  void finish(std::string failure);
  void forget();

  net::Loop& loop_;
  std::vector<std::vector<std::string>> commands_;
  std::function<void(std::string)> done_;
  std::size_t at_ = 0;
  std::optional<TetherChild> child_;
  net::TimerId begin_;
};

}  // namespace camshaft::apps
