// SPDX-License-Identifier: Apache-2.0
//
// attnscope render: figures, formats, themes, and reports from files and JSON lines.
#include <cstdlib>

#include "attnscope/summary_figure.h"
#include "tests/support/command_fixture.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#include <stb_image.h>

namespace attnscope::tools {
namespace {

std::string PixelsOf(const std::string& png) {
  int width = 0;
  int height = 0;
  int channels = 0;
  unsigned char* const pixels = stbi_load_from_memory(reinterpret_cast<const unsigned char*>(png.data()),
                                                      static_cast<int>(png.size()), &width, &height, &channels, 3);
  EXPECT_NE(pixels, nullptr) << stbi_failure_reason();
  if (pixels == nullptr) return "";
  std::string bytes(pixels, pixels + size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height));
  std::free(pixels);
  return bytes;
}

TEST_F(CommandTest, RenderSvgThemesAndPlain) {
  RunOk({"render", kStats, "-o", Path("a.svg")});
  const std::string svg = Read(Path("a.svg"));
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_NE(svg.find(">critical: vanishing layer in layer 6: residual_ratio 0.004 is below 0.01</text>"),
            std::string::npos);
  RunOk({"render", kStats, "-o", Path("plain.svg"), "--plain"});
  EXPECT_EQ(Read(Path("plain.svg")).find("class=\"flag\""), std::string::npos);
  RunOk({"render", kStats, "-o", Path("dark.svg"), "--dark"});
  EXPECT_NE(Read(Path("dark.svg")).find("fill=\"#15181d\""), std::string::npos);
  RunOk({"render", kStats, "-o", Path("lenient.svg"), "--threshold", "vanishing_residual_ratio_critical=nan"});
  EXPECT_EQ(Read(Path("lenient.svg")).find("critical: vanishing layer"), std::string::npos);
  RunOk({"analyze", kShort0, "--png", Path("b.svg")});
  EXPECT_TRUE(Read(Path("b.svg")).starts_with("<svg "));
  ExpectError({"render", kStats, "-o", Path("c.svg"), "--threshold", "nonsense=1"}, "nonsense");
  ExpectError({"render", kStats, "-o", Path("c.svg"), "--figure", "pie"}, "--figure");
  EXPECT_FALSE(std::filesystem::exists(Path("c.svg")));
}

TEST_F(CommandTest, RenderHeads) {
  RunOk({"analyze", kShort0, kShort1, "-o", Path("heads.json")});
  RunOk({"render", Path("heads.json"), "--figure", "heads", "-o", Path("heads.svg")});
  EXPECT_NE(Read(Path("heads.svg")).find(">Normalized Entropy</text>"), std::string::npos);
  ExpectError({"render", kStats, "--figure", "heads", "-o", Path("a.png")},
              "has no heads; reports of attnscope analyze have them");
  ExpectError({"render", Path("heads.json"), Path("heads.json"), "-o", Path("a.png")},
              "--figure summary shows one report, but 2 are given");
  EXPECT_FALSE(std::filesystem::exists(Path("a.png")));
}

TEST_F(CommandTest, AnalyzeDrawsOtherFiguresThanTheSummary) {
  RunOk({"analyze", kShort0, kShort1, "--figure", "heads", "--png", Path("heads.svg"), "-o", Path("heads.json")});
  RunOk({"render", Path("heads.json"), "--figure", "heads", "-o", Path("again.svg")});
  EXPECT_EQ(Read(Path("heads.svg")), Read(Path("again.svg")));
  RunOk({"analyze", kShort0, kShort1, "--figure", "keys", "--png", Path("keys.svg"), "--dark", "--size", "800x600"});
  const std::string keys = Read(Path("keys.svg"));
  EXPECT_NE(keys.find("viewBox=\"0 0 800 600\""), std::string::npos);
  EXPECT_NE(keys.find("fill=\"#15181d\""), std::string::npos);
  EXPECT_NE(keys.find(">Layer 0 - head "), std::string::npos);
  EXPECT_NE(keys.find(">Layer 1 - head "), std::string::npos);
  EXPECT_NE(keys.find(">mean over heads</text>"), std::string::npos);
  RunOk({"analyze", kShort0, kShort1, "--figure", "keys", "--show-layers", "1", "--png", Path("one.svg")});
  EXPECT_EQ(Read(Path("one.svg")).find(">Layer 0 "), std::string::npos);
  RunOk({"analyze", kShort0, "--figure", "keys", "--png", Path("logs/")});
  EXPECT_TRUE(std::filesystem::exists(Path("logs/val_transformer_diagnostics/keys.png")));
}

TEST_F(CommandTest, AnalyzeDrawsMaps) {
  RunOk({"analyze", kShort0, kShort1, "--figure", "maps", "--png", Path("maps.svg")});
  const std::string maps = Read(Path("maps.svg"));
  size_t pictures = 0;
  for (size_t at = 0; (at = maps.find("<image ", at)) != std::string::npos; ++at) ++pictures;
  EXPECT_EQ(pictures, 8u);
  RunOk({"analyze", "--qk", DataFile("use_short", 0, "q"), DataFile("use_short", 0, "k"), "--figure", "maps",
         "--show-heads", "0-1", "--causal", "--png", Path("two.svg")});
  const std::string two = Read(Path("two.svg"));
  EXPECT_NE(two.find(">hidden</text>"), std::string::npos);
  EXPECT_EQ(maps.find(">hidden</text>"), std::string::npos);
  RunOk({"analyze", kShort0, "--figure", "maps", "--png", Path("maps.png"), "--threads", "2"});
  EXPECT_TRUE(Read(Path("maps.png")).starts_with("\x89PNG"));
}

TEST_F(CommandTest, FiguresThatAnalyzeCannotDraw) {
  const auto expect = [this](std::vector<std::string> arguments, const std::string& message) {
    arguments.insert(arguments.begin(), {"analyze", kShort0, "--png", Path("a.png")});
    ExpectError(arguments, message);
    EXPECT_FALSE(std::filesystem::exists(Path("a.png")));
  };
  expect({"--figure", "history"}, "--figure");
  expect({"--figure", "keys", "--show-layers", "5"}, "--show-layers chooses none of the layers 0");
  expect({"--figure", "keys", "--show-layers", "x"}, "--show-layers x: needs numbers");
  expect({"--show-layers", "0"}, "--show-layers needs --figure keys or maps");
  expect({"--figure", "keys", "--show-heads", "0"}, "--show-heads needs --figure maps");
  expect({"--figure", "maps", "--show-heads", "9"}, "--show-heads chooses none of the heads 0, 1, 2, 3");
  expect({"--figure", "maps", "--share", "0/2", "--state-out", Path("a.state")},
         "--figure maps cannot go with --share");
  expect({"--figure", "keys", "--share", "0/2", "--state-out", Path("a.state")},
         "--figure keys cannot go with --share");
  expect({"--figure", "keys", "--rows", "0/38", "--state-out", Path("a.state")}, "--figure keys cannot go with --rows");
  expect({"--figure", "heads", "--mean-matrix"}, "--figure heads cannot go with --mean-matrix");
  expect({"--size", "20"}, "--size 20: needs WIDTHxHEIGHT");
  ExpectError({"analyze", kShort0, "--figure", "keys"}, "--figure keys needs --png");
  ExpectError({"render", kStats, "--figure", "keys", "-o", Path("a.png")}, "--figure keys is of attention itself");
  ExpectError({"analyze", "--residual", DataFile("use_short", 0, "resid_in"), DataFile("use_short", 0, "resid_out"),
               "--figure", "keys", "--png", Path("a.png")},
              "the files hold no attention that could be drawn");
  EXPECT_FALSE(std::filesystem::exists(Path("a.png")));
}

TEST_F(CommandTest, RenderHistoryOfFilesAndOfJsonLines) {
  const auto line = [](int step, double entropy) {
    return R"({"attention_stats": {"0": {"max_row_weight": 0.2, "entropy": )" + std::to_string(entropy) +
           R"(}}, "step": )" + std::to_string(step) + "}";
  };
  const std::string a = Write("a.json", line(10, 3.0));
  const std::string b = Write(
      "b.json", "{\n  \"attention_stats\": {\"0\": {\"max_row_weight\": 0.2, \"entropy\": 2.0}},\n  \"step\": 20\n}\n");
  const std::string both = Write("both.jsonl", "\n" + line(10, 3.0) + "\r\n\n" + line(20, 2.0));
  RunOk({"render", b, a, "--figure", "history", "-o", Path("files.svg")});
  RunOk({"render", both, "--figure", "history", "-o", Path("lines.svg")});
  const std::string svg = Read(Path("lines.svg"));
  EXPECT_EQ(Read(Path("files.svg")), svg) << "the order of files does not matter";
  EXPECT_NE(svg.find(">Step</text>"), std::string::npos);
  EXPECT_NE(svg.find(">Step 20: no findings</text>"), std::string::npos);
  ExpectError({"render", Write("bad.jsonl", line(1, 1.0) + "\n" + line(2, 2.0) + "\n{\"attention_stats\": 1}"),
               "--figure", "history", "-o", Path("c.png")},
              "bad.jsonl, line 3: ");
  ExpectError({"render", both, "-o", Path("c.png")}, "2 are given");
  ExpectError({"render", a, Path("missing.json"), "--figure", "history", "-o", Path("c.png")}, "missing.json");
  EXPECT_FALSE(std::filesystem::exists(Path("c.png")));
}

// What real logs are like: each is drawn as the log without what is told to be left out.
TEST_F(CommandTest, LogsThatAreNotWhole) {
  const auto line = [](int step) {
    return R"({"attention_stats": {"0": {"entropy": )" + std::to_string(3.0 - 0.001 * step) + R"(}}, "step": )" +
           std::to_string(step) + "}\n";
  };
  const std::string whole = line(100) + line(200);
  const auto picture = [&](const std::string& log, const std::string& note) {
    const std::string path = Write("log.jsonl", log);
    const Outcome outcome = Run({"render", path, "--figure", "history", "-o", Path("log.svg")});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, note.empty() ? "" : "attnscope: note: " + path + ": left out " + note + "\n");
    return Read(Path("log.svg"));
  };
  const std::string expected = picture(whole, "");
  EXPECT_EQ(picture("\xEF\xBB\xBF" + whole, ""), expected);
  EXPECT_EQ(picture(whole + line(300).substr(0, 30), "line 3, torn, or no JSON object"), expected);
  EXPECT_EQ(picture(whole + std::string(64, '\0'), "line 3, torn, or no JSON object"), expected);
  EXPECT_EQ(picture("{\"lr\": 1}\n" + whole, "line 1, without \"attention_stats\""), expected);
  EXPECT_EQ(picture("{\"loss\": 1}\n" + line(100) + "{\"loss\": 2}\r\n" + line(200),
                    "2 lines 1, 3, without \"attention_stats\""),
            expected);
  ExpectError({"render", Write("none.jsonl", "{\"loss\": 1}\n{\"loss\": 2}\n"), "--figure", "history", "-o", Path("x")},
              "none.jsonl: no line is a report, which needs the key \"attention_stats\"");
  ExpectError(
      {"render", Write("list.json", "[" + line(1) + "," + line(2) + "]"), "--figure", "history", "-o", Path("x")},
      "a report must be an object");
  ExpectError({"render", Write("utf16.json", "\xFF\xFE{"), "-o", Path("x")}, "JSON is UTF-16; save it as UTF-8");

