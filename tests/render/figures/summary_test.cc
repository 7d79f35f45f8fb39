// SPDX-License-Identifier: Apache-2.0
//
// The structure of the six-panel picture: what is drawn, and that nothing lies on anything it should not.
#include "render/figures/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/report.h"
#include "tests/support/example_report.h"
#include "tests/support/figure_checks.h"
#include "tests/support/random_report.h"
#include "tests/support/recording_canvas.h"

namespace attnscope::render {
namespace {

RecordingCanvas Drawn(const Report& report, double width = 2000.0, double height = 1500.0,
                      const FigureLook& look = {}) {
  RecordingCanvas canvas;
  DrawSummary(report, look, width, height, &canvas);
  return canvas;
}

const Ink& CurveOf(const Structure& structure, Color color) {
  // The last one: a dashed bridge of the same colour is drawn before its curve.
  const Ink* found = nullptr;
  for (const Ink& ink : structure.inks) {
    if (ink.part != Part::kCurve || ink.color != color) continue;
    if (found == nullptr || ink.segments.size() + ink.markers.size() > 2) found = &ink;
  }
  EXPECT_NE(found, nullptr);
  return *found;
}

// Marks whose centre is in the box.
size_t FlagsIn(const RecordingCanvas& canvas, const Box& box = {0.0, 0.0, 2000.0, 1500.0}) {
  size_t count = 0;
  for (const auto& drawn : canvas.shapes) {
    if (drawn.shape.part != Part::kFlag) continue;
    Polylines lines;
    Flatten(drawn.shape.fill.empty() ? drawn.shape.line : drawn.shape.fill, {}, &lines);
    const Point at = BoundsOf(lines.points).Center();
    if (at.x > box.left && at.x < box.right && at.y > box.top && at.y < box.bottom) ++count;
  }
  return count;
}

// Every rule that holds for every picture.
void ExpectTidySummary(const RecordingCanvas& canvas, double width, double height) {
  ExpectTidy(canvas, width, height);
  EXPECT_EQ(StructureOf(canvas).legends.size(),
            6U - static_cast<size_t>(canvas.Count("not measured") + canvas.Count("bad numbers only")));
}

TEST(Summary, ExampleReportHasAllItsTexts) {
  const RecordingCanvas canvas = Drawn(ExampleReport());
  for (const char* text :
       {"Transformer Attention Diagnostics - Epoch 10", "Attention Entropy per Layer",
        "Attention Concentration (Effective Rank)", "Top-K Attention Concentration",
        "Max Row Weight (One-Hot Detection)", "Column Concentration (Sink Collapse Detection)",
        "Residual Update Ratio (Layer Health)", "Entropy (nats)", "Effective Rank (# effective positions)",
        "Fraction of Attention Mass", "Max Attention Weight", "Column Entropy (nats)", "Update Ratio (||Δx|| / ||x||)",
        "Attention Entropy", "Effective Rank", "Top-5 Mass", "Top-10 Mass", "Top-50 Mass", "Max Row Weight",
        "Column Entropy", "Residual Update Ratio", "Healthy Lower Bound", "Healthy Upper Bound",
        // Values of the first and the last layer, and of an extreme, of each labelled panel.
        "4.61", "2.21", "0.31", "121.3", "12.1", "1.5", "0.041", "0.381", "0.922", "1.620", "0.350", "0.004"}) {
    EXPECT_EQ(canvas.Count(text), 1) << text;
  }
  EXPECT_EQ(canvas.Count("Max Column Sum"), 2);  // legend and axis
  EXPECT_EQ(canvas.Count("Transformer Layer"), 6);
  EXPECT_EQ(canvas.Count("7"), 6);
}

// Masses of other k: those that have a colour of their own keep it, the others take what is left; three at most.
TEST(Summary, TopMassesOfAnyK) {
  struct Case {
    std::vector<size_t> k;
    std::vector<size_t> drawn;
    std::vector<Color> colors;
  };
  const DataColors colors;
  for (const Case& c : {Case{{1, 5, 128}, {1, 5, 128}, {colors.top10, colors.top5, colors.top50}},
                        Case{{1, 2, 3, 4}, {1, 2, 3}, {colors.top5, colors.top10, colors.top50}},
                        Case{{1, 5, 10, 50, 64}, {5, 10, 50}, {colors.top5, colors.top10, colors.top50}},
                        Case{{50}, {50}, {colors.top50}}, Case{{10, 1024}, {10, 1024}, {colors.top10, colors.top5}}}) {
    Report report = ExampleReport();
    for (LayerReport& layer : report.layers) {
      for (const Metric usual : {Metric::kTop5, Metric::kTop10, Metric::kTop50}) {
        layer.stats.layer[usual] = std::numeric_limits<double>::quiet_NaN();
      }
      for (size_t i = 0; i < c.k.size(); ++i) {
        layer.stats.layer[TopMass(c.k[i])] = 0.1 * static_cast<double>(i + 1) + 0.01 * static_cast<double>(layer.layer);
      }
    }
    const RecordingCanvas canvas = Drawn(report);
    ExpectTidySummary(canvas, 2000.0, 1500.0);
    const Structure structure = StructureOf(canvas);
    for (size_t i = 0; i < c.drawn.size(); ++i) {
      EXPECT_EQ(canvas.Count("Top-" + std::to_string(c.drawn[i]) + " Mass"), 1) << c.drawn[i];
      EXPECT_EQ(CurveOf(structure, c.colors[i]).segments.size(), 7U) << c.drawn[i];
    }
    for (const size_t k : c.k) {
      const bool drawn = std::find(c.drawn.begin(), c.drawn.end(), k) != c.drawn.end();
      EXPECT_EQ(canvas.Count("Top-" + std::to_string(k) + " Mass"), drawn ? 1 : 0) << k;
    }
  }
}

TEST(Summary, ExampleReportLabelsEveryPoint) {
  const RecordingCanvas canvas = Drawn(ExampleReport());
  const auto labels = std::count_if(canvas.texts.begin(), canvas.texts.end(), [](const auto& drawn) {
    return drawn.style.face == Face::kBold && drawn.style.size < 13.0;
  });
  EXPECT_EQ(labels, 4 * 8);
}

TEST(Summary, CurvesAreWhereTheirTicksSay) {
  const Report report = ExampleReport();
  const RecordingCanvas canvas = Drawn(report);
  const auto height_of = [&](std::string_view label) {
    const auto tick = std::find_if(canvas.texts.begin(), canvas.texts.end(), [&](const auto& drawn) {
      return drawn.text == label && drawn.style.align == Align::kLeft;
    });
    EXPECT_NE(tick, canvas.texts.end()) << label;
    return tick->box.Center().y;
  };
  const double at_0 = height_of("0");
  const double at_300 = height_of("300");
  const Structure structure = StructureOf(canvas);
  const Ink& curve = CurveOf(structure, Rgb(0x4A9C60));
  ASSERT_EQ(curve.segments.size(), 7U);
  for (size_t i = 0; i < 7; ++i) {
    const double value = report.layers[i].stats.layer[Metric::kMaxColSum];
    EXPECT_NEAR(curve.segments[i].first.y, at_0 + (at_300 - at_0) * value / 300.0, 0.5) << i;
  }
}

TEST(Summary, WithoutEpochTheTitleHasNone) {
  Report report = ExampleReport();
  report.epoch.reset();
  EXPECT_EQ(Drawn(report).Count("Transformer Attention Diagnostics"), 1);
}

TEST(Summary, EmptyReportSaysSo) {
  const RecordingCanvas canvas = Drawn({});
  EXPECT_EQ(canvas.Count("not measured"), 6);
  EXPECT_EQ(canvas.Count("not judged"), 1) << "as diagnose says of it";
  EXPECT_TRUE(StructureOf(canvas).inks.empty());
  ExpectTidySummary(canvas, 2000, 1500);
}

TEST(Summary, MissingPanelSaysSo) {
  Report report = ExampleReport();
  for (LayerReport& layer : report.layers) layer.stats.layer[Metric::kResidualRatio] = std::nan("");
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("not measured"), 1);
  EXPECT_EQ(canvas.Count("Healthy Lower Bound"), 0);
}

TEST(Summary, MissingCurveSaysSoInTheLegend) {
  Report report = ExampleReport();
  for (LayerReport& layer : report.layers) layer.stats.layer[Metric::kMaxColSum] = std::nan("");
  EXPECT_EQ(Drawn(report).Count("Max Column Sum (not measured)"), 1);
}

// What was given and is no number is none that was not measured.
TEST(Summary, PanelOfBadNumbersSaysSo) {
  Report report = ExampleReport();
  for (LayerReport& layer : report.layers) {
    layer.stats.layer.SetGivenAsNaN(Metric::kEntropy);
    layer.stats.layer[Metric::kMaxColSum] = HUGE_VAL;
    layer.stats.layer[Metric::kResidualRatio] = std::nan("");
    layer.stats.layer[Metric::kInfiniteResiduals] = 1.0;
  }
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("bad numbers only"), 2) << "entropy and residual ratio";
  EXPECT_EQ(canvas.Count("Max Column Sum (bad numbers only)"), 1);
  EXPECT_EQ(canvas.Count("not measured"), 0);
  // Each layer has its mark, also where nothing is drawn: six panels, and a few in the caption.
  EXPECT_GE(FlagsIn(canvas), 6U * report.layers.size());
  ExpectTidySummary(canvas, 2000, 1500);
}

