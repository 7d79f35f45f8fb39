// SPDX-License-Identifier: Apache-2.0
#include "render/figures/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attnscope/figure.h"
#include "tests/support/figure_checks.h"
#include "tests/support/random_report.h"

namespace attnscope::render {
namespace {

// Layer l has entropy 3 + 0.1 l at every time; in the last layer max row weight collapses from time `collapse` on.
std::vector<Report> Series(int64_t layers, int64_t times, int64_t collapse) {
  std::vector<Report> reports;
  for (int64_t t = 0; t < times; ++t) {
    Report& report = reports.emplace_back();
    report.epoch = t + 1;
    for (int64_t l = 0; l < layers; ++l) {
      MetricValues& values = report.Layer(l).stats.layer;
      values[Metric::kEntropy] = 3.0 + 0.1 * static_cast<double>(l);
      values[Metric::kMaxRowWeight] = l == layers - 1 && t >= collapse ? 0.95 : 0.3;
    }
  }
  return reports;
}

RecordingCanvas Drawn(const std::vector<Report>& reports, const FigureLook& look = {}) {
  RecordingCanvas canvas;
  DrawHistory(reports, look, 2000, 1500, &canvas);
  ExpectTidy(canvas, 2000, 1500);
  return canvas;
}

std::vector<Ink> CurvesOf(const RecordingCanvas& canvas) {
  std::vector<Ink> curves = StructureOf(canvas).inks;
  std::erase_if(curves, [](const Ink& ink) { return ink.part != Part::kCurve; });
  return curves;
}

TEST(History, OneLineForEachLayerAndMetric) {
  const std::vector<Ink> curves = CurvesOf(Drawn(Series(5, 8, 100)));
  ASSERT_EQ(curves.size(), 2U * 5U);
  for (const Ink& curve : curves) EXPECT_EQ(curve.segments.size(), 7U);
  // Deeper layers are lighter; higher entropy is higher up.
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_GT(curves[i].color.green, curves[i - 1].color.green);
    EXPECT_LT(curves[i].segments[0].first.y, curves[i - 1].segments[0].first.y);
  }
}

TEST(History, ShowsWhatIsMeasuredAndNoMore) {
  const RecordingCanvas canvas = Drawn(Series(5, 8, 100));
  EXPECT_EQ(canvas.Count("Attention Entropy"), 1);
  EXPECT_EQ(canvas.Count("Max Row Weight"), 1);
  EXPECT_EQ(canvas.Count("Effective Rank"), 0);
  EXPECT_EQ(canvas.Count("Epoch"), 2);
  EXPECT_EQ(canvas.Count("Epoch 8: no findings"), 1);
}

TEST(History, MarksWhereAVerdictBegan) {
  const RecordingCanvas canvas = Drawn(Series(5, 8, 5));
  EXPECT_EQ(canvas.Count("Epoch 8: critical: one-hot collapse in layer 4: max_row_weight 0.95 is above 0.9"), 1);
  std::vector<Box> rings;
  for (const Ink& ink : StructureOf(canvas).inks) {
    if (ink.part != Part::kRing) continue;
    std::vector<Point> points;
    for (const auto& segment : ink.segments) points.push_back(segment.first);
    rings.push_back(BoundsOf(points));
  }
  ASSERT_EQ(rings.size(), 2U) << "in the panels of entropy and of max row weight";
  EXPECT_EQ(canvas.Count("layer 4"), 2);
  // The curve of layer 4 is drawn last, and its sixth point is in the ring.
  const std::vector<Ink> curves = CurvesOf(canvas);
  const Point began = curves[4].segments[5].first;
  EXPECT_NEAR(rings[0].Center().x, began.x, 0.1);
  EXPECT_NEAR(rings[0].Center().y, began.y, 0.1);
  const RecordingCanvas plain = Drawn(Series(5, 8, 5), {.plain = true});
  EXPECT_EQ(plain.Count("layer 4"), 0);
}

// Nothing that could be judged is no tidy run.
TEST(History, ReportsWithoutLayersAreNotJudged) {
  EXPECT_EQ(Drawn(std::vector<Report>(2)).Count("Report 2: not judged"), 1);
}

// Training beside validation: a solid and a dashed line for each layer, of one colour.
TEST(History, StagesAreASetOfLinesEach) {
  std::vector<Report> reports = Series(3, 8, 100);
  for (Report& report : reports) report.stage = "train";
  for (size_t t = 1; t < 8; t += 3) {
    reports.push_back(reports[t]);
    reports.back().stage = "val";
    for (LayerReport& layer : reports.back().layers) layer.stats.layer[Metric::kMaxRowWeight] *= 0.9;
  }
  RecordingCanvas canvas = Drawn(reports);
  EXPECT_EQ(canvas.Count("train"), 1);
  EXPECT_EQ(canvas.Count("val"), 1);
  std::vector<Shape> curves;
  std::vector<Color> colors;
  for (const auto& [shape, color] : canvas.shapes) {
    if (shape.part != Part::kCurve) continue;
    curves.push_back(shape);
    colors.push_back(color);
  }
  ASSERT_EQ(curves.size(), 2U * 2U * 3U) << "two panels; what validation has no report of is no gap that is bridged";
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(curves[i].stroke.dash, 0.0);
    EXPECT_GT(curves[i + 3].stroke.dash, 0.0);
    EXPECT_EQ(colors[i], colors[i + 3]) << "the layer's";
  }
  EXPECT_EQ(canvas.Count("Epoch 8, train: no findings"), 1);
  // A verdict of validation alone is said to be so, and marked on its line.
  reports.back().layers[1].stats.layer[Metric::kMaxRowWeight] = 0.95;
  canvas = Drawn(reports);
  EXPECT_EQ(canvas.Count("Epoch 8, val: critical: one-hot collapse in layer 1: max_row_weight 0.95 is above 0.9"), 1);
  EXPECT_EQ(canvas.Count("layer 1, val"), 2);
  ExpectTidy(canvas, 2000, 1500);
  // A stage is another, and so are two that are too many.
  for (const char* stage : {"a", "b", "c"}) {
    reports.push_back(reports[0]);
    reports.back().stage = stage;
  }
  std::string svg;
  EXPECT_EQ(RenderFigureSvg(FigureKind::kHistory, reports, {}, &svg).message(),
            "reports are of 5 stages; a history shows at most 4 beside one another");
  reports.pop_back();
  EXPECT_TRUE(RenderFigureSvg(FigureKind::kHistory, reports, {}, &svg).ok());
}

