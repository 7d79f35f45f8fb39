// SPDX-License-Identifier: Apache-2.0
//
// The attnscope program as its users meet it: run as a process of its own, with files, pipes and exit codes.
#include <fcntl.h>

#include <functional>
#include <limits>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/command_fixture.h"
#include "tests/support/golden.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

// The last target that `info` lists: the portable one, which every CPU runs.
std::string PortableTarget(const std::string& info) {
  const size_t last_name = info.rfind(' ') + 1;
  return info.substr(last_name, info.size() - last_name - 1);
}

TEST_F(CommandTest, InfoTellsVersionAndTargets) {
  const std::string text = RunOk({"info"}).out;
  EXPECT_NE(text.find("version           " ATTNSCOPE_VERSION "\n"), std::string::npos) << text;
  EXPECT_NE(text.find("targets compiled "), std::string::npos) << text;
  const std::string name = PortableTarget(text);
  const Outcome forced = Run({"info"}, [&] { setenv("ATTNSCOPE_TARGET", name.c_str(), 1); });
  EXPECT_EQ(forced.exit_code, 0);
  EXPECT_NE(forced.out.find("target            " + name + " (by ATTNSCOPE_TARGET)\n"), std::string::npos) << forced.out;
}

// Of all that is linked in, word for word; licenses/README.md lists it.
TEST_F(CommandTest, LicensesAreThoseOfAllThatIsInTheProgram) {
  const std::string text = RunOk({"--licenses"}).out;
  EXPECT_TRUE(text.starts_with("---- attnscope ----\n"));
  for (const char* const name : {"highway", "nlohmann-json", "dejavu", "stb", "cli11", "zlib", "libdeflate"}) {
    const std::string license = Read(DataFile("../../licenses/" + std::string(name) + ".txt"));
    EXPECT_NE(text.find("---- " + std::string(name) + " ----\n\n" + license), std::string::npos) << name;
  }
  EXPECT_NE(text.find("Apache License\n                           Version 2.0"), std::string::npos);
}

TEST_F(CommandTest, TargetsThatAreNotThereAreErrors) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"info"}, {"analyze", kShort0}}) {
    const Outcome outcome = Run(arguments, [] { setenv("ATTNSCOPE_TARGET", "AVX9", 1); });
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("is \"AVX9\", which is not compiled in; there are "), std::string::npos) << outcome.err;
  }
}

// The same table, but for the last digits.
TEST_F(CommandTest, AnalyzeRunsOnAForcedTarget) {
  const std::string best = RunOk({"analyze", kShort0}).out;
  const std::string name = PortableTarget(RunOk({"info"}).out);
  const Outcome forced = Run({"analyze", kShort0}, [&] { setenv("ATTNSCOPE_TARGET", name.c_str(), 1); });
  EXPECT_EQ(forced.out, best) << forced.err;
}

TEST_F(CommandTest, AnalyzePrintsTheGoldenNumbers) {
  const Outcome outcome =
      RunOk({"analyze", DataFile("use_long", 0, "attn"), DataFile("use_long", 1, "attn"), "--json", "--per-head",
             "--residual", DataFile("use_long", 0, "resid_in"), DataFile("use_long", 0, "resid_out"), "--residual",
             DataFile("use_long", 1, "resid_in"), DataFile("use_long", 1, "resid_out")});
  const nlohmann::json golden = ReadGolden("use_long");
  const Report report = Parse(outcome.out);
  ASSERT_EQ(report.layers.size(), 2u);
  for (const LayerReport& layer : report.layers) {
    const nlohmann::json& expected = golden[std::to_string(layer.layer)];
    EXPECT_EQ(ExpectGolden(expected["weights"]["layer"], layer.stats.layer, 128), 12u);
    EXPECT_EQ(ExpectGolden(expected["residual"], layer.stats.layer, 128), 2u);
    ASSERT_EQ(layer.stats.heads.size(), 4u);
    for (size_t h = 0; h < 4; ++h) {
      EXPECT_EQ(ExpectGolden(GoldenHead(expected["weights"]["heads"], h), layer.stats.heads[h], 128), 12u);
    }
  }
}