// The mark of a bad number is in the panel that has it.
TEST(Summary, BadNumberIsMarkedWhereItIs) {
  const size_t before = FlagsIn(Drawn(ExampleReport()));
  for (const double value : {-1.0, std::nan("")}) {
    Report report = ExampleReport();
    MetricValues& values = report.layers[2].stats.layer;
    values[Metric::kResidualRatio] = value;
    if (std::isnan(value)) values.SetGivenAsNaN(Metric::kResidualRatio);
    const RecordingCanvas canvas = Drawn(report);
    EXPECT_EQ(FlagsIn(canvas), before + 1) << value;
    // In the lower half of the figure on its right side, where the residual ratio is.
    EXPECT_EQ(FlagsIn(canvas, {1000.0, 1000.0, 2000.0, 1500.0}),
              FlagsIn(Drawn(ExampleReport()), {1000.0, 1000.0, 2000.0, 1500.0}) + 1)
        << value;
  }
}

TEST(Summary, MissingValuesBreakTheCurve) {
  const Color steel = Rgb(0x7191A9);
  for (const double missing : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    Report report = ExampleReport();
    report.layers[3].stats.layer[Metric::kEntropy] = missing;
    const Structure structure = StructureOf(Drawn(report));
    EXPECT_EQ(CurveOf(structure, steel).segments.size(), 5U);  // 0-1-2 and 4-5-6-7
    EXPECT_EQ(CurveOf(structure, steel).markers.size(), 7U);
  }
}

