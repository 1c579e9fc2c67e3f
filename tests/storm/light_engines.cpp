// Many engines in one process: the whole of an engine's network side, without an interpreter. They register all at
// once. light_engines ENGINE_FILE NUMBER: writes "up" when each has its number, and ends when its standard input does.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <random>
#include <thread>

#include "core/open_files.hpp"
#include "service/engine_service.hpp"

namespace {

using namespace camshaft;

class StandardErrorLog final : public Log {
 public:
  bool enabled(Level level) const override { return level >= Level::warning; }
  void write(Level, std::string_view line) override { fmt::print(stderr, "light_engines: {}\n", line); }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: light_engines ENGINE_FILE NUMBER\n");
    return 2;
  }
  const int wanted = std::stoi(argv[2]);
  raise_open_files();
  StandardErrorLog log;
  std::random_device device;
  std::atomic<int> registered{0};
  std::vector<std::unique_ptr<service::EngineService>> engines;
  for (int i = 0; i < wanted; ++i) {
    service::EngineConfig config;
    config.file = argv[1];
    config.username = "light";
    config.membership.uuid =
        EngineId(fmt::format("camshaft-py000-{:08x}{:08x}", static_cast<unsigned>(device()), static_cast<unsigned>(i)));
    config.membership.reply_timeout = std::chrono::seconds(60);
    engines.push_back(std::make_unique<service::EngineService>(std::move(config), log, [&](EngineNumber) {
      if (++registered == wanted) {
        std::puts("up");
        std::fflush(stdout);
      }
    }));
  }
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  // A thousand farewells one after another would take their time: all leave together.
  std::vector<std::thread> leaving;
  for (auto& engine : engines) leaving.emplace_back([&engine] { engine->close(); });
  for (auto& one : leaving) one.join();
  return 0;
}
