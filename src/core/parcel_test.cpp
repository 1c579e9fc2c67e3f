#include "core/parcel.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

#include "core/pages.hpp"

namespace camshaft {
namespace {

Frames frames_of(std::initializer_list<std::string> texts) {
  Frames frames;
  for (const std::string& text : texts) frames.push_back(Blob::of(text));
  return frames;
}

TEST(Parcel, AnEmptyOneHasNoFrames) {
  EXPECT_TRUE(Parcel().empty());
  EXPECT_EQ(Parcel().frames(), Frames{});
  EXPECT_EQ(Parcel(), Parcel(Frames{}));
}

TEST(Parcel, PackedOrNotItIsTheSame) {
  Packer packer;
  const Frames frames = frames_of({"client", "", "<IDS|MSG>", "content"});
  const Parcel packed = packer.pack(frames);
  EXPECT_EQ(packed.frames(), frames);
  EXPECT_EQ(packed, Parcel(frames));
  for (const Parcel& one : {packed, Parcel(frames)})
    for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(one.frame(i), frames[i].view());
  EXPECT_FALSE(packed == packer.pack(frames_of({"client", "", "<IDS|MSG>", "other"})));
}

TEST(Parcel, WhatIsTheSameAsBeforeIsKeptOnce) {
  Packer packer;
  const Frames first = packer.pack(frames_of({"a", "the function", "1"})).frames();
  const Frames second = packer.pack(frames_of({"b", "the function", "2", "more"})).frames();
  EXPECT_EQ(first[1].bytes.data(), second[1].bytes.data());
  EXPECT_NE(first[0].bytes.data(), second[0].bytes.data());
  EXPECT_EQ(second, frames_of({"b", "the function", "2", "more"}));
}

TEST(Parcel, LargeMessagesAreNotCopied) {
  Packer packer;
  const Frames frames = frames_of({"small", std::string(Packer::kMostBytes, 'x')});
  EXPECT_EQ(packer.pack(frames).frames()[1].bytes.data(), frames[1].bytes.data());
  EXPECT_EQ(packer.copy(frames), std::nullopt);
}

TEST(Parcel, FramesOutliveTheirPayloadAndThePacker) {
  Frames frames;
  {
    Packer packer;
    frames = packer.pack(frames_of({"still", "here"})).frames();
  }
  EXPECT_EQ(frames, frames_of({"still", "here"}));
}

TEST(Parcel, ManyComeAndGoAndTheirMemoryWithThem) {
  const std::size_t before = pages::mapped();
  {
    Packer packer;
    std::deque<std::pair<Frames, Parcel>> waiting;
    std::mt19937 random(1);
    for (int n = 0; n < 20'000; ++n) {
      Frames frames = frames_of({"client", std::to_string(n), std::string(random() % 300, 'x')});
      Parcel packed = packer.pack(frames);
      waiting.emplace_back(std::move(frames), std::move(packed));
      if (n % 2 == 0) continue;
      const auto one =
          waiting.begin() + static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(waiting.size(), 9));
      ASSERT_EQ(one->second.frames(), one->first);
      waiting.erase(one);
    }
    EXPECT_GT(pages::mapped() - before, 4 * Packer::kPieceBytes);
    for (const auto& [frames, packed] : waiting) ASSERT_EQ(packed.frames(), frames);
    waiting.clear();
    EXPECT_LE(pages::mapped() - before, 2 * Packer::kPieceBytes);
  }
  EXPECT_EQ(pages::mapped(), before);
}

TEST(Parcel, ATidyPackerKeepsWhatIsInUse) {
  Packer packer;
  const std::size_t before = pages::mapped();
  Parcel one = packer.pack(frames_of({"one"}));
  packer.tidy();
  EXPECT_EQ(packer.pack(frames_of({"one"})).frames()[0].bytes.data(), one.frames()[0].bytes.data());
  one = Parcel();
  packer.tidy();
  EXPECT_EQ(pages::mapped(), before);
  EXPECT_EQ(packer.pack(frames_of({"two"})).frames(), frames_of({"two"}));
}

TEST(Parcel, AFewAtATimeUseTheSameMemoryAgain) {
  Packer packer;
  const std::size_t before = pages::mapped();
  Parcel last;
  for (int n = 0; n < 20'000; ++n) last = packer.pack(frames_of({std::to_string(n), std::string(100, 'x')}));
  EXPECT_LE(pages::mapped() - before, 2 * Packer::kPieceBytes);
}

}  // namespace
}  // namespace camshaft