TEST(Summary, PointsThatStandAloneKeepTheirMarker) {
  Report report = ExampleReport();
  for (const size_t i : {1U, 3U}) report.layers[i].stats.layer[Metric::kEntropy] = std::nan("");
  const Structure structure = StructureOf(Drawn(report));
  EXPECT_EQ(CurveOf(structure, Rgb(0x7191A9)).segments.size(), 3U);  // 4-5-6-7
  EXPECT_EQ(CurveOf(structure, Rgb(0x7191A9)).markers.size(), 6U);
}

TEST(Summary, AbsentLayersAreBridgedByADashedLine) {
  Report report = ExampleReport();
  report.layers.erase(report.layers.begin() + 3, report.layers.begin() + 5);
  const RecordingCanvas canvas = Drawn(report);
  const auto dashed = std::count_if(canvas.shapes.begin(), canvas.shapes.end(), [](const auto& drawn) {
    return drawn.color == Rgb(0x7191A9) && drawn.shape.stroke.dash > 0.0;
  });
  EXPECT_EQ(dashed, 1);
  // Every second layer measured is no gap.
  for (size_t i = 0; i < report.layers.size(); ++i) report.layers[i].layer = static_cast<int64_t>(2 * i);
  const RecordingCanvas even = Drawn(report);
  EXPECT_TRUE(std::none_of(even.shapes.begin(), even.shapes.end(), [](const auto& drawn) {
    return drawn.color == Rgb(0x7191A9) && drawn.shape.stroke.dash > 0.0;
  }));
}