  const std::string resumed = Write("resumed.jsonl", line(100) + line(300) + line(400) + line(200) + line(300));
  const std::string clean = Write("clean.jsonl", line(100) + line(200) + line(300) + line(400));
  RunOk({"render", clean, "--figure", "history", "-o", Path("clean.svg")});
  const Outcome outcome = Run({"render", resumed, "--figure", "history", "-o", Path("resumed.svg")});
  EXPECT_NE(outcome.err.find("note: 1 report of a later report's step left out"), std::string::npos) << outcome.err;
  EXPECT_EQ(Read(Path("resumed.svg")), Read(Path("clean.svg")));
}

TEST_F(CommandTest, AHistoryHasASetOfLinesForEachStage) {
  std::string both;
  std::string train;
  for (int epoch = 1; epoch <= 4; ++epoch) {
    for (const char* stage : {"train", "val"}) {
      const std::string line = R"({"attention_stats": {"0": {"entropy": )" + std::to_string(epoch) +
                               R"(.5}}, "epoch": )" + std::to_string(epoch) + R"(.0, "stage": ")" + stage + "\"}\n";
      both += line;
      if (stage[0] == 't') train += line;
    }
  }
  const std::string log = Write("both.jsonl", both);
  RunOk({"render", log, "--figure", "history", "-o", Path("a.svg")});
  EXPECT_NE(Read(Path("a.svg")).find(">train<"), std::string::npos);
  EXPECT_NE(Read(Path("a.svg")).find(">val<"), std::string::npos);
  RunOk({"render", log, "--figure", "history", "-o", Path("a.svg"), "--stage", "train"});
  RunOk({"render", Write("train.jsonl", train), "--figure", "history", "-o", Path("b.svg")});
  EXPECT_EQ(Read(Path("a.svg")), Read(Path("b.svg")));
  ExpectError({"render", log, "--figure", "history", "-o", Path("a.svg"), "--stage", "test"},
              "no report is of --stage");
}

