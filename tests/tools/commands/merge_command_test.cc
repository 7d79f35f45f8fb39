// SPDX-License-Identifier: Apache-2.0
//
// attnscope analyze --state-out and attnscope merge as their users meet them: the outputs of one process, trees of
// merges, and refusals that name the files.
#include "tests/support/command_fixture.h"

#include <algorithm>

#include "tests/support/report_difference.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class MergeCommandTest : public CommandTest {
 protected:
  // A real run, all of it.
  static std::vector<std::string> Analyze(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "analyze",    DataFile("use_long", 0, "attn"),     DataFile("use_long", 1, "attn"),
        "--residual", DataFile("use_long", 1, "resid_in"), DataFile("use_long", 1, "resid_out")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  std::vector<std::string> WriteShares(size_t count, const std::string& by) const {
    std::vector<std::string> paths;
    for (size_t i = 0; i < count; ++i) {
      paths.push_back(Path(by + std::to_string(i) + ".state"));
      RunOk(Analyze(
          {"--share", std::to_string(i) + "/" + std::to_string(count), "--share-by", by, "--state-out", paths.back()}));
    }
    return paths;
  }

  static std::vector<std::string> Merge(const std::vector<std::string>& states, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"merge"};
    arguments.insert(arguments.end(), states.begin(), states.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

TEST_F(MergeCommandTest, MergesToWhatOneProcessPrintsAndDraws) {
  const std::string table = RunOk(Analyze({"-o", Path("one.json"), "--png", Path("one.png"), "--per-head"})).out;
  const Report expected = Parse(Read(Path("one.json")));
  for (const char* by : {"auto", "files", "layers", "rows"}) {
    std::vector<std::string> states = WriteShares(5, by);
    std::reverse(states.begin(), states.end());
    const Outcome merged = RunOk(Merge(states, {"-o", Path("m.json"), "--png", Path("m.png"), "--per-head"}));
    EXPECT_EQ(merged.out, table) << by;
    EXPECT_EQ(Read(Path("m.png")), Read(Path("one.png"))) << by;
    EXPECT_LE(test::DifferenceOf(Parse(Read(Path("m.json"))), expected), test::kMergeBound) << by;
  }
}

TEST_F(MergeCommandTest, OneStateIsTheReportItself) {
  RunOk(Analyze({"-o", Path("one.json"), "--state-out", Path("one.state"), "--epoch", "4", "--stage", "train"}));
  RunOk(Merge({Path("one.state")}, {"-o", Path("m.json")}));
  EXPECT_EQ(Read(Path("m.json")), Read(Path("one.json")));
  RunOk(Merge({Path("one.state")}, {"-o", Path("m.json"), "--epoch", "5"}));
  EXPECT_EQ(Parse(Read(Path("m.json"))).epoch, 5);
}

TEST_F(MergeCommandTest, TopMassesOfAnyK) {
  const std::vector<std::string> top_k = {"--top-k", "1,5,128"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), top_k.begin(), top_k.end());
    return Analyze(more);
  };
  RunOk(with({"-o", Path("one.json"), "--state-out", Path("one.state")}));
  RunOk(with({"--share", "0/2", "--state-out", Path("a.state")}));
  RunOk(with({"--share", "1/2", "--state-out", Path("b.state")}));
  RunOk(Merge({Path("one.state")}, {"-o", Path("m.json")}));
  EXPECT_EQ(Read(Path("m.json")), Read(Path("one.json")));
  RunOk(Merge({Path("b.state"), Path("a.state")}, {"-o", Path("m.json")}));
  const Report merged = Parse(Read(Path("m.json")));
  EXPECT_LE(test::DifferenceOf(merged, Parse(Read(Path("one.json")))), test::kMergeBound);
  EXPECT_TRUE(merged.layers.at(0).stats.layer.Has(TopMass(128)) && merged.layers[0].stats.heads.at(3).Has(TopMass(1)));
  RunOk(Analyze({"--share", "1/2", "--state-out", Path("c.state")}));
  const Outcome refused = Run(Merge({Path("a.state"), Path("c.state")}, {}));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.err, "attnscope: cannot merge " + Path("a.state") + " and " + Path("c.state") +
                             ": --top-k is 1, 5, 128 in the first and 5, 10, 50 in the second\n");
}

TEST_F(MergeCommandTest, Trees) {
  const std::vector<std::string> states = WriteShares(4, "rows");
  const Outcome half = Run(Merge({states[2], states[0]}, {"--partial", "--state-out", Path("a.state")}));
  EXPECT_EQ(half.exit_code, 0) << half.err;
  EXPECT_EQ(half.err, "attnscope: note: merged without shares 1, 3 of 4\n");
  EXPECT_EQ(Run(Merge({states[3], states[1]}, {"--partial", "--state-out", Path("b.state")})).exit_code, 0);
  const std::string whole = RunOk(Merge({Path("b.state"), Path("a.state")}, {"--state-out", Path("c.state")})).out;
  EXPECT_EQ(whole, RunOk(Analyze({})).out);
  EXPECT_EQ(RunOk(Merge({Path("c.state")}, {})).out, whole);
}

