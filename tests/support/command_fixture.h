// SPDX-License-Identifier: Apache-2.0
//
// The attnscope program as its users meet it: run as a process of its own, with files, pipes and exit codes. Included
// by tests of commands; ATTNSCOPE_COMMAND is its path, or that of the environment variable ATTNSCOPE_TEST_COMMAND: a
// program built for another target.
#ifndef ATTNSCOPE_TESTS_SUPPORT_COMMAND_FIXTURE_H_
#define ATTNSCOPE_TESTS_SUPPORT_COMMAND_FIXTURE_H_

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "attnscope/report.h"
#include "tests/support/data_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {

inline const std::string kShort0 = DataFile("use_short", 0, "attn");
inline const std::string kShort1 = DataFile("use_short", 1, "attn");
inline const std::string kStats = DataFile("summary_stats.json");

// What a run of the program left.
struct Outcome {
  int exit_code;  // or minus the signal that ended it
  std::string out;
  std::string err;
};

// Runs the attnscope program in a folder of its own.
class CommandTest : public testing_tools::TemporaryFolderTest {
 protected:
  void SetUp() override {
    TemporaryFolderTest::SetUp();
    outputs_ = folder_;
    outputs_ += "-outputs";
    std::filesystem::create_directory(outputs_);
  }
  void TearDown() override {
    std::filesystem::remove_all(outputs_);
    TemporaryFolderTest::TearDown();
  }

  // A program that runs, and the files that its standard streams lead to.
  struct Process {
    pid_t id;
    std::string out;
    std::string err;
  };

  // Starts the program. `prepare` is called in the new process, after its standard streams lead to files.
  Process Start(
      std::vector<std::string> arguments, const std::function<void()>& prepare = [] {}) const {
    static int count = 0;
    const std::string out = (outputs_ / ("out" + std::to_string(++count))).string();
    const std::string err = (outputs_ / ("err" + std::to_string(count))).string();
    const char* const other = std::getenv("ATTNSCOPE_TEST_COMMAND");
    arguments.insert(arguments.begin(), other == nullptr ? ATTNSCOPE_COMMAND : other);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDOUT_FILENO);
      dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
      prepare();
      execv(argv[0], argv.data());
      _exit(127);
    }
    return {child, out, err};
  }

  static Outcome Wait(const Process& process) {
    int status = 0;
    EXPECT_EQ(waitpid(process.id, &status, 0), process.id);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), Read(process.out), Read(process.err)};
  }

  // Runs it to its end.
  Outcome Run(
      const std::vector<std::string>& arguments, const std::function<void()>& prepare = [] {}) const {
    return Wait(Start(arguments, prepare));
  }

  Outcome RunOk(const std::vector<std::string>& arguments) const {
    Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(WithoutReadings(outcome.err), "");
    return outcome;
  }

  // Standard error without the lines that say how files are read: "layer 3: ..." and "layers 0 to 5: ...", and notes on
  // their shapes and types.
  static std::string WithoutReadings(const std::string& err) {
    static const std::regex readings(
        "attnscope: (layers? [0-9]+( to [0-9]+)?: |note: [^\n]* is read as \\[|note: float64 is rounded)[^\n]*\n");
    return std::regex_replace(err, readings, "");
  }

  // Exit code 2, nothing on standard output, and a message.
  void ExpectError(const std::vector<std::string>& arguments, const std::string& part) const {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(outcome.err.starts_with("attnscope: ")) << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << part << " in: " << outcome.err;
  }

  static Report Parse(const std::string& json) {
    Report report;
    const Status status = ReportFromJson(json, &report);
    EXPECT_TRUE(status.ok()) << status.message();
    return report;
  }

  std::string WriteWeights(const std::string& name, const std::vector<size_t>& shape,
                           const std::vector<float>& weights) const {
    return Write(name, testing_tools::Npy("<f4", shape, testing_tools::BytesOf(weights)));
  }

  std::filesystem::path outputs_;  // apart, so that folder_ has only what the program makes
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_COMMAND_FIXTURE_H_