TEST_F(CommandTest, MeanMatrixPrintsTheGoldenNumbers) {
  const Report report = Parse(RunOk({"analyze", kShort0, kShort1, "--json", "--mean-matrix", "--per-head"}).out);
  const nlohmann::json golden = ReadGolden("use_short");
  for (const LayerReport& layer : report.layers) {
    EXPECT_EQ(ExpectGolden(golden[std::to_string(layer.layer)]["mean_matrix"], layer.stats.layer, 19), 12u);
    EXPECT_TRUE(layer.stats.heads.empty());
  }
}

TEST_F(CommandTest, AnalyzePrintsTableAndVerdicts) {
  EXPECT_EQ(RunOk({"analyze", kShort0, kShort1, "--threshold", "one_hot_max_row_weight_warning=0.5"}).out,
            "                                                   max            max\n"
            "                effective                          row      col   col  normalized   sink      sink\n"
            "layer  entropy       rank   top5  top10  top50  weight  entropy   sum     entropy   mass  position\n"
            "0        1.103       3.99  0.926  0.980  1.000   0.623    2.813  1.98       0.375  0.104         0\n"
            "1        2.301      10.76  0.680  0.880  1.000   0.277    2.764  2.48       0.781  0.131         6\n"
            "\n"
            "4 warnings\n"
            "  warning: one-hot collapse in layer 0, head 1: max_row_weight 0.7872 is above 0.5\n"
            "  warning: one-hot collapse in layer 0, head 3: max_row_weight 0.7483 is above 0.5\n"
            "  warning: one-hot collapse in layer 0, head 2: max_row_weight 0.6615 is above 0.5\n"
            "  warning: one-hot collapse in layer 0: max_row_weight 0.6227 is above 0.5\n"
            "not judged\n"
            "  sink collapse: needs 32 rows, has 19 (8 heads of layers 0, 1)\n"
            "  vanishing layer, exploding update: residual_ratio is missing (layers 0, 1)\n"
            "  saturated softmax: saturation_ratio is missing (layers 0, 1)\n"
            "  growing logits: max_logit is missing (layers 0, 1)\n");
}

// The columns are in the order of k, and the table, JSON and verdicts without the mass of 5 say so.
TEST_F(CommandTest, TopMassesOfAnyK) {
  const Outcome outcome = RunOk({"analyze", kShort0, "--top-k", "1,5,128", "-o", Path("a.json")});
  EXPECT_NE(outcome.out.find("layer  entropy       rank   top1   top5  top128  weight"), std::string::npos)
      << outcome.out;
  const MetricValues values = Parse(Read(Path("a.json"))).layers.at(0).stats.layer;
  const MetricValues usual = Parse(RunOk({"analyze", kShort0, "--json"}).out).layers.at(0).stats.layer;
  EXPECT_EQ(values[TopMass(1)], usual[Metric::kMaxRowWeight]);
  EXPECT_EQ(values[Metric::kTop5], usual[Metric::kTop5]);
  EXPECT_NEAR(values[TopMass(128)], 1.0, 1e-6);
  EXPECT_FALSE(values.Has(Metric::kTop10) || values.Has(Metric::kTop50));
  RunOk({"diagnose", Path("a.json")});
  RunOk({"render", Path("a.json"), "-o", Path("a.png")});
  for (const auto& [top_k, message] :
       {std::pair("5,x", "--top-k is \"5,x\", expected whole numbers with commas between them"),
        {"5,", "--top-k is \"5,\", expected whole numbers with commas between them"},
        {"-5", "--top-k is \"-5\", expected whole numbers with commas between them"},
        {"10,5", "--top-k is 10, 5, which does not ascend"},
        {"0", "--top-k has the value 0, expected 1 to 1024"},
        {"1,2000", "--top-k has the value 2000, expected 1 to 1024"},
        {"1,2,3,4,5,6,7,8,9", "--top-k has 9 values, expected 1 to 8"}}) {
    const Outcome refused = Run({"analyze", kShort0, std::string("--top-k=") + top_k});
    EXPECT_EQ(refused.exit_code, 2) << top_k;
    EXPECT_EQ(refused.err, std::string("attnscope: ") + message + "\n");
  }
}

