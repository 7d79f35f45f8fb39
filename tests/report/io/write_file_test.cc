// SPDX-License-Identifier: Apache-2.0
//
// WriteFileAtomically: whole files, the right permissions, and after each kind of failure nothing left behind.
#include "attnscope/write_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace attnscope {
namespace {

namespace fs = std::filesystem;

class WriteFileTest : public testing_tools::TemporaryFolderTest {
 protected:
  static mode_t Mode(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
};

TEST_F(WriteFileTest, WritesAndReplaces) {
  const std::string path = Path("a.bin");
  const std::string bytes("line\n\0zero", 10);
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  EXPECT_EQ(Read(path), bytes);
  ASSERT_TRUE(WriteFileAtomically(path, "").ok());
  EXPECT_EQ(Read(path), "");
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(WriteFileTest, WritesLargeFiles) {
  std::string bytes(5 << 20, 'x');
  for (size_t i = 0; i < bytes.size(); i += 997) bytes[i] = static_cast<char>(i % 251);
  ASSERT_TRUE(WriteFileAtomically(Path("large"), bytes).ok());
  EXPECT_EQ(Read(Path("large")), bytes);
}

TEST_F(WriteFileTest, NewFileHasOrdinaryPermissions) {
  const mode_t old_mask = umask(027);
  const Status status = WriteFileAtomically(Path("new"), "x");
  umask(old_mask);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(Mode(Path("new")), 0640u);
}

TEST_F(WriteFileTest, ReplacedFileKeepsItsPermissions) {
  ASSERT_TRUE(WriteFileAtomically(Path("private"), "x").ok());
  ASSERT_EQ(chmod(Path("private").c_str(), 0600), 0);
  ASSERT_TRUE(WriteFileAtomically(Path("private"), "y").ok());
  EXPECT_EQ(Mode(Path("private")), 0600u);
}

TEST_F(WriteFileTest, FollowsSymbolicLinks) {
  ASSERT_TRUE(WriteFileAtomically(Path("target"), "old").ok());
  fs::create_symlink("target", folder_ / "link");
  ASSERT_TRUE(WriteFileAtomically(Path("link"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(Read(Path("target")), "new");
}

TEST_F(WriteFileTest, MakesTheFileBehindALink) {
  fs::create_directory(folder_ / "there");
  fs::create_symlink("there/new", folder_ / "link");
  ASSERT_TRUE(WriteFileAtomically(Path("link"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(Read(Path("there/new")), "new");
  fs::create_symlink("circle", folder_ / "circle");
  const Status status = WriteFileAtomically(Path("circle"), "x");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("Too many levels of symbolic links"), std::string::npos) << status.message();
  EXPECT_EQ(NumFiles(), 3u);
}

TEST_F(WriteFileTest, DescriptorGoesOnWhereItStands) {
  const int file = open(Path("log").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(write(file, "before, ", 8), 8);
  const std::string name = "/dev/fd/" + std::to_string(file);
  ASSERT_TRUE(WriteFileAtomically(name, "then, ").ok());
  ASSERT_TRUE(WriteFileAtomically("/proc/self/fd/" + std::to_string(file), "after").ok());
  close(file);
  EXPECT_EQ(Read(Path("log")), "before, then, after");
  EXPECT_EQ(WriteFileAtomically(name, "x").code(), StatusCode::kIoError);
}

TEST_F(WriteFileTest, AcceptsTheLongestName) {
  const std::string path = Path(std::string(255, 'n'));
  ASSERT_TRUE(WriteFileAtomically(path, "x").ok());
  EXPECT_EQ(Read(path), "x");
}

TEST_F(WriteFileTest, MissingFolderIsNamed) {
  const std::string path = Path("nowhere/a.json");
  const Status status = WriteFileAtomically(path, "x");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find(path), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("No such file or directory"), std::string::npos) << status.message();
}

TEST_F(WriteFileTest, FolderAsTargetIsAnError) {
  const Status status = WriteFileAtomically(folder_.string(), "x");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("Is a directory"), std::string::npos) << status.message();
  EXPECT_FALSE(WriteFileAtomically("", "x").ok());
}

// A limit on the size of files makes write(2) fail half-way, as a full disk does.
TEST_F(WriteFileTest, FailedWriteLeavesTheOldFileAlone) {
  ASSERT_TRUE(WriteFileAtomically(Path("kept"), "old").ok());
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = 1000;
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const Status status = WriteFileAtomically(Path("kept"), std::string(5000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find(Path("kept")), std::string::npos) << status.message();
  EXPECT_EQ(Read(Path("kept")), "old");
  EXPECT_EQ(NumFiles(), 1u);
}

// The limit's own signal, which ends a process by default, arrives when nothing is left to clean up.
TEST_F(WriteFileTest, SignalsWaitUntilNothingIsLeftBehind) {
  static int files_at_signal;
  static std::string folder;
  folder = folder_.string();
  files_at_signal = -1;
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = 1000;
  const auto old_handler = signal(SIGXFSZ, [](int) {
    const fs::directory_iterator files(folder);
    files_at_signal = static_cast<int>(std::distance(begin(files), end(files)));
  });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const Status status = WriteFileAtomically(Path("a"), std::string(5000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_EQ(files_at_signal, 0);
}

TEST_F(WriteFileTest, FullDeviceIsReported) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "needs /dev/full";
  const Status status = WriteFileAtomically("/dev/full", "x");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("No space left on device"), std::string::npos) << status.message();
}

TEST_F(WriteFileTest, UnwritableFolderLeavesTheOldFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("kept"), "old").ok());
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  const bool is_superuser = access(folder_.c_str(), W_OK) == 0;
  const Status status = WriteFileAtomically(Path("kept"), "new");
  fs::permissions(folder_, fs::perms::owner_all);
  if (is_superuser) GTEST_SKIP() << "the superuser may write anywhere";
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_EQ(Read(Path("kept")), "old");
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(WriteFileTest, PipeIsWrittenDirectly) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = Read(Path("pipe")); });
  const Status status = WriteFileAtomically(Path("pipe"), "through the pipe");
  reader.join();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(received, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
}

TEST_F(WriteFileTest, ParallelWritersOfOneFolder) {
  std::vector<std::thread> writers;
  std::vector<int> failures(8, 0);
  for (size_t w = 0; w < failures.size(); ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 5; ++i) {
        failures[w] += WriteFileAtomically(Path(std::to_string(w)), std::to_string(w)).ok() ? 0 : 1;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (size_t w = 0; w < failures.size(); ++w) {
    EXPECT_EQ(failures[w], 0);
    EXPECT_EQ(Read(Path(std::to_string(w))), std::to_string(w));
  }
  EXPECT_EQ(NumFiles(), failures.size());
}

}  // namespace
}  // namespace attnscope
