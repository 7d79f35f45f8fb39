// SPDX-License-Identifier: Apache-2.0
//
// attnscope-mpi as jobs meet it: started by mpirun, on more and fewer ranks than there is work, with files that are bad
// for all or for one rank, and with a rank that is killed. A job that fails says why, ends, and leaves no file.
#include <stdlib.h>

#include <algorithm>
#include <chrono>

#include "tests/support/command_fixture.h"
#include "tests/support/report_difference.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class MpiCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) setenv(name, "1", 1);
    // Open MPI frees little at its end; and a rank that gets SIGSEGV has to die of it.
    setenv("ASAN_OPTIONS", "detect_leaks=0:handle_segv=0", 1);
  }

  // mpirun's words before the program's. It ends a job that hangs with exit code 110.
  static std::vector<std::string> Job(size_t ranks, const std::vector<std::string>& program) {
    std::vector<std::string> words = {"--oversubscribe", "--timeout", "120", "-np", std::to_string(ranks)};
    words.insert(words.end(), program.begin(), program.end());
    return words;
  }

  Outcome RunRanks(size_t ranks, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), ATTNSCOPE_MPI_COMMAND);
    return Run(Job(ranks, arguments));
  }

  Report ReportOfRanks(size_t ranks, std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--json", "--per-head"});
    const Outcome outcome = RunRanks(ranks, arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return Parse(outcome.out);
  }

  // The job fails for this reason, said once, by this rank or any; it asked for three files, and wrote none.
  void ExpectFailure(const Outcome& outcome, const std::string& reason) const {
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_NE(outcome.exit_code, 110) << "it hung";
    EXPECT_EQ(outcome.out, "");
    const size_t place = outcome.err.find(reason);
    EXPECT_NE(place, std::string::npos) << reason << " in: " << outcome.err;
    if (place != std::string::npos) {
      EXPECT_EQ(outcome.err.find(reason, place + 1), std::string::npos) << outcome.err;
    }
    for (const char* name : {"r.json", "s.png", "t.state"}) EXPECT_FALSE(std::filesystem::exists(Path(name))) << name;
  }
  std::vector<std::string> WithFiles(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", Path("r.json"), "--png", Path("s.png"), "--state-out", Path("t.state")});
    return arguments;
  }
};

// One rank is one process, which analysis_test and command_test hold against the golden numbers.
TEST_F(MpiCommandTest, ManyRanksGiveTheNumbersOfOne) {
  const std::vector<std::vector<std::string>> inputs = {
      {DataFile("use_long", 0, "attn"), DataFile("use_long", 1, "attn"), kShort0, "--residual",
       DataFile("use_long", 0, "resid_in"), DataFile("use_long", 0, "resid_out")},
      {"--causal", "--qk", DataFile("use_long", 0, "q"), DataFile("use_long", 0, "k")}};
  for (const std::vector<std::string>& input : inputs) {
    const Report one = ReportOfRanks(1, input);
    ASSERT_FALSE(one.layers.empty());
    double largest = 0.0;
    const std::pair<size_t, const char*> jobs[] = {{2, "files"}, {7, "files"}, {2, "layers"}, {7, "layers"},
                                                   {2, "rows"},  {3, "rows"},  {4, "rows"},   {7, "rows"},
                                                   {12, "rows"},  // more than blocks of rows
                                                   {3, "auto"},  {4, "auto"}};
    for (const auto& [ranks, by] : jobs) {
      std::vector<std::string> arguments = input;
      arguments.insert(arguments.end(), {"--share-by", by});
      const double difference = test::DifferenceOf(ReportOfRanks(ranks, arguments), one);
      EXPECT_LE(difference, test::kMergeBound) << ranks << " ranks by " << by;
      largest = std::max(largest, difference);
    }
    std::printf("[ observed ] ranks: largest relative difference %.2e\n", largest);
    EXPECT_GT(largest, 0.0) << "no sequence was cut";
  }
}

TEST_F(MpiCommandTest, RankZeroWritesOnce) {
  const Outcome outcome = RunRanks(3, WithFiles({kShort0, kShort1, "--epoch", "5", "--fail-on", "warning",
                                                 "--threshold", "one_hot_max_row_weight_warning=0.5"}));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(outcome.out.find("layer  entropy"), outcome.out.rfind("layer  entropy")) << outcome.out;
  EXPECT_EQ(outcome.out.find('\033'), std::string::npos) << "colours in a pipe";
  EXPECT_EQ(Parse(Read(Path("r.json"))).epoch, 5);
  EXPECT_TRUE(Read(Path("s.png")).starts_with("\x89PNG"));
  EXPECT_TRUE(Read(Path("t.state")).starts_with("ATTNSTAT"));
  EXPECT_EQ(NumFiles(), 3u);
}