TEST_F(CommandTest, HeadsArePrintedOnlyIfAskedForButAlwaysReported) {
  const Outcome without =
      RunOk({"analyze", kShort0, "--threshold", "one_hot_max_row_weight_warning=0.5", "-o", Path("a.json")});
  EXPECT_EQ(Parse(Read(Path("a.json"))).layers.at(0).stats.heads.size(), 4u);
  EXPECT_EQ(without.out.find("  head 1 "), std::string::npos);
  EXPECT_NE(without.out.find("layer 0, head 1"), std::string::npos);
  const Outcome with = RunOk(
      {"analyze", kShort0, "--threshold", "one_hot_max_row_weight_warning=0.5", "--per-head", "-o", Path("b.json")});
  EXPECT_EQ(Parse(Read(Path("b.json"))).layers.at(0).stats.heads.size(), 4u);
  EXPECT_EQ(Read(Path("b.json")), Read(Path("a.json")));
  EXPECT_NE(with.out.find("\n  head 1 "), std::string::npos);
}

TEST_F(CommandTest, FailOnDecidesTheExitCode) {
  EXPECT_EQ(Run({"analyze", kShort0, "--fail-on", "warning"}).exit_code, 0);
  for (const auto& [fail_on, exit_code] : {std::pair("warning", 1), std::pair("critical", 0)}) {
    EXPECT_EQ(
        Run({"analyze", kShort0, "--fail-on", fail_on, "--threshold", "one_hot_max_row_weight_warning=0.5"}).exit_code,
        exit_code);
  }
  EXPECT_EQ(Run({"analyze", kShort1, "--fail-on", "warning"}).exit_code, 0);
  EXPECT_EQ(
      Run({"analyze", kShort0, "--fail-on", "critical", "--threshold", "one_hot_max_row_weight_critical=0.7", "--json"})
          .exit_code,
      1);
  EXPECT_EQ(Run({"diagnose", kStats}).exit_code, 0);
  EXPECT_EQ(Run({"diagnose", kStats, "--fail-on", "critical"}).exit_code, 1);
}

