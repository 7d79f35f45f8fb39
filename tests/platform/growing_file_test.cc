// SPDX-License-Identifier: Apache-2.0
#include "platform/growing_file.h"

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace attnscope::platform {
namespace {

class GrowingFileTest : public testing_tools::TemporaryFolderTest {
 protected:
  static std::string ReadFrom(const GrowingFile& file, uint64_t offset) {
    std::string bytes = "none";
    const Status status = file.Read(offset, &bytes);
    EXPECT_TRUE(status.ok()) << status.message();
    return bytes;
  }
};

TEST_F(GrowingFileTest, ReadsWhatIsAppended) {
  const std::string path = Write("log", "one ");
  std::unique_ptr<GrowingFile> file;
  ASSERT_TRUE(GrowingFile::Open(path, &file).ok());
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(ReadFrom(*file, 0), "one ");
  EXPECT_EQ(ReadFrom(*file, 4), "");
  std::ofstream(path, std::ios::binary | std::ios::app) << "two\r\n";
  EXPECT_EQ(ReadFrom(*file, 4), "two\r\n");
  EXPECT_EQ(ReadFrom(*file, 2), "e two\r\n");
  EXPECT_EQ(ReadFrom(*file, 100), "");
  EXPECT_FALSE(file->IsShorterThan(9));
  EXPECT_TRUE(file->IsShorterThan(10));
}

// Whoever writes it may rename and remove it while it is open here.
TEST_F(GrowingFileTest, TellsWhetherAnotherHasTakenItsPlace) {
  const std::string path = Write("log", "first");
  std::unique_ptr<GrowingFile> file;
  ASSERT_TRUE(GrowingFile::Open(path, &file).ok());
  EXPECT_FALSE(file->WasReplaced());
  std::filesystem::rename(path, Path("log.1"));
  EXPECT_FALSE(file->WasReplaced());
  Write("log", "second");
  EXPECT_TRUE(file->WasReplaced());
  EXPECT_EQ(ReadFrom(*file, 0), "first");
  std::filesystem::remove(Path("log.1"));
  EXPECT_EQ(ReadFrom(*file, 0), "first");
}

TEST_F(GrowingFileTest, WhatIsNotThereIsNoError) {
  std::unique_ptr<GrowingFile> file;
  EXPECT_TRUE(GrowingFile::Open(Path("none"), &file).ok());
  EXPECT_EQ(file, nullptr);
  const Status status = GrowingFile::Open(folder_.string(), &file);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find(folder_.string()), std::string::npos) << status.message();
}

}  // namespace
}  // namespace attnscope::platform
