// SPDX-License-Identifier: Apache-2.0
#include "render/figures/heads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "render/chart/color_map.h"
#include "tests/support/figure_checks.h"

namespace attnscope::render {
namespace {

// Head h of layer l has normalized entropy 0.1 (l + 1) + 0.01 h, and half and a quarter of that elsewhere.
Report SmallReport(size_t layers, size_t heads) {
  Report report;
  for (size_t l = 0; l < layers; ++l) {
    LayerStats& stats = report.Layer(static_cast<int64_t>(l)).stats;
    stats.heads.resize(heads);
    for (size_t h = 0; h < heads; ++h) {
      const double value = 0.1 * static_cast<double>(l + 1) + 0.01 * static_cast<double>(h);
      stats.heads[h][Metric::kNormalizedEntropy] = value;
      stats.heads[h][Metric::kMaxRowWeight] = 0.5 * value;
      stats.heads[h][Metric::kSinkMass] = 0.25 * value;
    }
  }
  return report;
}

RecordingCanvas Drawn(const Report& report, const FigureLook& look = {}, double width = 2000, double height = 1500) {
  RecordingCanvas canvas;
  DrawHeads(report, look, width, height, &canvas);
  ExpectTidy(canvas, width, height);
  return canvas;
}

// The colour of the last cell drawn at a point.
Color CellAt(const RecordingCanvas& canvas, Point at) {
  Color color;
  for (const auto& drawn : canvas.shapes) {
    if (drawn.shape.part != Part::kCell) continue;
    Polylines fills;
    Flatten(drawn.shape.fill, {}, &fills);
    for (const Polylines::Contour& contour : fills.contours) {
      if (BoundsOf(fills.PointsOf(contour)).Contains({at.x, at.y, at.x, at.y})) color = drawn.color;
    }
  }
  return color;
}

TEST(Heads, EachCellHasTheColourOfItsValue) {
  const Report report = SmallReport(3, 4);
  const RecordingCanvas canvas = Drawn(report);
  // The values stand in the cells, first map first, row by row.
  std::vector<RecordingCanvas::DrawnText> labels;
  for (const auto& text : canvas.texts) {
    if (text.style.part == Part::kValueLabel) labels.push_back(text);
  }
  ASSERT_EQ(labels.size(), 3U * 12U);
  for (size_t i = 0; i < 12; ++i) {
    const size_t tenths = i / 4 + 1;
    const double value = 0.1 * static_cast<double>(tenths) + 0.01 * static_cast<double>(i % 4);
    EXPECT_EQ(labels[i].text, std::to_string(value).substr(0, 4));
    EXPECT_EQ(CellAt(canvas, labels[i].box.Center()), ColorMap(ColorMapStep(value)));
    EXPECT_EQ(CellAt(canvas, labels[i + 24].box.Center()), ColorMap(ColorMapStep(0.25 * value)));
    // Row 0 is the uppermost, head 0 the leftmost.
    if (i >= 4) {
      EXPECT_GT(labels[i].box.top, labels[i - 4].box.bottom);
    }
    if (i % 4 > 0) {
      EXPECT_GT(labels[i].box.left, labels[i - 1].box.right);
    }
  }
}

TEST(Heads, TextsOfTheFigure) {
  Report report = SmallReport(24, 16);
  report.epoch = 9;
  const RecordingCanvas canvas = Drawn(report);
  for (const char* text :
       {"Transformer Attention by Layer and Head - Epoch 9", "Normalized Entropy", "Max Row Weight", "Sink Mass"}) {
    EXPECT_EQ(canvas.Count(text), 1) << text;
  }
  EXPECT_EQ(canvas.Count("Head"), 3);
  EXPECT_EQ(canvas.Count("Transformer Layer"), 3);
  EXPECT_EQ(canvas.Count("none"), 0) << "nothing is missing";
}

TEST(Heads, CollapsedHeadsAreMarkedAndNamed) {
  Report report = SmallReport(4, 4);
  report.layers[2].stats.heads[1][Metric::kMaxRowWeight] = 0.95;
  report.layers[3].stats.heads[0][Metric::kSinkMass] = 0.6;
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("critical: one-hot collapse in layer 2, head 1: max_row_weight 0.95 is above 0.9"), 1);
  size_t filled = 0;
  size_t hollow = 0;
  for (const auto& drawn : canvas.shapes) {
    if (drawn.shape.part != Part::kFlag) continue;
    (drawn.shape.fill.empty() ? hollow : filled) += 1;
  }
  EXPECT_EQ(filled, 3U) << "in two maps, and in the caption";
  EXPECT_EQ(hollow, 2U) << "in one map, and in the caption";
  const RecordingCanvas plain = Drawn(report, {.plain = true});
  EXPECT_TRUE(std::none_of(plain.shapes.begin(), plain.shapes.end(),
                           [](const auto& drawn) { return drawn.shape.part == Part::kFlag; }));
  EXPECT_EQ(plain.Count("critical: one-hot collapse in layer 2, head 1: max_row_weight 0.95 is above 0.9"), 0);
}

TEST(Heads, MissingValuesHaveTheirOwnColour) {
  Report report = SmallReport(6, 6);
  report.layers[1].stats.heads[2][Metric::kSinkMass] = std::nan("");
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("none"), 1);
  const auto missing = std::count_if(canvas.shapes.begin(), canvas.shapes.end(), [](const auto& drawn) {
    return drawn.shape.part == Part::kCell && drawn.color == Theme{}.missing;
  });
  EXPECT_EQ(missing, 2) << "the cell, and its entry beside the bar";
}

TEST(Heads, WithoutHeadsItSaysSo) {
  EXPECT_EQ(Drawn(SmallReport(3, 0)).Count("not measured"), 3);
  EXPECT_EQ(Drawn({}).Count("not measured"), 3);
}

TEST(Heads, InfinitiesAndHugeValuesAreCutToTheMap) {
  Report report = SmallReport(3, 2);
  report.layers[0].stats.heads[0][Metric::kSinkMass] = HUGE_VAL;
  report.layers[0].stats.heads[1][Metric::kSinkMass] = -1e308;
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("inf"), 1) << "no number that it is not";
  EXPECT_EQ(canvas.Count("−1.0e308"), 1);
}

TEST(Heads, BadNumbersAreNotWhatWasNotMeasured) {
  Report report = SmallReport(2, 2);
  for (LayerReport& layer : report.layers) {
    for (MetricValues& head : layer.stats.heads) head.SetGivenAsNaN(Metric::kNormalizedEntropy);
  }
  report.layers[0].stats.heads[1][Metric::kSinkMass] = std::nan("");
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("NaN"), 4);
  EXPECT_EQ(canvas.Count("not measured"), 0);
  EXPECT_EQ(canvas.Count("none"), 1);
}

TEST(Heads, GapsAndLayersOfDifferentSizes) {
  Report report = SmallReport(9, 8);
  report.layers[3].stats.heads.resize(2);
  report.layers.erase(report.layers.begin() + 5);
  report.layers.back().layer = INT64_MAX;
  Drawn(report);
  Drawn(SmallReport(128, 128));
}

}  // namespace
}  // namespace attnscope::render
