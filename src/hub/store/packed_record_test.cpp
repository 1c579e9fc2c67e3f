#include "hub/store/packed_record.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/pages.hpp"
#include "hub/store/testing/typical_task.hpp"

namespace camshaft::hub {
namespace {

TEST(PackedRecord, HoldsWhatWasPacked) {
  RecordPacker packer;
  std::vector<TaskRecord> records;
  std::vector<PackedRecord> packed;
  for (std::size_t i = 0; i < 1000; ++i) {
    TaskRecord& record = records.emplace_back(typical_record(i));
    // Now and then one that has little in common with the others, or nothing in some of its fields.
    if (i % 7 == 0) record.execute_input = "";
    if (i % 11 == 0) record.out = std::string(i, 'o');
    if (i % 13 == 0) record.started.reset();
    if (i % 100 == 0) record.buffers = {Blob::of(std::string(3000, static_cast<char>(i))), Blob{}};
    if (i % 300 == 0) record = TaskRecord{};
    const auto one = packer.pack(record);
    ASSERT_TRUE(one);
    packed.push_back(*one);
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(packed[i].id(), records[i].id.value);
    EXPECT_TRUE(packed[i].record() == records[i]) << i;
  }
}

TEST(PackedRecord, WhatIsLargeIsLeftAsItIs) {
  RecordPacker packer;
  TaskRecord record = typical_record(1);
  record.result_buffers = {Blob::of(std::string(Packer::kMostBytes, 'x'))};
  EXPECT_FALSE(packer.pack(record));
  record.result_buffers.clear();
  record.id = MsgId(std::string(Packer::kMostBytes, 'i'));
  EXPECT_FALSE(packer.pack(record));
}

TEST(PackedRecord, TakesLessThanAThirdOfItsTexts) {
  const std::size_t before = pages::mapped();
  std::size_t texts = 0;
  std::vector<PackedRecord> packed;
  {
    RecordPacker packer;
    for (std::size_t i = 0; i < 10'000; ++i) {
      const TaskRecord record = typical_record(i);
      texts += footprint(record) + record.id.value.size() + record.client.value.size() + record.engine.value.size();
      packed.push_back(packer.pack(record).value());
    }
  }
  EXPECT_LE(pages::mapped() - before, texts / 3);
  packed.clear();
  EXPECT_EQ(pages::mapped(), before);
}

}  // namespace
}  // namespace camshaft::hub