TEST_F(CommandTest, DiagnoseReadsTheLastReportOfJsonLines) {
  const std::string log = Write("log.jsonl",
                                "{\"lr\": 1}\n"
                                "{\"attention_stats\": {\"0\": {\"max_row_weight\": 0.2}}, \"step\": 1}\n"
                                "{\"attention_stats\": {\"0\": {\"max_row_weight\": 0.99}}, \"step\": 2}\n");
  const Outcome outcome = Run({"diagnose", log, "--fail-on", "critical"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_NE(outcome.err.find("has 2 reports; the last is taken, of step 2"), std::string::npos) << outcome.err;
}

// Of several stages the last report of the one that is asked for; what the last one does not have is said.
TEST_F(CommandTest, DiagnoseChoosesAStage) {
  const auto line = [](const std::string& layers, const std::string& rest) {
    return "{\"attention_stats\": {" + layers + "}" + rest + "}\n";
  };
  const std::string healthy = R"("0": {"max_row_weight": 0.2})";
  const std::string ill = R"("0": {"max_row_weight": 0.99})";
  const std::string log = Write("log.jsonl", line(healthy, R"(, "step": 1, "stage": "train")") +
                                                 line(ill, R"(, "step": 1, "stage": "val")") +
                                                 line(healthy, R"(, "step": 2, "stage": "train")"));
  Outcome outcome = Run({"diagnose", log, "--fail-on", "critical"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.err.find("has 3 reports; the last is taken, of stage train and step 2\n"), std::string::npos)
      << outcome.err;
  EXPECT_EQ(Run({"diagnose", log, "--fail-on", "critical", "--stage", "val"}).exit_code, 1);
  ExpectError({"diagnose", log, "--stage", "test"}, "no report is of --stage test");
  const std::string parts = Write("parts.jsonl", line(healthy, "") + line(R"("1": {"max_row_weight": 0.2})", ""));
  outcome = Run({"diagnose", parts});
  EXPECT_NE(outcome.err.find("the last is taken; it lacks layer 0, which others of its stage have"), std::string::npos)
      << outcome.err;
  ExpectError({"diagnose", Write("log.gz", "\x1F\x8B\b")}, "is compressed by gzip; unpack it first");
}

// A trainer that logs a line for each layer, and null where it measured nothing.
TEST_F(CommandTest, LinesThatArePartsOfAReport) {
  std::string log = "{\"step\": 0, \"attention_stats\": null}\n";
  for (const char* step : {"1", "2"}) {
    for (const char* layer : {"0", "1", "2"}) {
      log += std::string("{\"attention_stats\": {\"") + layer + "\": {\"max_row_weight\": 0." + step + layer +
             "}}, \"step\": " + step + "}\n";
    }
  }
  const std::string path = Write("parts.jsonl", log);
  const Outcome outcome = Run({"diagnose", path});
  EXPECT_EQ(outcome.err, "attnscope: note: " + path + ": left out line 1, without \"attention_stats\"\n" +
                             "attnscope: note: " + path + ": 4 reports have other layers than one of the same stage " +
                             "and time, and are joined with it\nattnscope: note: " + path +
                             " has 2 reports; the last is taken, of step 2\n");
  EXPECT_NE(outcome.out.find("0.200"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("0.220"), std::string::npos) << outcome.out;
}

// As Weights & Biases flattens what is logged.
TEST_F(CommandTest, FlattenedLogsAreRead) {
  const std::string log = Write("wandb.jsonl",
                                "{\"_step\": 1, \"loss\": 2}\n"
                                "{\"_step\": 1, \"attention_stats/3/max_row_weight\": 0.2}\n"
                                "{\"_step\": 2, \"attention_stats/3/max_row_weight\": 0.99,"
                                " \"attention_stats/3/Entropy\": 1}\n");
  const Outcome outcome = Run({"diagnose", log, "--fail-on", "critical"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_NE(outcome.err.find("the last is taken, of step 2"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("no metric is called so there: attention_stats.Entropy"), std::string::npos)
      << outcome.err;
}

// A page over time leaves out what a picture leaves out, and says so.
TEST_F(CommandTest, PagesOverTimeSayWhatTheyLeaveOut) {
  const std::string stats = R"({"attention_stats": {"0": {"max_row_weight": 0.2}})";
  const std::string log = Write("log.jsonl", stats + ", \"step\": 1}\n" + stats + ", \"step\": 2}\n" + stats + "}\n");
  const std::string picture = Run({"render", log, "--figure", "history", "-o", Path("a.svg")}).err;
  EXPECT_NE(picture.find("without step left out"), std::string::npos) << picture;
  EXPECT_EQ(Run({"render", log, "--html", Path("a.html")}).err, picture);
  EXPECT_EQ(Run({"render", log, "--figure", "history", "-o", Path("a.svg"), "--html", Path("a.html")}).err, picture);
  std::string lines;
  for (const char stage : {'a', 'b', 'c', 'd', 'e'}) lines += stats + ", \"stage\": \"" + stage + "\"}\n";
  const std::string stages = Write("stages.jsonl", lines);
  ExpectError({"render", stages, "--html", Path("b.html")}, "at most 4 beside one another, or that of --stage");
  RunOk({"render", stages, "--html", Path("b.html"), "--stage", "c"});
}

// A misspelt metric is not measured: its name is said, where it would otherwise look healthy.
TEST_F(CommandTest, NamesOfNoMetricAreSaid) {
  const std::string stats = R"({"attention_stats": {"0": {"max_row_weight": 0.2, "Entropy": 0.1}},)"
                            R"( "residual_norms": {"0": 0.001}, "loss": {"lm": 3}, "lr": 0.1})";
  const std::string said = ": not read, as no metric is called so there: attention_stats.Entropy, residual_norms\n";
  const std::string log = Write("log.json", stats);
  EXPECT_EQ(Run({"diagnose", log}).err, "attnscope: note: " + log + said);
  const std::string lines = Write("log.jsonl", stats + "\n" + stats + "\n");
  const std::string err = Run({"render", lines, "--figure", "history", "-o", Path("h.svg")}).err;
  EXPECT_NE(err.find(lines + said), std::string::npos) << err;
  // What analyze writes has none.
  EXPECT_EQ(Run({"diagnose", kStats}).err, "");
}

// A metric's name at a wrong place: the right one is said.
TEST_F(CommandTest, NamesOfMetricsOfOtherPlacesAreSaid) {
  const std::string log =
      Write("log.json", R"({"attention_stats": {"0": {"max_row_weight": 0.2, "max_logit": 900, "residual_ratio": 1}},)"
                        R"( "residual_ratio": {"0": 0.001}, "entropy": {"0": 3}})");
  EXPECT_EQ(Run({"diagnose", log}).err,
            "attnscope: note: " + log +
                ": not read, as no metric is called so there: "
                "attention_stats.max_logit (it is to be qk_logit_stats.LAYER.max_logit), "
                "attention_stats.residual_ratio (it is to be residual_ratios), "
                "entropy (it is to be attention_stats.LAYER.entropy), residual_ratio (it is to be residual_ratios)\n");
}

TEST_F(CommandTest, KeysAreAtLeastOne) {
  for (const char* const keys : {"0", "-1"}) {
    ExpectError({"diagnose", kStats, "--keys", keys}, std::string("--keys: ") + keys + " is below 1");
  }
}

TEST_F(CommandTest, PngFilesHaveThePixelsOfTheLibrary) {
  RunOk({"render", kStats, "-o", Path("a.png"), "--size", "400x300"});
  Report report = Parse(Read(kStats));
  Image image;
  ASSERT_TRUE(RenderSummary(report, {.width = 400, .height = 300}, &image).ok());
  std::vector<uint8_t> png;
  ASSERT_TRUE(EncodePng(image, &png).ok());
  EXPECT_EQ(PixelsOf(Read(Path("a.png"))), PixelsOf(std::string(png.begin(), png.end())));
  EXPECT_LT(Read(Path("a.png")).size(), png.size()) << "libdeflate's are smaller";
}

}  // namespace
}  // namespace attnscope::tools