TEST_F(MpiCommandTest, FilesThatAreBadForAll) {
  const std::string bytes = Read(kShort0);
  ExpectFailure(RunRanks(3, WithFiles({kShort0, Path("missing_L1.npy")})),
                "attnscope: rank 0: " + Path("missing_L1.npy") + ": No such file or directory");
  const std::string path = Write("L1.npy", bytes.substr(0, bytes.size() - 1));
  ExpectFailure(RunRanks(3, WithFiles({kShort0, path})), "attnscope: rank 0: " + path + ": is truncated");
  ExpectFailure(RunRanks(2, WithFiles({"--no-such-option"})), "--no-such-option");
  ExpectFailure(RunRanks(2, WithFiles({})), "name a FILE");
}

// As scripts do that put their rank into a name.
TEST_F(MpiCommandTest, RanksWithOtherArguments) {
  for (const std::vector<std::string>& others : std::initializer_list<std::vector<std::string>>{
           {kShort0, "--no-such-option"}, {kShort1}, {kShort0, "--causal"}, {"--help"}, {}}) {
    std::vector<std::string> words = Job(2, {ATTNSCOPE_MPI_COMMAND, kShort0});
    words.insert(words.end(), {":", "-np", "1", ATTNSCOPE_MPI_COMMAND});
    words.insert(words.end(), others.begin(), others.end());
    ExpectFailure(Run(words), "attnscope: rank 0: some ranks were started with other arguments than others");
  }
}

// The second file's elements are damaged, which only the rank sees that reads them.
TEST_F(MpiCommandTest, AFileThatIsBadForOneRankStopsAll) {
  const std::string good = Read(kShort1);
  std::vector<std::string> files;
  for (int layer = 0; layer < 4; ++layer) {
    ZipEntry entry = {.name = "attn.npy", .bytes = good, .deflate = true};
    entry.crc_error = layer == 2 ? 1 : 0;
    files.push_back(Write("L" + std::to_string(layer) + ".npz", Zip({entry})));
  }
  files.insert(files.end(), {"--share-by", "files"});
  const Outcome outcome = RunRanks(4, WithFiles(files));
  ExpectFailure(outcome, "attnscope: rank 2: " + Path("L2.npz") + ": tensor 'attn'");
  EXPECT_EQ(outcome.exit_code, 2);
}

// Rank 1's node has no such file, or another one.
TEST_F(MpiCommandTest, NodesThatSeeOtherFiles) {
  for (const char* folder : {"a", "b"}) std::filesystem::create_directory(Path(folder));
  const auto run = [&](const std::string& options = "") {
    return Run(Job(2, {"sh", "-c",
                       "cd " + folder_.string() + "; [ $OMPI_COMM_WORLD_RANK = 0 ] && cd a || cd b; exec " +
                           ATTNSCOPE_MPI_COMMAND + " L0.npy -o ../r.json" + options}));
  };
  Write("a/L0.npy", Read(kShort0));
  ExpectFailure(run(), "attnscope: rank 1: L0.npy: No such file or directory");
  Write("b/L0.npy", Read(DataFile("use_long", 0, "attn")));
  ExpectFailure(run(), "the files have other shapes on some ranks than on others");
  Write("b/L0.npy", Read(kShort0));
  Write("a/segments.npy", Npy("<i4", {2}, std::string("\0\0\0\0\4\0\0\0", 8)));
  Write("b/segments.npy", Npy("<i4", {2}, std::string("\0\0\0\0\5\0\0\0", 8)));
  ExpectFailure(run(" --segments segments.npy"), "what is said of rows is something else on some ranks than on others");
}

TEST_F(MpiCommandTest, ReportsThatCannotBeWritten) {
  const Outcome outcome = RunRanks(3, {kShort0, "-o", Path("no/folder/r.json")});
  ExpectFailure(outcome, "attnscope: rank 0: " + Path("no/folder/r.json"));
  EXPECT_EQ(outcome.exit_code, 2);
}

// Queries and keys that take minutes, in sparse files. One rank is killed while all are at work, or before.
TEST_F(MpiCommandTest, AKilledRankEndsTheJob) {
  const std::string header = Npy("<f4", {16, 32768, 128}, "");
  const std::string big = Write("L0.npy", header);
  std::filesystem::resize_file(big, header.size() + size_t{16} * 32768 * 128 * 4);
  const auto script_of = [&](const std::string& signal) {
    return "if [ $OMPI_COMM_WORLD_RANK = 1 ]; then (sleep 2; kill -" + signal + " $$) & fi; exec " +
           ATTNSCOPE_MPI_COMMAND + " --qk " + big + " " + big + " -o " + Path("r.json") + " --png " + Path("s.png") +
           " --state-out " + Path("t.state");
  };
  for (const char* signal : {"KILL", "SEGV", "TERM"}) {
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome = Run(Job(3, {"sh", "-c", script_of(signal)}));
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ExpectFailure(outcome, "exited on signal");
    EXPECT_LT(seconds, 100.0) << "by itself it takes longer";
    std::printf("[ observed ] %s: over after %.1f s\n", signal, seconds);
  }
  EXPECT_EQ(NumFiles(), 1u) << "a temporary file is left";
}

}  // namespace
}  // namespace attnscope::tools