TEST_F(CommandTest, CollapsedHeadAmongHealthyOnesIsNamed) {
  std::vector<float> weights;
  for (int head = 0; head < 3; ++head) {
    for (int query = 0; query < 64; ++query) {
      for (int key = 0; key < 64; ++key) {
        const float peaked = key == 5 ? 1.0f : 0.0f;
        const float spread = key / 8 == query / 8 ? 0.125f : 0.0f;
        weights.push_back(head == 1 ? peaked : spread);
      }
    }
  }
  const Outcome outcome = Run({"analyze", WriteWeights("L4.npy", {3, 64, 64}, weights), "--fail-on", "critical"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("critical: one-hot collapse in layer 4, head 1"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("critical: sink collapse in layer 4, head 1"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("head 0"), std::string::npos) << outcome.out;
}

TEST_F(CommandTest, ReportRendersToTheSameBytes) {
  RunOk({"analyze", kShort0, kShort1, "-o", Path("r.json"), "--png", Path("a.png"), "--epoch", "7", "--stage", "test"});
  RunOk({"render", Path("r.json"), "-o", Path("b.png")});
  const std::string picture = Read(Path("a.png"));
  EXPECT_TRUE(picture.starts_with("\x89PNG"));
  EXPECT_EQ(picture, Read(Path("b.png")));
  EXPECT_EQ(NumFiles(), 3u);  // and no temporary ones
  const Report report = Parse(Read(Path("r.json")));
  EXPECT_EQ(report.epoch, 7);
  EXPECT_EQ(report.stage, "test");
}

TEST_F(CommandTest, PictureIntoAFolder) {
  RunOk({"analyze", kShort0, "--png", folder_.string()});
  EXPECT_TRUE(std::filesystem::exists(Path("val_transformer_diagnostics/summary.png")));
  RunOk({"analyze", kShort0, "--png", Path("new/deep/"), "--stage", "train"});
  EXPECT_TRUE(std::filesystem::exists(Path("new/deep/train_transformer_diagnostics/summary.png")));
  ExpectError({"analyze", kShort0, "--png", folder_.string(), "--stage", "../x"}, "--stage ../x");
}

TEST_F(CommandTest, RenderSizes) {
  RunOk({"render", kStats, "-o", Path("a.png"), "--size", "800x600", "--scale", "0.5"});
  const std::string png = Read(Path("a.png"));
  ASSERT_GT(png.size(), 24u);
  EXPECT_EQ(png.substr(16, 8), std::string("\0\0\1\x90\0\0\1\x2C", 8));  // 400 x 300
  for (const char* size : {"800", "x", "800x", "800x600x", "800 x 600", "-1x5", "0x0", "399x300", "400x299",
                           "20001x400", "99999999999x1"}) {
    ExpectError({"render", kStats, "-o", Path("b.png"), "--size", size}, "");
    // Before anything is measured, or written.
    ExpectError({"analyze", kShort0, "--png", Path("b.png"), "--size", size, "-o", Path("b.json")}, "--size");
  }
  ExpectError({"render", kStats, "-o", Path("b.png"), "--scale", "nan"}, "scale");
  ExpectError({"render", kStats, "-o", Path("b.png"), "--size", "9999x9999", "--scale", "2"}, "--size 9999x9999");
  EXPECT_FALSE(std::filesystem::exists(Path("b.png")) || std::filesystem::exists(Path("b.json")));
}

TEST_F(CommandTest, DiagnoseReadsTheTrainersDictionary) {
  const Outcome outcome = RunOk({"diagnose", kStats, "--max-verdicts", "1"});
  EXPECT_NE(outcome.out.find("critical: vanishing layer in layer 6: residual_ratio 0.004 is below 0.01"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("more (--max-verdicts 0 lists all)"), std::string::npos);
}

TEST_F(CommandTest, OutputInAPipeIsPlain) {
  const Outcome outcome = Run({"analyze", kShort0}, [] { unsetenv("NO_COLOR"); });
  EXPECT_EQ(outcome.out.find('\033'), std::string::npos);
  EXPECT_EQ(WithoutReadings(outcome.err), "");
}

// With --json too, whose standard output is for programs.
TEST_F(CommandTest, HowFilesAreReadIsSaid) {
  const std::string file = WriteWeights("attn_20240918_113045_L3_fp32.npy", {2, 1, 1, 2}, {0.5f, 0.5f, 1.0f, 0.0f});
  for (const bool json : {false, true}) {
    std::vector<std::string> arguments = {"analyze", file};
    if (json) arguments.emplace_back("--json");
    EXPECT_EQ(Run(arguments).err, "attnscope: layer 3: " + file + ", [batch 2, heads 1, 1 queries, 2 keys] float32\n");
  }
  const Outcome layers = Run({"analyze", file, "--json", "--axes", "layers,heads,queries,keys"});
  EXPECT_EQ(Parse(layers.out).layers.size(), 2u);
  EXPECT_EQ(Parse(Run({"analyze", file, "--json", "--layer-pattern", "_([0-9]+)_L"}).out).layers[0].layer, 113045);
}

TEST_F(CommandTest, ThreadsDoNotChangeTheReport) {
  const std::string one = RunOk({"analyze", kShort0, kShort1, "--json", "--per-head", "--threads", "1"}).out;
  for (const char* threads : {"0", "2", "7"}) {
    EXPECT_EQ(RunOk({"analyze", kShort0, kShort1, "--json", "--per-head", "--threads", threads}).out, one);
  }
}

TEST_F(CommandTest, BadRowsAreShownAndNeverFatal) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const std::string path = WriteWeights("L0.npy", {3, 2}, {kNaN, 1.0f, 0.5f, 0.5f, 0.0f, 0.0f});
  const Outcome outcome = Run({"analyze", path});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("invalid"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("empty"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("unnormalized"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("critical: bad numbers in layer 0: invalid_rows 1 of 3, 33.33 %, is above 1 %"),
            std::string::npos)
      << outcome.out;
}

TEST_F(CommandTest, LogitsInsteadOfWeightsAreNoted) {
  const Outcome outcome = Run({"analyze", DataFile("use_short", 0, "logits")});
  EXPECT_NE(outcome.err.find("note: most rows of layer 0 are no distributions"), std::string::npos) << outcome.err;
}

TEST_F(CommandTest, BadInputIsExitCodeTwo) {
  ExpectError({"analyze", Path("missing.npy")}, "missing.npy: No such file or directory");
  ExpectError({"analyze", folder_.string()}, "Is a directory");
  ExpectError({"analyze", Write("empty.npy", "")}, "empty.npy: is empty");
  ExpectError({"analyze", Write("text.npy", "hello, world")}, "text.npy: is no .npy array");
  ExpectError({"analyze", Write("i8.npy", Npy("<i8", {1}, "12345678"))}, "element type '<i8'");
  ExpectError({"analyze", WriteWeights("L1.npy", {2}, {1, 2})}, "has shape [2]");
  ExpectError({"analyze"}, "nothing to measure: name a FILE, --logits, --qk or --residual");
  ExpectError({"analyze", kShort0, "--residual", kShort0}, "--residual");
  ExpectError({"analyze", kShort0, "--layer", "-1"}, "--layer");
  for (const char* option : {"-o", "--png", "--state-out"}) ExpectError({"analyze", kShort0, option, ""}, "is empty");
  ExpectError({"analyze", kShort0, "--epoch", "9223372036854775808"},
              "--epoch: 9223372036854775808 is no whole number");
  ExpectError({"analyze", kShort0, "--stage", std::string(4097, 'x')}, "--stage: has 4097 bytes, more than 4096");
  ExpectError({"analyze", kShort0, "--fail-on", "never"}, "--fail-on");
  ExpectError({"analyze", kShort0, "--threads", "5000"}, "--threads");
  ExpectError({"analyze", kShort0, "--threshold", "sink=1"}, "--threshold sink=1");
  ExpectError({"analyze", kShort0, "--no-such-option"}, "--no-such-option");
  ExpectError({"render", Write("bad.json", "{"), "-o", Path("a.png")}, "bad.json: JSON ends too early");
  ExpectError({"render", kStats}, "--output");
  ExpectError({"diagnose", Path("missing.json")}, "missing.json");
  ExpectError({"no-such-command"}, "no-such-command");
  ExpectError({}, "needs a command");
}

TEST_F(CommandTest, TruncationAtEveryByteOfTheHeader) {
  const std::string bytes = Read(kShort0);
  for (size_t length = 0; length < 140; length += 3) {
    ExpectError({"analyze", Write("L0.npy", bytes.substr(0, length))}, "L0.npy: ");
  }
}

TEST_F(CommandTest, ControlCharactersOfNamesDoNotReachTheTerminal) {
  const std::string header = std::string("{") + SafetensorsEntry("a\\u001b[31m\\u0007", "F32", {1}, 0, 4) + "}";
  const Outcome outcome = Run({"analyze", Write("a.safetensors", Safetensors(header, "1234"))});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("a?[31m?"), std::string::npos) << outcome.err;
}

TEST_F(CommandTest, FailedWritesAreErrorsAndLeaveNothing) {
  ExpectError({"analyze", kShort0, "-o", Path("no/folder/r.json")}, "No such file or directory");
  ExpectError({"analyze", kShort0, "--png", "/dev/full"}, "/dev/full");
  ExpectError({"render", kStats, "-o", Path("no/a.png")}, "no/a.png");
  const Outcome limited = Run({"analyze", kShort0, "-o", Path("r.json")}, [] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {.rlim_cur = 100, .rlim_max = 100};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(limited.exit_code, 2);
  EXPECT_EQ(NumFiles(), 0u);
}

TEST_F(CommandTest, StandardOutputThatCannotBeWritten) {
  const auto with_stdout = [&](const std::function<void()>& prepare) {
    const Outcome outcome = Run({"analyze", kShort0}, prepare);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_NE(outcome.err.find("cannot write to standard output"), std::string::npos) << outcome.err;
  };
  with_stdout([] { dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO); });
  with_stdout([] { close(STDOUT_FILENO); });
  with_stdout([] {  // a pipe whose reader has gone
    int ends[2];
    if (pipe(ends) != 0) _exit(126);
    close(ends[0]);
    dup2(ends[1], STDOUT_FILENO);
  });
}

TEST_F(CommandTest, HelpAndVersion) {
  EXPECT_EQ(RunOk({"--version"}).out, "attnscope " ATTNSCOPE_VERSION "\n");
  EXPECT_NE(RunOk({"--help"}).out.find("Examples:"), std::string::npos);
  for (const char* command : {"analyze", "merge", "diagnose", "render"}) {
    EXPECT_NE(RunOk({command, "--help"}).out.find("Examples:\n  attnscope " + std::string(command)), std::string::npos);
  }
  EXPECT_NE(RunOk({"analyze", "--help"}).out.find("sink_mass_warning=0.5"), std::string::npos);
  EXPECT_EQ(Run({"--help"}, [] { dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO); }).exit_code, 2);
}

}  // namespace
}  // namespace attnscope::tools