// The lines of ill layers are drawn last; their rings must follow them.
TEST(History, RingsAreOnTheLineOfTheirLayer) {
  std::vector<Report> reports = Series(5, 8, 100);
  for (size_t t = 3; t < 8; ++t) reports[t].layers[1].stats.layer[Metric::kMaxRowWeight] = 0.85;
  const RecordingCanvas canvas = Drawn(reports);
  EXPECT_EQ(canvas.Count("layer 1"), 2);
  const std::vector<Ink> curves = CurvesOf(canvas);
  const Point began = curves[4].segments[3].first;  // of the entropy of layer 1
  EXPECT_LT(curves[4].color.green, curves[1].color.green) << "drawn after layer 2, and darker";
  const std::vector<Ink> inks = StructureOf(canvas).inks;
  const auto ring = std::find_if(inks.begin(), inks.end(), [](const Ink& ink) { return ink.part == Part::kRing; });
  ASSERT_NE(ring, inks.end());
  std::vector<Point> points;
  for (const auto& segment : ring->segments) points.push_back(segment.first);
  EXPECT_NEAR(BoundsOf(points).Center().x, began.x, 0.1);
  EXPECT_NEAR(BoundsOf(points).Center().y, began.y, 0.1);
}

TEST(History, ThresholdsMoveHealthyRanges) {
  const auto height_of_band = [](const FigureLook& look) {
    for (const auto& [shape, color] : Drawn(Series(5, 8, 100), look).shapes) {
      if (shape.part != Part::kBand) continue;
      Polylines fills;
      Flatten(shape.fill, {}, &fills);
      return BoundsOf(fills.points).Height();
    }
    return 0.0;
  };
  FigureLook look;
  look.thresholds.one_hot_max_row_weight_warning = 0.4;
  EXPECT_NEAR(height_of_band(look) / height_of_band({}), (0.4 - 0.1) / (0.8 - 0.1), 1e-3);
}

TEST(History, OneReportOneLayerAndNothing) {
  EXPECT_EQ(CurvesOf(Drawn(Series(1, 1, 100))).size(), 2U);
  EXPECT_EQ(Drawn({Report()}).Count("not measured"), 1);
}

