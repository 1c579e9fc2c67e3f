#include "apps/tether_mpi.hpp"

#include <array>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "apps/tether.hpp"

namespace camshaft::apps {
namespace {

constexpr Duration kGrace = std::chrono::seconds(8);

/// Variables by which a process knows that it is a rank.
constexpr std::array kRankVariables = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK"};

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int parent_of(int pid) {
  const std::string stat = file_text("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t at = stat.rfind(')');
  int parent = 0;
  if (at != std::string::npos && at + 4 < stat.size()) {
    std::from_chars(stat.data() + at + 4, stat.data() + stat.size(), parent);
  }
  return parent;
}

bool is_rank(int pid) {
  const std::string environment = '\0' + file_text("/proc/" + std::to_string(pid) + "/environ");
  for (const char* name : kRankVariables) {
    if (environment.find(std::string(1, '\0') + name + "=") != std::string::npos) return true;
  }
  return false;
}

/// The ranks below a process, not what they have started in turn.
std::vector<int> ranks_below(int root) {
  std::multimap<int, int> children;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    int pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    children.emplace(parent_of(pid), pid);
  }
  std::vector<int> ranks, open{root};
  while (!open.empty()) {
    const int parent = open.back();
    open.pop_back();
    const auto [first, last] = children.equal_range(parent);
    for (auto it = first; it != last; ++it) {
      if (is_rank(it->second))
        ranks.push_back(it->second);
      else
        open.push_back(it->second);
    }
  }
  return ranks;
}

}  // namespace

int run_mpi_tether(const cluster::TetherSpec& spec) {
  TetherLife life;
  auto environment = spec.environment;
  const std::vector<std::string> argv = cluster::mpi_command(spec);
  auto started = TetherChild::start({argv, std::move(environment), spec.work_dir, false});
  if (!started) {
    const bool missing = started.error().code == Errc::not_found;
    tether_says(started.error().message +
                (missing ? "; install an MPI (Debian: openmpi-bin) or say where it is with the option mpi_cmd" : ""));
    return 127;
  }
  TetherChild& mpiexec = *started;
  life.loop().on_readable(mpiexec.descriptor(), [&] {
    const auto exit = mpiexec.poll();
    if (exit) life.finish(code_of(*exit));
  });
  life.on_signal([&](int number) {
    if (number != SIGINT) {
      mpiexec.signal(number);
      return;
    }
    for (const int rank : ranks_below(mpiexec.pid())) ::kill(rank, SIGINT);
  });
  life.on_stop([&] {
    mpiexec.signal(SIGTERM);
    life.loop().at(life.loop().clock().now() + kGrace, [&] {
      for (const int rank : ranks_below(mpiexec.pid())) ::kill(rank, SIGKILL);
      mpiexec.signal(SIGKILL);
    });
  });
  return life.run();
}

}  // namespace camshaft::apps
