#include "service/mongo_module.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <system_error>

namespace camshaft::service {
namespace {

/// Where the code that runs this was loaded from: a program in bin, or a Python module.
std::filesystem::path own_folder() {
  Dl_info here{};
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &here) != 0 && here.dli_fname != nullptr) {
    const auto file = std::filesystem::canonical(here.dli_fname, failed);
    if (!failed && file.extension() == ".so") return file.parent_path();
  }
  return program.parent_path();
}

std::filesystem::path module_file() {
  const std::filesystem::path folder = own_folder();
  // bin/ipcontroller, or lib/python3.x/site-packages/camshaft/_core.so of the same installation.
  for (const char* way : {"../lib/camshaft/mongo.so", "../../../camshaft/mongo.so"}) {
    std::error_code failed;
    const auto file = std::filesystem::canonical(folder / way, failed);
    if (!failed) return file;
  }
  return (folder / "../lib/camshaft/mongo.so").lexically_normal();
}

}  // namespace

Result<OpenMongo> load_mongo() { return load_mongo(module_file()); }

Result<OpenMongo> load_mongo(const std::filesystem::path& module) {
  const auto refusal = [](const char* otherwise) {
    const char* said = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it for each thread
    return Error{
        Errc::unavailable,
        fmt::format("cannot load what --mongodb needs ({}): install libmongoc (Debian: libmongoc-dev) and build "
                    "again, or use --sqlitedb",
                    said != nullptr ? said : otherwise)};
  };
  void* opened = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return refusal("no reason given");
  auto* open = reinterpret_cast<decltype(&camshaft_open_mongo)>(dlsym(opened, "camshaft_open_mongo"));
  if (open == nullptr) return refusal("it is another module");
  return OpenMongo([open](const hub::MongoOptions& options) {
    Result<std::unique_ptr<hub::Store>> result = Error{Errc::unavailable, "MongoDB was not opened"};
    open(options, result);
    return result;
  });
}

}  // namespace camshaft::service
