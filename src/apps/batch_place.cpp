#include "apps/batch_place.hpp"

#include <charconv>
#include <fstream>
#include <set>
#include <sstream>

namespace camshaft::apps {
namespace {

int number(const std::optional<std::string>& text) {
  int value = 1;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

/// Different first words of a file's lines.
int hosts_in(const std::optional<std::string>& path) {
  if (!path) return 1;
  std::ifstream file(*path);
  std::set<std::string> hosts;
  std::string line, host;
  while (std::getline(file, line)) {
    if (std::istringstream(line) >> host) hosts.insert(host);
  }
  return hosts.empty() ? 1 : static_cast<int>(hosts.size());
}

/// Different words, of which every `step`-th counts: "a a b", or "a 2 b 1".
int hosts_among(const std::string& words, int step) {
  std::istringstream stream(words);
  std::set<std::string> hosts;
  std::string word;
  for (int i = 0; stream >> word; ++i) {
    if (i % step == 0) hosts.insert(word);
  }
  return hosts.empty() ? 1 : static_cast<int>(hosts.size());
}

}  // namespace

std::optional<BatchPlace> batch_place(const cluster::Environment& env) {
  if (const auto job = env("SLURM_JOB_ID")) {
    const auto nodes = env("SLURM_JOB_NUM_NODES");
    return BatchPlace{"Slurm", *job, number(nodes ? nodes : env("SLURM_NNODES"))};
  }
  if (const auto job = env("PBS_JOBID")) {
    const auto nodes = env("PBS_NUM_NODES");
    return BatchPlace{"PBS", *job, nodes ? number(nodes) : hosts_in(env("PBS_NODEFILE"))};
  }
  if (const auto job = env("LSB_JOBID")) {
    const auto counted = env("LSB_MCPU_HOSTS");
    return BatchPlace{"LSF", *job, counted ? hosts_among(*counted, 2) : hosts_among(env("LSB_HOSTS").value_or(""), 1)};
  }
  if (const auto job = env("JOB_ID"); job && env("SGE_TASK_ID")) {
    const auto nodes = env("NHOSTS");
    return BatchPlace{"Grid Engine", *job, nodes ? number(nodes) : hosts_in(env("PE_HOSTFILE"))};
  }
  return std::nullopt;
}

}  // namespace camshaft::apps
