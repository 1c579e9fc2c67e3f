// tools/replay_corpus.cpp: the main() of a fuzz target that is built without libFuzzer.
// Runs the target over every file of a folder (or over single files), the empty input, and seeded mutations of each
// file, always the same ones: `program <folder or file>... [--mutations=N]`. Prints one line.
// A failing input is left in ./<program>-failing-input, so that it can be run alone and moved into the corpus.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<std::uint8_t>;

// Read by the handlers below, which cannot be given arguments.
const Bytes* g_current = nullptr;
char g_dump_name[256] = "failing-input";

void dump_current() {
  if (g_current == nullptr) return;
  const int fd = ::open(g_dump_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return;
  const bool written = ::write(fd, g_current->data(), g_current->size()) >= 0 && ::write(2, "input kept in ", 14) > 0 &&
                       ::write(2, g_dump_name, std::strlen(g_dump_name)) > 0 && ::write(2, "\n", 1) > 0;
  static_cast<void>(written);
  ::close(fd);
  g_current = nullptr;
}

void on_abort(int) { dump_current(); }  // returning from the handler lets abort() finish its work

Bytes read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

void run(const Bytes& input) {
  // A copy of the exact size, so that the address sanitizer sees a read past the end.
  const Bytes exact(input.begin(), input.end());
  g_current = &exact;
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  g_current = nullptr;
}

Bytes mutated(Bytes bytes, const std::vector<Bytes>& corpus, std::mt19937_64& rng) {
  const auto below = [&rng](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(rng() % n); };
  static constexpr std::string_view kTokens[] = {"{", "}",    "[", "]", "\"",      ":",
                                                 ",", "null", "-", "0", "\\u0000", "<IDS|MSG>"};
  for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
    const std::size_t at = below(bytes.size());
    const auto here = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(6)) {
      case 0:
        if (!bytes.empty()) bytes[at] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<std::uint8_t>(rng());
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3: {
        const std::string_view token = kTokens[below(std::size(kTokens))];
        bytes.insert(here, token.begin(), token.end());
        break;
      }
      case 4:
        bytes.erase(here, here + static_cast<std::ptrdiff_t>(below(std::min<std::size_t>(16, bytes.size() - at + 1))));
        break;
      default: {  // the head of this and the tail of another
        const Bytes& other = corpus[below(corpus.size())];
        const std::size_t from = below(other.size());
        bytes.resize(at);
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string program = std::filesystem::path(argv[0]).filename().string();
  std::snprintf(g_dump_name, sizeof g_dump_name, "%s-failing-input", program.c_str());
  std::signal(SIGABRT, on_abort);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(dump_current);

  std::size_t mutations = 200;
  std::vector<std::filesystem::path> paths;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      if (argument.rfind("--mutations=", 0) == 0) {
        mutations = std::stoul(argument.substr(12));
      } else if (std::filesystem::is_directory(argument)) {
        for (const auto& entry : std::filesystem::directory_iterator(argument)) {
          if (entry.is_regular_file()) paths.push_back(entry.path());
        }
      } else {
        paths.emplace_back(argument);
      }
    }
    std::sort(paths.begin(), paths.end());  // directory order differs between file systems
    std::vector<Bytes> corpus;
    for (const auto& path : paths) {
      if (!std::filesystem::is_regular_file(path)) {
        std::fprintf(stderr, "%s: no corpus at %s: put at least one input there\n", program.c_str(), path.c_str());
        return 2;
      }
      corpus.push_back(read(path));
    }
    if (corpus.empty()) {
      std::fprintf(stderr, "%s: the corpus is empty: put at least one input there\n", program.c_str());
      return 2;
    }

    std::mt19937_64 rng(20080514);
    run({});
    std::size_t inputs = 1;
    for (const Bytes& bytes : corpus) {
      run(bytes);
      for (std::size_t i = 0; i < mutations; ++i) run(mutated(bytes, corpus, rng));
      inputs += 1 + mutations;
    }
    std::printf("%s: %zu files, %zu inputs\n", program.c_str(), corpus.size(), inputs);
  } catch (const std::exception& error) {
    dump_current();
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what());
    return 1;
  }
  return 0;
}
