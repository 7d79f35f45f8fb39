// SPDX-License-Identifier: Apache-2.0
//
// Files under names of any language, mapped, and replaced in one step.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "attnscope/write_file.h"
#include "platform/disk_memory.h"
#include "platform/growing_file.h"
#include "platform/mapped_file.h"
#include "platform/path.h"
#include "tests/support/temporary_folder.h"

namespace attnscope::platform {
namespace {

// Letters of two, three and four bytes, and a space.
constexpr const char* kName = "größe 注意 \xF0\x9F\x94\xAC.json";

class FilesTest : public testing_tools::TemporaryFolderTest {
 protected:
  std::string Named(const std::string& name) const { return Utf8Of(folder_ / PathOf(name)); }

  static std::string ReadMapped(const std::string& path) {
    MappedFile file;
    const Status status = MappedFile::Open(path, &file);
    EXPECT_TRUE(status.ok()) << status.message();
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
  }
};

TEST_F(FilesTest, NamesAreUtf8) {
  const std::string path = Named(kName);
  const std::string bytes("line\nline\r\n\0\x1A end", 17);
  const Status status = WriteFileAtomically(path, bytes);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(ReadMapped(path), bytes);
  ASSERT_EQ(NumFiles(), 1u);
  EXPECT_EQ(Utf8Of(std::filesystem::directory_iterator(folder_)->path().filename()), kName);
  std::ifstream stream(PathOf(path), std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), bytes);
}

TEST_F(FilesTest, PlainNames) {
  EXPECT_TRUE(IsPlainName(kName));
  for (const char* const name : {"", ".", "..", "a/b", "/a", "a/"}) {
    EXPECT_EQ(IsPlainName(name), name[0] == '.') << name;
  }
}

// A reader finds one of the two contents whenever it looks, and never a part or nothing. It maps no files: Windows
// replaces none that is mapped.
TEST_F(FilesTest, ReplacesInOneStep) {
  const std::string path = Named(kName);
  const std::string a(100000, 'a');
  const std::string b(50000, 'b');
  ASSERT_TRUE(WriteFileAtomically(path, a).ok());
  std::atomic<bool> ends{false};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    while (!ends) {
      std::unique_ptr<GrowingFile> file;
      std::string found;
      const Status opened = GrowingFile::Open(path, &file);
      ASSERT_TRUE(opened.ok() && file != nullptr) << opened.message();
      ASSERT_TRUE(file->Read(0, &found).ok());
      ASSERT_TRUE(found == a || found == b) << found.size() << " bytes";
      ++reads;
      file = nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  });
  for (int i = 0; i < 100; ++i) {
    const Status status = WriteFileAtomically(path, i % 2 == 0 ? b : a);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  while (reads < 10 && !HasFailure()) std::this_thread::yield();
  ends = true;
  reader.join();
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(FilesTest, WhatCannotBeWrittenIsAnErrorAndLeavesNothing) {
  for (const std::string& path : {folder_.string(), Path("none/file.json")}) {
    const Status status = WriteFileAtomically(path, "text");
    EXPECT_EQ(status.code(), StatusCode::kIoError) << path;
    EXPECT_NE(status.message().find(path), std::string::npos) << status.message();
  }
  EXPECT_EQ(NumFiles(), 0u);
}

TEST_F(FilesTest, WhatCannotBeMappedIsAnError) {
  MappedFile file;
  EXPECT_EQ(MappedFile::Open(Path("none.npy"), &file).code(), StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(Path("none/none.npy"), &file).code(), StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(folder_.string(), &file).code(), StatusCode::kIoError);
  EXPECT_TRUE(MappedFile::Open(Write("empty.npy", ""), &file).ok());
  EXPECT_EQ(file.bytes().size(), 0u);
}

TEST_F(FilesTest, AFileThatChangesMeanwhileIsTold) {
  const std::string path = Write("file.npy", "some bytes");
  MappedFile file;
  ASSERT_TRUE(MappedFile::Open(path, &file).ok());
  EXPECT_TRUE(file.CheckUnchanged().ok());
  std::ofstream(path, std::ios::binary | std::ios::app) << "more";
  EXPECT_EQ(file.CheckUnchanged().code(), StatusCode::kDataLoss);
}

// Its bytes are zero, are kept, and leave no file behind.
TEST_F(FilesTest, MemoryOnTheDisk) {
  constexpr size_t kBytes = 3000001;
  {
    DiskMemory memory;
    const Status status = memory.Allocate(Named(kName), kBytes);
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(memory.size(), kBytes);
    for (size_t i = 0; i < kBytes; ++i) ASSERT_EQ(memory.data()[i], 0) << i;
    for (size_t i = 0; i < kBytes; ++i) memory.data()[i] = static_cast<uint8_t>(i % 251);
    for (size_t i = 0; i < kBytes; ++i) ASSERT_EQ(memory.data()[i], i % 251) << i;
  }
  EXPECT_EQ(NumFiles(), 0u);
  DiskMemory nowhere;
  EXPECT_EQ(nowhere.Allocate(Path("none/file"), kBytes).code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace attnscope::platform
