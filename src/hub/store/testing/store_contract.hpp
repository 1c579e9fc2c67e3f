// hub/store/testing/store_contract.hpp: a store to be tested, and what tests of stores are made of.
// Thread: one. Owns: the store, and a folder for it that is gone afterwards.
// Errors: a store that cannot be made ends the test.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/date.hpp"
#include "hub/store/store.hpp"

namespace camshaft::hub {

/// A folder that is gone afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-store-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct StoreCase {
  const char* name;
  std::function<std::unique_ptr<Store>(const Folder&)> make;
};

inline std::vector<std::string> ids_of(const std::vector<TaskRecord>& records) {
  std::vector<std::string> out;
  for (const auto& each : records) out.push_back(each.id.value);
  return out;
}

/// The suite of store_contract_test.cpp runs over each store that is instantiated for it.
class StoreContract : public testing::TestWithParam<StoreCase> {
 protected:
  void write(std::vector<Write> batch) { ASSERT_TRUE(store->write(batch)); }
  void insert(TaskRecord record) { write({Insert{std::move(record)}}); }
  void update(const std::string& id, Change change, bool or_stub = false) {
    write({Update{MsgId(id), std::move(change), or_stub}});
  }
  State state(const char* id) { return store->state(MsgId(id)).value(); }
  TaskRecord get(const char* id) { return store->get(MsgId(id)).value().value(); }
  std::vector<std::string> history() {
    std::vector<std::string> out;
    const std::vector<MsgId> all = store->history().value();
    for (const MsgId& id : all) out.push_back(id.value);
    return out;
  }
  std::vector<std::string> found(const char* query) {
    return ids_of(store->select(Filter::parse(nlohmann::json::parse(query)).value()).value());
  }

  Folder folder;
  std::unique_ptr<Store> store = GetParam().make(folder);
};

}  // namespace camshaft::hub
