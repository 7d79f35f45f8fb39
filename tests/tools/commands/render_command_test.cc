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
  RunOk({"analyze", kShort0, kShort1, "--per-head", "-o", Path("heads.json")});
  RunOk({"render", Path("heads.json"), "--figure", "heads", "-o", Path("heads.svg")});
  EXPECT_NE(Read(Path("heads.svg")).find(">Normalized Entropy</text>"), std::string::npos);
  ExpectError({"render", kStats, "--figure", "heads", "-o", Path("a.png")}, "analyze --per-head");
  ExpectError({"render", Path("heads.json"), Path("heads.json"), "-o", Path("a.png")},
              "--figure summary shows one report, but 2 are given");
  EXPECT_FALSE(std::filesystem::exists(Path("a.png")));
}

TEST_F(CommandTest, RenderHistoryOfFilesAndOfJsonLines) {
  const auto line = [](int step, double entropy) {
    return R"({"attention_stats": {"0": {"entropy": )" + std::to_string(entropy) + R"(}}, "step": )" +
           std::to_string(step) + "}";
  };
  const std::string a = Write("a.json", line(10, 3.0));
  const std::string b = Write("b.json", "{\n  \"attention_stats\": {\"0\": {\"entropy\": 2.0}},\n  \"step\": 20\n}\n");
  const std::string both = Write("both.jsonl", "\n" + line(10, 3.0) + "\r\n\n" + line(20, 2.0));
  RunOk({"render", b, a, "--figure", "history", "-o", Path("files.svg")});
  RunOk({"render", both, "--figure", "history", "-o", Path("lines.svg")});
  const std::string svg = Read(Path("lines.svg"));
  EXPECT_EQ(Read(Path("files.svg")), svg) << "the order of files does not matter";
  EXPECT_NE(svg.find(">Step</text>"), std::string::npos);
  EXPECT_NE(svg.find(">Step 20: no findings</text>"), std::string::npos);
  ExpectError({"render", Write("bad.jsonl", line(1, 1.0) + "\n" + line(2, 2.0) + "\n{\"attention_st"), "--figure",
               "history", "-o", Path("c.png")},
              "bad.jsonl, line 3: ");
  ExpectError({"render", both, "-o", Path("c.png")}, "2 are given");
  ExpectError({"render", a, Path("missing.json"), "--figure", "history", "-o", Path("c.png")}, "missing.json");
  EXPECT_FALSE(std::filesystem::exists(Path("c.png")));
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
