// SPDX-License-Identifier: Apache-2.0
//
// Outputs that cannot be written, or lead elsewhere: a report or a picture is complete or not there, an older one is
// never damaged, and the message names the file and the cause.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "tests/faults/without_privileges.h"
#include "tests/support/command_fixture.h"

namespace attnscope::tools {
namespace {

namespace fs = std::filesystem;

class OutputFaultsTest : public CommandTest {
 protected:
  // Exit code 2, and a message that has each of these parts.
  static void ExpectFailure(const Outcome& outcome, const std::vector<std::string>& parts) {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    for (const std::string& part : parts) EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  }

  // What the program writes where nothing goes wrong.
  std::string GoodReport(const std::string& epoch = "0") const {
    return RunOk({"analyze", kShort0, "--json", "--epoch", epoch}).out;
  }
};

// The system's default for a file that grows beyond its limit is to end the process by a signal.
TEST_F(OutputFaultsTest, FileBeyondItsLimitLeavesTheOldOne) {
  const std::string old_report = Write("r.json", "an old report");
  const std::string old_picture = Write("p.png", "an old picture");
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{400}, rlim_t{4096}, rlim_t{100000}}) {
    const Outcome outcome =
        Run({"analyze", kShort0, "--axes", "heads,queries,keys", "-o", old_report, "--png", old_picture}, [bytes] {
          signal(SIGXFSZ, SIG_DFL);
          const rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
          setrlimit(RLIMIT_FSIZE, &limit);
        });
    const bool report_fits = bytes > 1000;
    EXPECT_EQ(outcome.exit_code, 2);
    // Else standard error, which leads to a file here, has no room either.
    if (bytes > 0) {
      ExpectFailure(outcome, {report_fits ? old_picture : old_report, "File too large"});
    }
    EXPECT_EQ(Read(old_report) == "an old report", !report_fits);
    EXPECT_EQ(Read(old_picture), "an old picture");
    EXPECT_EQ(NumFiles(), 2u);
  }
  Parse(Read(old_report));
}

TEST_F(OutputFaultsTest, FolderThatMayNotBeWritten) {
  fs::create_directory(Path("closed"));
  const std::string old_report = Write("closed/r.json", "an old report");
  ASSERT_EQ(chmod(Path("closed").c_str(), 0555), 0);
  for (const char* name : {"closed/r.json", "closed/new.json"}) {
    ExpectFailure(Run({"analyze", kShort0, "-o", Path(name)}, &testing_tools::DropFilePrivileges),
                  {Path(name) + ": cannot create a file in its folder: Permission denied"});
  }
  ExpectFailure(Run({"analyze", kShort0, "--png", Path("closed") + "/"}, &testing_tools::DropFilePrivileges),
                {Path("closed/val_transformer_diagnostics") + ": cannot make this folder: Permission denied"});
  ASSERT_EQ(chmod(Path("closed").c_str(), 0755), 0);
  EXPECT_EQ(Read(old_report), "an old report");
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("closed")), fs::directory_iterator()), 1);
}