TEST_F(MergeCommandTest, ExitCodesAndOutputsOfAnalyze) {
  RunOk({"analyze", kShort0, "--state-out", Path("a.state")});
  RunOk({"analyze", kShort1, "--state-out", Path("b.state")});
  const std::vector<std::string> states = {Path("a.state"), Path("b.state")};
  EXPECT_EQ(Run(Merge(states, {"--fail-on", "warning", "--threshold", "one_hot_max_row_weight_warning=0.5"})).exit_code,
            1);
  EXPECT_EQ(
      Run(Merge(states, {"--fail-on", "critical", "--threshold", "one_hot_max_row_weight_warning=0.5"})).exit_code, 0);
  EXPECT_EQ(RunOk(Merge(states, {"--json", "--per-head"})).out,
            RunOk({"analyze", kShort0, kShort1, "--json", "--per-head"}).out);
  RunOk(Merge(states, {"--png", Path("new/"), "--stage", "train"}));
  EXPECT_TRUE(std::filesystem::exists(Path("new/train_transformer_diagnostics/summary.png")));
}

TEST_F(MergeCommandTest, BadStatesAreErrorsThatNameThem) {
  const std::vector<std::string> states = WriteShares(3, "rows");
  ExpectError(Merge({states[0], states[2]}, {}), "the states are incomplete: missing is share 1 of 3 (--partial");
  const std::string copy = Write("copy.state", Read(states[0]));
  ExpectError(Merge({states[0], states[1], copy}, {}),
              "cannot merge " + states[0] + " and " + copy + ": share 0 of 3 is in both");
  RunOk(Analyze({"--state-out", Path("whole.state")}));
  std::filesystem::create_symlink(Path("whole.state"), Path("link.state"));
  ExpectError(Merge({Path("whole.state"), Path("link.state")}, {"-o", Path("r.json")}),
              Path("whole.state") + " and " + Path("link.state") + " are the same file");
  Run({"analyze", kShort0, "--causal", "--state-out", Path("causal.state")});  // notes that rows lose weight
  ExpectError(Merge({states[0], Path("causal.state")}, {"-o", Path("r.json")}),
              "cannot merge " + states[0] + " and " + Path("causal.state") + ": --causal is no in the first and yes");
  const std::string bytes = Read(states[1]);
  const std::string cut = Write("cut.state", bytes.substr(0, bytes.size() / 2));
  ExpectError(Merge({states[0], cut}, {"-o", Path("r.json")}), cut + ": is truncated: ");
  ExpectError(Merge({Path("missing.state")}, {}), "missing.state: No such file or directory");
  ExpectError(Merge({kShort0}, {}), kShort0 + ": is no state");
  ExpectError({"merge"}, "STATE");
  EXPECT_FALSE(std::filesystem::exists(Path("r.json")));
}

TEST_F(MergeCommandTest, SharesThatMakeNoSense) {
  const std::string state = Path("a.state");
  for (const char* share :
       {"3/3", "1", "/2", "1/", "-1/2", "0/0", "1/2/3", "a/b", "0/1000001", "0/99999999999999999999"}) {
    ExpectError(Analyze({"--share", share, "--state-out", state}), "--share " + std::string(share) + ": needs two");
    ExpectError(Analyze({"--rows", share[0] == '0' && share[2] == '1' ? "2/1" : share, "--state-out", state}),
                "--rows ");
  }
  ExpectError(Analyze({"--share", "0/2"}), "need --state-out");
  ExpectError(Analyze({"--rows", "0/128", "--share", "0/2", "--state-out", state}), "--share cannot go with");
  ExpectError(Analyze({"--heads", "0/8", "--mean-matrix", "--state-out", state}),
              "--heads cannot go with --mean-matrix");
  ExpectError(Analyze({"--share-by", "rows"}), "--share-by needs --share");
  ExpectError(Analyze({"--share-by", "columns", "--share", "0/2", "--state-out", state}), "--share-by");
  ExpectError(Analyze({"--rows", "64/128", "--state-out", state}), "would be rows 64 to 191 of 128");
  EXPECT_EQ(NumFiles(), 0u);
}

// A state is written as every file: complete, or not there.
TEST_F(MergeCommandTest, StatesThatCannotBeWritten) {
  ExpectError(Analyze({"--state-out", Path("no/folder/a.state")}), "no/folder/a.state");
  ExpectError(Analyze({"--state-out", "/dev/full"}), "/dev/full: cannot write");
}

}  // namespace
}  // namespace attnscope::tools
