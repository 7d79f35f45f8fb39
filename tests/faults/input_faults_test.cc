// SPDX-License-Identifier: Apache-2.0
//
// Inputs that cannot be read, or change under the reader's hands.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "attnscope/thread_runner.h"
#include "platform/mapped_ranges.h"
#include "platform/page_error.h"
#include "tests/faults/without_privileges.h"
#include "tests/support/analyze_files.h"
#include "tests/support/command_fixture.h"

namespace attnscope::tools {
namespace {

namespace fs = std::filesystem;
using testing_tools::Npy;

class InputFaultsTest : public CommandTest {
 protected:
  // Of zeros, which need no space on the disk.
  std::string WriteZeros(const std::string& name, const std::vector<size_t>& shape) const {
    const std::string header = Npy("<f4", shape, "");
    const std::string path = Write(name, header);
    size_t size = sizeof(float);
    for (const size_t factor : shape) size *= factor;
    fs::resize_file(path, header.size() + size);
    return path;
  }

  // Analyses a file of logits in many blocks, and calls `meanwhile` once, after the first.
  static Status AnalyzeLogits(const std::string& path, const std::function<void()>& meanwhile) {
    ThreadRunner threads;
    if (Status status = ThreadRunner::Create(3, &threads); !status.ok()) return status;
    bool is_first = true;
    AnalysisOptions options;
    options.runner = threads.runner();
    options.block_elements = 1 << 16;
    options.on_progress = [&](size_t) {
      if (std::exchange(is_first, false)) meanwhile();
    };
    Report report;
    return AnalyzeFiles({.logit_files = {path}}, options, &report);
  }
};

TEST_F(InputFaultsTest, UnreadableFilesAndFoldersAreNamed) {
  const std::string secret = Write("secret.npy", Read(kShort0));
  ASSERT_EQ(chmod(secret.c_str(), 0), 0);
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const std::vector<std::vector<std::string>> commands = {
      {"analyze"}, {"analyze", "--logits"}, {"diagnose"}, {"render", "-o", Path("p.png")}};
  for (const std::vector<std::string>& command : commands) {
    for (const auto& [path, reason] : {std::pair{secret, "Permission denied"},
                                       {Path("pipe"), "is no regular file"},
                                       {std::string("/dev/null"), "is no regular file"},
                                       {folder_.string(), "Is a directory"}}) {
      std::vector<std::string> arguments = command;
      arguments.push_back(path);
      const Outcome outcome = Run(arguments, &testing_tools::DropFilePrivileges);
      EXPECT_EQ(outcome.exit_code, 2) << path;
      EXPECT_EQ(outcome.err, "attnscope: " + path + ": " + reason + "\n");
    }
  }
  EXPECT_FALSE(fs::exists(Path("p.png")));
}

TEST_F(InputFaultsTest, MoreFilesThanHandles) {
  std::vector<std::string> arguments = {"analyze"};
  for (int layer = 0; layer < 40; ++layer) {
    const std::string path = Path("L" + std::to_string(layer) + ".npy");
    fs::copy_file(kShort0, path);
    arguments.push_back(path);
  }
  arguments.insert(arguments.end(), {"-o", Path("r.json")});
  const Outcome outcome = Run(arguments, [] {
    const rlimit limit = {.rlim_cur = 16, .rlim_max = 16};
    setrlimit(RLIMIT_NOFILE, &limit);
  });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(Parse(Read(Path("r.json"))).layers.size(), 40u);
}

using PageErrorDeathTest = InputFaultsTest;

TEST_F(PageErrorDeathTest, TruncatedFileEndsWithItsNameAndTheOffset) {
  const std::string path = WriteZeros("L0.npy", {64, 64, 512});
  EXPECT_EXIT(
      {
        platform::ExitOnPageErrors(2);
        const Status status = AnalyzeLogits(path, [&] { fs::resize_file(path, 1 << 20); });
        std::fprintf(stderr, "went on: %s\n", status.message().c_str());
      },
      testing::ExitedWithCode(2), "^attnscope: .*L0.npy: byte [0-9]+ of 8388736 cannot be read: someone truncated");
}

TEST_F(PageErrorDeathTest, OtherFaultsEndAsBefore) {
  platform::MappedFile file;
  ASSERT_TRUE(platform::MappedFile::Open(kShort0, &file).ok());
  const auto sent = [] {
    platform::ExitOnPageErrors(2);
    raise(SIGBUS);
  };
  EXPECT_EXIT(sent(), testing::KilledBySignal(SIGBUS), "");
  // A mapping that is no platform::MappedFile's.
  const std::string path = WriteZeros("L0.npy", {64, 64});
  const auto of_another = [&path] {
    platform::ExitOnPageErrors(2);
    const int descriptor = open(path.c_str(), O_RDONLY);
    const void* const memory = mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE, descriptor, 0);
    fs::resize_file(path, 0);
    std::fprintf(stderr, "read %d", *static_cast<const volatile uint8_t*>(memory));
  };
  EXPECT_EXIT(of_another(), testing::KilledBySignal(SIGBUS), "");
}

// What is no longer mapped is no longer listed.
TEST_F(InputFaultsTest, MappedRangesComeAndGo) {
  std::vector<platform::MappedFile> files(3);
  std::vector<const uint8_t*> bytes;
  for (platform::MappedFile& file : files) {
    ASSERT_TRUE(platform::MappedFile::Open(kShort0, &file).ok());
    bytes.push_back(file.bytes().data());
  }
  const size_t size = files[0].bytes().size();
  for (const size_t gone : {size_t{1}, size_t{0}, size_t{2}}) {
    const platform::MappedRange* const range = platform::MappedRange::Find(bytes[gone] + size - 1);
    ASSERT_NE(range, nullptr);
    EXPECT_EQ(range->path(), kShort0);
    EXPECT_EQ(range->bytes().data(), bytes[gone]);
    EXPECT_NE(platform::MappedRange::Find(bytes[gone] + size), range);
    files[gone] = {};
    EXPECT_EQ(platform::MappedRange::Find(bytes[gone]), nullptr);
  }
}

// The whole program: several threads multiply queries and keys while the file of the queries shrinks.
TEST_F(InputFaultsTest, ProgramWhoseInputIsTruncated) {
  const std::string queries = WriteZeros("q.npy", {1 << 18, 64});
  const std::string keys = WriteZeros("k.npy", {8192, 64});
  const Process process =
      Start({"analyze", "--layer", "0", "--qk", queries, keys, "-o", Path("r.json"), "--threads", "2"});
  const std::string maps = "/proc/" + std::to_string(process.id) + "/maps";
  for (int i = 0; i < 60000 && Read(maps).find(keys) == std::string::npos; ++i) {  // at most a minute
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  fs::resize_file(queries, 4096);
  const Outcome outcome = Wait(process);
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(WithoutReadings(outcome.err).starts_with("attnscope: " + queries + ": ")) << outcome.err;
  EXPECT_EQ(NumFiles(), 2u);
}

TEST_F(InputFaultsTest, FileThatChangesWithoutASignalIsAnErrorToo) {
  const std::string path = WriteZeros("L0.npy", {64, 64, 64});
  const auto size = fs::file_size(path);
  Status status = AnalyzeLogits(path, [&] { fs::resize_file(path, size - 4); });  // its page reads on as zeros
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), path + ": was written to while it was read: it had " + std::to_string(size) +
                                  " bytes and has " + std::to_string(size - 4));
  fs::resize_file(path, size);
  status = AnalyzeLogits(path, [&] {                             // of the same size, as when it is saved anew in place
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // more than the clock's step of time stamps
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(1000).put('x');
  });
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
}

TEST_F(InputFaultsTest, FileThatIsReplacedOrRemovedIsReadToItsEnd) {
  const std::string path = WriteZeros("L0.npy", {64, 64, 64});
  const std::string other = WriteZeros("other.npy", {2, 2});
  Status status = AnalyzeLogits(path, [&] { fs::rename(other, path); });
  EXPECT_TRUE(status.ok()) << status.message();
  status = AnalyzeLogits(WriteZeros("L1.npy", {64, 64, 64}), [&] { fs::remove(Path("L1.npy")); });
  EXPECT_TRUE(status.ok()) << status.message();
}

}  // namespace
}  // namespace attnscope::tools