// Renaming would replace it, since only the folder's permission counts for that.
TEST_F(OutputFaultsTest, FileThatMayNotBeWritten) {
  const std::string kept = Write("kept.json", "do not touch");
  ASSERT_EQ(chmod(kept.c_str(), 0444), 0);
  ExpectFailure(Run({"analyze", kShort0, "-o", kept}, &testing_tools::DropFilePrivileges),
                {kept + ": cannot write: Permission denied"});
  EXPECT_EQ(Read(kept), "do not touch");
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(OutputFaultsTest, LinkStaysAndItsFileIsReplacedOrMade) {
  fs::create_directory(Path("elsewhere"));
  fs::create_symlink("elsewhere/old.json", Path("to_old"));
  fs::create_symlink("to_old", Path("to_link"));
  fs::create_symlink(Path("elsewhere/new.json"), Path("to_new"));
  Write("elsewhere/old.json", "old");
  const std::string report = GoodReport();
  for (const char* link : {"to_link", "to_new"}) {
    RunOk({"analyze", kShort0, "--epoch", "0", "-o", Path(link)});
    EXPECT_TRUE(fs::is_symlink(Path(link)));
  }
  EXPECT_TRUE(fs::is_symlink(Path("to_old")));
  EXPECT_EQ(Read(Path("elsewhere/old.json")), report);
  EXPECT_EQ(Read(Path("elsewhere/new.json")), report);
  fs::create_symlink("circle", Path("circle"));
  ExpectFailure(Run({"analyze", kShort0, "-o", Path("circle")}), {Path("circle"), "Too many levels of symbolic links"});
  EXPECT_TRUE(fs::is_symlink(Path("circle")));
}

// Renaming would take the file from under standard output, and lose what a shell's >> was to keep.
TEST_F(OutputFaultsTest, StandardOutputInAFileIsAppendedTo) {
  for (const char* name : {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    const std::string log = Write("log", "kept\n");
    const Outcome outcome = Run({"analyze", kShort0, "--epoch", "0", "-o", name},
                                [&log] { dup2(open(log.c_str(), O_WRONLY | O_APPEND), STDOUT_FILENO); });
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string report = GoodReport();
    EXPECT_EQ(Read(log).substr(0, 5 + report.size()), "kept\n" + report);
    EXPECT_NE(Read(log).find("layer  entropy", 5 + report.size()), std::string::npos) << Read(log);
  }
  ExpectFailure(Run({"analyze", kShort0, "-o", "/dev/fd/99"}), {"/dev/fd/99: cannot open for writing: Bad file"});
  ExpectFailure(Run({"render", kStats, "-o", "/dev/stdout"}, [] { close(STDOUT_FILENO); }),
                {"/dev/stdout: cannot write: Bad file"});
}

TEST_F(OutputFaultsTest, PipeGetsTheSameBytesOrAnErrorIfItsReaderLeaves) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  RunOk({"render", kStats, "-o", Path("p.png")});
  std::string received;
  std::thread reader([&] { received = Read(Path("pipe")); });
  RunOk({"render", kStats, "-o", Path("pipe")});
  reader.join();
  EXPECT_EQ(received, Read(Path("p.png")));

  std::thread leaver([&] {
    const int end = open(Path("pipe").c_str(), O_RDONLY);
    char byte = 0;
    EXPECT_EQ(read(end, &byte, 1), 1);
    close(end);
  });
  ExpectFailure(Run({"render", kStats, "-o", Path("pipe")}), {Path("pipe") + ": cannot write: Broken pipe"});
  leaver.join();
}

TEST_F(OutputFaultsTest, InputsAreNotOverwritten) {
  const std::string input = Write("L0.npy", Read(kShort0));
  const std::string bytes = Read(input);
  fs::create_symlink("L0.npy", Path("link"));
  fs::create_hard_link(input, Path("hard.npy"));
  for (const char* name : {"L0.npy", "link", "hard.npy"}) {
    for (const char* option : {"-o", "--png"}) {
      ExpectFailure(Run({"analyze", input, option, Path(name)}), {Path(name) + ": would overwrite an input"});
    }
  }
  const std::vector<std::vector<std::string>> others = {
      {"--logits", input}, {"--qk", input, kShort0}, {kShort0, "--residual", kShort1, input}};
  for (std::vector<std::string> arguments : others) {
    arguments.insert(arguments.begin(), "analyze");
    arguments.insert(arguments.end(), {"-o", input});
    ExpectFailure(Run(arguments), {"would overwrite an input"});
  }
  EXPECT_EQ(Read(input), bytes);
  const std::string report = Write("r.json", Read(kStats));
  ExpectFailure(Run({"render", report, "-o", report}), {"would overwrite an input"});
  EXPECT_EQ(Read(report), Read(kStats));
}

// Each writer's bytes are whole; which one is last does not matter.
TEST_F(OutputFaultsTest, SeveralProcessesWriteOneFile) {
  std::vector<std::string> reports;
  std::vector<Process> processes;
  for (int epoch = 0; epoch < 8; ++epoch) reports.push_back(GoodReport(std::to_string(epoch)));
  for (int epoch = 0; epoch < 8; ++epoch) {
    processes.push_back(Start({"analyze", kShort0, "-o", Path("r.json"), "--epoch", std::to_string(epoch)}));
  }
  for (const Process& process : processes) EXPECT_EQ(Wait(process).exit_code, 0);
  EXPECT_EQ(std::count(reports.begin(), reports.end(), Read(Path("r.json"))), 1);
  EXPECT_EQ(NumFiles(), 1u);
}

}  // namespace
}  // namespace attnscope::tools