TEST(Summary, ManyLayersAreThinnedOut) {
  const RecordingCanvas canvas = Drawn(WanderingReport(128, 0.4, 3));
  const auto labels = std::count_if(canvas.texts.begin(), canvas.texts.end(), [](const auto& drawn) {
    return drawn.style.face == Face::kBold && drawn.style.size < 13.0;
  });
  EXPECT_GE(labels, 4 * 4);
  EXPECT_LE(labels, 4 * 14);
  ExpectTidySummary(canvas, 2000, 1500);
}

TEST(Summary, AnAxisWithoutValuesHasNoNumbers) {
  Report report = ExampleReport();
  const auto right_labels = [](const RecordingCanvas& canvas) {
    return std::count_if(canvas.texts.begin(), canvas.texts.end(), [](const auto& drawn) {
      return drawn.style.part == Part::kTickLabel && drawn.style.align == Align::kLeft;
    });
  };
  EXPECT_GE(right_labels(Drawn(report)), 3);
  for (LayerReport& layer : report.layers) layer.stats.layer[Metric::kMaxColSum] = std::nan("");
  EXPECT_EQ(right_labels(Drawn(report)), 0);
}

TEST(Summary, TidyForHundredsOfReports) {
  constexpr std::array<std::pair<double, double>, 5> kSizes = {
      {{2000, 1500}, {1200, 900}, {3000, 1200}, {700, 1400}, {400, 300}}};
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const auto [width, height] = kSizes[seed % kSizes.size()];
    SCOPED_TRACE("seed " + std::to_string(seed));
    ExpectTidySummary(Drawn(AbsurdReport(seed, static_cast<int>(seed % 3)), width, height), width, height);
    if (testing::Test::HasFailure()) break;
  }
}

TEST(Summary, TidyAtExtremeSizes) {
  for (const auto& [width, height] :
       {std::pair(400.0, 300.0), std::pair(20000.0, 300.0), std::pair(400.0, 20000.0), std::pair(20000.0, 20000.0)}) {
    SCOPED_TRACE(std::to_string(width) + " x " + std::to_string(height));
    for (const int layers : {1, 8, 96}) {
      ExpectTidySummary(Drawn(WanderingReport(layers, 0.3, 5), width, height), width, height);
    }
  }
}

// Equal values stand in the middle of an axis; on two axes one would hide the other.
TEST(Summary, ConstantCurvesOfTwinAxesStayApart) {
  for (const int64_t layers : {1, 5}) {
    Report report;
    for (int64_t layer = 0; layer < layers; ++layer) {
      MetricValues& values = report.Layer(layer).stats.layer;
      values[Metric::kColEntropy] = 5.5;
      values[Metric::kMaxColSum] = 4.0;
    }
    const std::vector<Ink> inks = StructureOf(Drawn(report)).inks;
    size_t markers = 0;
    for (const Ink& ink : inks) {
      markers += ink.markers.size();
      for (const Ink& other : inks) {
        if (ink.color == other.color) continue;
        for (const Box& marker : ink.markers) {
          for (const Box& another : other.markers) EXPECT_FALSE(marker.Overlaps(another)) << layers << " layers";
        }
      }
    }
    EXPECT_GE(markers, 2 * static_cast<size_t>(layers));
  }
}

}  // namespace
}  // namespace attnscope::render