// A metric of bad numbers has its panel, which says so, and marks.
TEST(History, PanelOfBadNumbersSaysSo) {
  std::vector<Report> reports = Series(2, 3, 100);
  for (Report& report : reports) {
    for (LayerReport& layer : report.layers) {
      layer.stats.layer.SetGivenAsNaN(Metric::kSinkMass);
      layer.stats.layer[Metric::kResidualRatio] = HUGE_VAL;
    }
  }
  const RecordingCanvas canvas = Drawn(reports);
  EXPECT_EQ(canvas.Count("Sink Mass"), 1);
  EXPECT_EQ(canvas.Count("Residual Update Ratio"), 1);
  EXPECT_EQ(canvas.Count("bad numbers only"), 2);
  EXPECT_EQ(canvas.Count("not measured"), 0);
  for (Report& report : reports) {
    for (LayerReport& layer : report.layers) layer.stats.layer.SetGivenAsNaN(Metric::kMaxRowWeight);
  }
  const RecordingCanvas without = Drawn(reports);
  EXPECT_EQ(without.Count("bad numbers only"), 3);
  EXPECT_EQ(without.Count("healthy range"), 0) << "none is drawn";
}

// A long name leaves the others their size; names that begin alike stay apart.
TEST(History, LongNamesOfStagesAreShortened) {
  std::vector<Report> reports = Series(2, 3, 100);
  const std::string begin = "a validation set of ünusual";
  for (const char* const end : {"one", "two"}) {
    for (const Report& report : Series(2, 3, 100)) {
      reports.push_back(report);
      reports.back().stage = begin + std::string(200, 'x') + "number " + end;
    }
  }
  const RecordingCanvas canvas = Drawn(reports);
  EXPECT_EQ(canvas.Count("a validation se…mber one"), 1);
  EXPECT_EQ(canvas.Count("a validation se…mber two"), 1);
  for (const auto& drawn : canvas.texts) {
    if (drawn.style.part == Part::kCaption) {
      EXPECT_GT(drawn.style.size, 8.0) << drawn.text;
    }
  }
}

TEST(History, LayersThatComeAndGoHaveBridges) {
  std::vector<Report> reports = Series(3, 9, 100);
  reports[4].layers.erase(reports[4].layers.begin() + 1);
  const std::vector<Ink> curves = CurvesOf(Drawn(reports));
  EXPECT_EQ(curves[0].segments.size(), 8U);
  EXPECT_EQ(curves[1].segments.size(), 1U);  // the bridge, below its curve
  EXPECT_EQ(curves[2].segments.size(), 6U);
}

std::ptrdiff_t DashedLines(const std::vector<Report>& reports) {
  const RecordingCanvas canvas = Drawn(reports);
  return std::count_if(canvas.shapes.begin(), canvas.shapes.end(), [](const auto& drawn) {
    return drawn.shape.part == Part::kCurve && drawn.shape.stroke.dash > 0.0;
  });
}

// A gap is a report that lacks a layer or a value, never a longer distance.
TEST(History, OnlyWhatIsMissingIsDashed) {
  std::vector<Report> reports = Series(2, 6, 100);
  constexpr int64_t kSteps[] = {0, 50, 100, 200, 400, 10007};
  for (size_t i = 0; i < reports.size(); ++i) reports[i].step = kSteps[i];
  EXPECT_EQ(DashedLines(reports), 0);
  reports[2].layers.pop_back();  // two metrics of one layer
  EXPECT_EQ(DashedLines(reports), 2);
  reports[4].layers[0].stats.layer[Metric::kEntropy] = std::nan("");
  EXPECT_EQ(DashedLines(reports), 3);
}

TEST(History, ManyLayersAreThinLines) {
  const std::vector<Ink> few = CurvesOf(Drawn(Series(5, 8, 100)));
  const std::vector<Ink> many = CurvesOf(Drawn(Series(96, 8, 5)));
  EXPECT_LT(many[0].half_width, 0.7 * few[0].half_width);
  EXPECT_TRUE(many[0].markers.empty());
  EXPECT_EQ(many[95].half_width, few[0].half_width) << "the one with a verdict";
}

}  // namespace
}  // namespace attnscope::render
