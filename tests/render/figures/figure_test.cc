// SPDX-License-Identifier: Apache-2.0
//
// The public calls for all figures: what they accept, what they refuse, and that files hold what memory holds.
#include "attnscope/figure.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "attnscope/summary_figure.h"
#include "tests/support/attention_maps.h"
#include "tests/support/key_profiles.h"
#include "tests/support/random_report.h"

namespace attnscope {
namespace {

constexpr FigureKind kKinds[] = {FigureKind::kSummary, FigureKind::kHeads, FigureKind::kHistory};

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Svg(FigureKind kind, const std::vector<Report>& reports, const FigureOptions& options = {}) {
  std::string svg;
  const Status status = RenderFigureSvg(kind, reports, options, &svg);
  EXPECT_TRUE(status.ok()) << status.message();
  return svg;
}

Image Pixels(FigureKind kind, const std::vector<Report>& reports, const FigureOptions& options = {}) {
  Image image;
  const Status status = RenderFigure(kind, reports, options, &image);
  EXPECT_TRUE(status.ok()) << status.message();
  return image;
}

void ExpectRefused(FigureKind kind, const std::vector<Report>& reports, const FigureOptions& options,
                   const std::string& part) {
  Image image;
  image.width = 77;
  std::string svg = "unchanged";
  for (const Status& status :
       {RenderFigure(kind, reports, options, &image), RenderFigureSvg(kind, reports, options, &svg),
        WriteFigure(kind, reports, options, "/no/such/folder/a.png")}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
  EXPECT_EQ(image.width, 77);
  EXPECT_EQ(svg, "unchanged");
}

TEST(RenderFigure, RefusesNumbersOfReportsThatAFigureCannotShow) {
  ExpectRefused(FigureKind::kSummary, {}, {}, "reports holds 0 reports");
  ExpectRefused(FigureKind::kSummary, {Report(), Report()}, {}, "reports holds 2 reports; this figure shows one");
  ExpectRefused(FigureKind::kHeads, {Report(), Report()}, {}, "reports holds 2 reports");
  ExpectRefused(FigureKind::kHistory, {}, {}, "this figure shows one or more");
  std::vector<Report> stages(5);
  for (size_t i = 0; i < stages.size(); ++i) stages[i].stage = "stage " + std::to_string(i);
  ExpectRefused(FigureKind::kHistory, stages, {}, "reports are of 5 stages; a history shows at most 4");
}

void ExpectRefusedOf(FigureKind kind, const FigureData& data, const std::string& part) {
  Image image;
  image.width = 77;
  std::string svg = "unchanged";
  for (const Status& status : {RenderFigureOf(kind, data, {}, &image), RenderFigureSvgOf(kind, data, {}, &svg),
                               WriteFigureOf(kind, data, {}, "/no/such/folder/a.png")}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
  EXPECT_EQ(image.width, 77);
  EXPECT_EQ(svg, "unchanged");
}

TEST(RenderFigure, RefusesDataThatAFigureCannotShow) {
  const std::vector<Report> reports(2);
  std::vector<KeyProfile> profiles = ExampleProfiles(37, 4);
  ExpectRefusedOf(FigureKind::kKeys, {}, "keys holds 0 profiles; this figure shows 1 to 36");
  ExpectRefusedOf(FigureKind::kKeys, {.keys = profiles}, "keys holds 37 profiles; this figure shows 1 to 36");
  profiles.resize(2);
  ExpectRefusedOf(FigureKind::kKeys, {.reports = reports, .keys = profiles},
                  "reports holds 2 reports; this figure shows 0 to 1");
  ExpectRefusedOf(FigureKind::kSummary, {.reports = {reports.data(), 1}, .keys = profiles},
                  "keys holds 2 profiles; this figure shows none");
  profiles[1].layer = 0;
  ExpectRefusedOf(FigureKind::kKeys, {.keys = profiles}, "layers of keys must ascend, but 0 stands before 0");
  profiles[1].layer = 1;
  profiles[1].largest.pop_back();
  ExpectRefusedOf(FigureKind::kKeys, {.keys = profiles}, "keys[1].largest has 3 keys, but .mean has 4");
}

TEST(RenderFigure, RefusesMapsThatAFigureCannotShow) {
  std::vector<AttentionMap> maps = ExampleMaps(2, 2, 4);
  ExpectRefusedOf(FigureKind::kMaps, {}, "maps holds 0 maps; this figure shows 1 to 1024");
  ExpectRefusedOf(FigureKind::kHeads, {.reports = {}, .maps = maps}, "reports holds 0 reports");
  const std::vector<AttentionMap> many(1025);
  ExpectRefusedOf(FigureKind::kMaps, {.maps = many}, "maps holds 1025 maps");
  std::swap(maps[1], maps[2]);
  ExpectRefusedOf(FigureKind::kMaps, {.maps = maps},
                  "maps must ascend by layer and head, but layer 0, head 1 stands behind layer 1, head 0");
  maps[1].cells.pop_back();
  ExpectRefusedOf(FigureKind::kMaps, {.maps = maps}, "maps[1] has 15 cells, rows is 4 and columns is 4");
  maps[1].rows = SIZE_MAX;
  maps[1].columns = 0;
  ExpectRefusedOf(FigureKind::kMaps, {.maps = maps}, "maps[1] has 15 cells");
}

TEST(RenderFigure, RefusesLayersOutOfOrderAndSizesOutOfRange) {
  Report report = WanderingReport(3, 0.3, 1);
  report.layers[2].layer = 1;
  for (const FigureKind kind : kKinds) {
    ExpectRefused(kind, {report}, {}, "reports[0].layers must ascend, but 1 stands before 1");
    ExpectRefused(kind, {Report()}, {.width = 20}, "options.width is 20");
    ExpectRefused(kind, {Report()}, {.scale = std::nan("")}, "options.scale is nan");
  }
}

TEST(RenderFigure, RenderSummaryIsTheSummary) {
  const Report report = WanderingReport(12, 0.3, 1);
  Image image;
  ASSERT_TRUE(RenderSummary(report, {.width = 800, .height = 600}, &image).ok());
  EXPECT_EQ(image.rgb, Pixels(FigureKind::kSummary, {report}, {.width = 800, .height = 600}).rgb);
}

TEST(RenderFigure, OptionsChangeThePicture) {
  for (const FigureKind kind : kKinds) {
    Report report = WanderingReport(12, 0.3, 1);
    report.layers[3].stats.layer[Metric::kMaxRowWeight] = 0.99;
    report.layers[3].stats.heads.assign(2, report.layers[3].stats.layer);
    const std::string usual = Svg(kind, {report});
    EXPECT_EQ(Svg(kind, {report}), usual);
    EXPECT_NE(Svg(kind, {report}, {.dark = true}), usual);
    EXPECT_NE(usual.find("class=\"flag\""), std::string::npos);
    EXPECT_EQ(Svg(kind, {report}, {.plain = true}).find("class=\"flag\""), std::string::npos);
    Thresholds off;
    off.one_hot_max_row_weight_warning = off.one_hot_max_row_weight_critical = std::nan("");
    EXPECT_NE(Svg(kind, {report}, {.thresholds = off}), usual);
  }
}

TEST(RenderFigure, TheBackgroundIsTheThemes) {
  for (const FigureKind kind : kKinds) {
    for (const bool dark : {false, true}) {
      const Image image = Pixels(kind, {WanderingReport(3, 0.3, 1)}, {.width = 400, .height = 300, .dark = dark});
      EXPECT_EQ(image.rgb[0], dark ? 0x15 : 0xFF);
      EXPECT_EQ(image.rgb.back(), dark ? 0x1D : 0xFF);
    }
  }
}

TEST(WriteFigure, TheEndingChoosesTheFormat) {
  const std::vector<Report> reports = {WanderingReport(5, 0.3, 1)};
  const std::string svg_path = testing::TempDir() + "attnscope_figure_test.svg";
  const std::string png_path = testing::TempDir() + "attnscope_figure_test.png";
  for (const FigureKind kind : kKinds) {
    ASSERT_TRUE(WriteFigure(kind, reports, {}, svg_path).ok());
    EXPECT_EQ(Read(svg_path), Svg(kind, reports));
    ASSERT_TRUE(WriteFigure(kind, reports, {.width = 400, .height = 300}, png_path).ok());
    std::vector<uint8_t> png;
    ASSERT_TRUE(EncodePng(Pixels(kind, reports, {.width = 400, .height = 300}), &png).ok());
    EXPECT_EQ(Read(png_path), std::string(png.begin(), png.end()));
  }
  std::remove(svg_path.c_str());
  std::remove(png_path.c_str());
  const Status status = WriteFigure(FigureKind::kSummary, reports, {}, "/no/such/folder/a.svg");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("/no/such/folder/a.svg"), std::string::npos) << status.message();
}

TEST(RenderFigure, HistoryDrawsManyReportsOfManyLayers) {
  std::vector<Report> reports;
  for (uint32_t i = 0; i < 300; ++i) reports.push_back(WanderingReport(100, 0.3, i));
  Pixels(FigureKind::kHistory, reports, {.width = 1000, .height = 750});
}

TEST(RenderFigure, DrawsAnyReports) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::vector<Report> reports;
    for (uint32_t i = 0; i < 5; ++i) reports.push_back(AbsurdReport(5 * seed + i, 2));
    for (LayerReport& layer : reports[0].layers) layer.stats.heads.assign(7, layer.stats.layer);
    const FigureOptions options = {.width = 600, .height = 450, .scale = seed % 2 == 0 ? 1.0 : 0.37};
    Pixels(FigureKind::kHistory, reports, options);
    Pixels(FigureKind::kHeads, {reports[0]}, options);
  }
}

}  // namespace
}  // namespace attnscope
