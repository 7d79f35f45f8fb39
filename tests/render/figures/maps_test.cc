// SPDX-License-Identifier: Apache-2.0
#include "render/figures/maps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attnscope/figure.h"
#include "render/chart/color_map.h"
#include "tests/support/attention_maps.h"
#include "tests/support/figure_checks.h"

namespace attnscope::render {
namespace {

RecordingCanvas Drawn(const std::vector<AttentionMap>& maps, const Report* report = nullptr,
                      const FigureLook& look = {}, double width = 2000, double height = 1500) {
  RecordingCanvas canvas;
  DrawMaps(maps, report, look, width, height, &canvas);
  ExpectTidy(canvas, width, height);
  return canvas;
}

TEST(Maps, ARowForEachLayerAndAColumnForEachHead) {
  const RecordingCanvas canvas = Drawn(ExampleMaps(3, 4, 128));
  ASSERT_EQ(canvas.cells.size(), 12u);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(canvas.cells[i].cells.rows, 32u);
    if (i % 4 > 0) {
      EXPECT_GT(canvas.cells[i].box.left, canvas.cells[i - 1].box.right);
      EXPECT_EQ(canvas.cells[i].box.top, canvas.cells[i - 1].box.top);
    }
    if (i >= 4) {
      EXPECT_GT(canvas.cells[i].box.top, canvas.cells[i - 4].box.bottom);
    }
  }
  EXPECT_EQ(canvas.Count("Head"), 1);
  EXPECT_EQ(canvas.Count("Transformer Layer"), 1);
  EXPECT_EQ(canvas.Count("queries downwards, keys to the right; 128 x 128"), 1);
}

TEST(Maps, CellsHaveTheColourOfTheirWeight) {
  AttentionMap map = MakeAttentionMap(0, 0, 2, 3);
  map.cells = {1.0f, 0.1f, 0.0f, kHiddenCell, std::nanf(""), 1e-30f};
  const RecordingCanvas canvas = Drawn({map});
  const std::vector<Color>& colors = canvas.cells.at(0).cells.colors;
  // Two powers of ten for three keys.
  EXPECT_EQ(colors[0], ColorMap(kColorMapSteps - 1));
  EXPECT_EQ(colors[1], ColorMap(ColorMapStep(0.5)));
  EXPECT_EQ(colors[2], ColorMap(0));
  EXPECT_EQ(colors[3], Theme{}.missing);
  EXPECT_EQ(colors[4], Theme{}.critical);
  EXPECT_EQ(colors[5], ColorMap(0));
  for (const char* text : {"hidden", "invalid", "1", "10⁻¹", "≤10⁻²"}) EXPECT_EQ(canvas.Count(text), 1) << text;
  map.cells.assign(6, 0.5f);
  const RecordingCanvas plain = Drawn({map});
  EXPECT_EQ(plain.Count("hidden") + plain.Count("invalid"), 0);
}

TEST(Maps, AnEvenShareOfManyKeysIsNotTheLowestColour) {
  for (const size_t keys : {10u, 128u, 2048u, 16384u, 1000000u}) {
    AttentionMap map = MakeAttentionMap(0, 0, 64, keys);
    map.cells.assign(map.cells.size(), 1.0f / static_cast<float>(keys));
    const Color color = Drawn({map}).cells.at(0).cells.colors[0];
    EXPECT_NE(color, ColorMap(0)) << keys;
    EXPECT_NE(color, ColorMap(kColorMapSteps - 1)) << keys;
  }
}

TEST(Maps, HeadsWithVerdictsAreMarked) {
  Report report;
  for (int l = 0; l < 2; ++l) {
    LayerStats& stats = report.Layer(l).stats;
    stats.heads.resize(3);
    for (MetricValues& head : stats.heads) head[Metric::kMaxRowWeight] = 0.2;
  }
  report.layers[1].stats.heads[2][Metric::kMaxRowWeight] = 0.95;
  report.layers[0].stats.heads[0][Metric::kSinkMass] = 0.6;
  const auto flags = [](const RecordingCanvas& canvas) {
    return std::count_if(canvas.shapes.begin(), canvas.shapes.end(),
                         [](const auto& drawn) { return drawn.shape.part == Part::kFlag; });
  };
  const std::vector<AttentionMap> maps = ExampleMaps(2, 3, 100);
  const RecordingCanvas canvas = Drawn(maps, &report);
  EXPECT_EQ(canvas.Count("critical: one-hot collapse in layer 1, head 2: max_row_weight 0.95 is above 0.9"), 1);
  EXPECT_EQ(flags(canvas), 2 * 2 + 2) << "a border and a flag each, and two in the caption";
  EXPECT_EQ(flags(Drawn(maps, &report, {.plain = true})), 0);
  EXPECT_EQ(flags(Drawn(maps)), 0);
}

TEST(Maps, HeadsOfOneLayerStandInSeveralRows) {
  const RecordingCanvas canvas = Drawn(ExampleMaps(1, 32, 64));
  ASSERT_EQ(canvas.cells.size(), 32u);
  EXPECT_GT(canvas.cells[31].box.top, canvas.cells[0].box.bottom);
  EXPECT_GT(canvas.cells[0].box.Width(), 150.0);
  EXPECT_EQ(canvas.Count("layer 0, head 17"), 1);
  EXPECT_EQ(canvas.Count("Head"), 0);
}

TEST(Maps, ChosenLayersAndHeadsKeepTheirNumbers) {
  std::vector<AttentionMap> maps;
  for (const int64_t layer : {3, 70}) {
    for (const int64_t head : {5, 6, 31}) {
      if (layer == 70 && head == 6) continue;  // of a layer that lacks one
      maps.push_back(MakeAttentionMap(layer, head, 40, 40));
    }
  }
  const RecordingCanvas canvas = Drawn(maps);
  for (const char* text : {"3", "70", "5", "6", "31"}) EXPECT_EQ(canvas.Count(text), 1) << text;
  EXPECT_EQ(canvas.cells.size(), 5u);
  EXPECT_EQ(canvas.cells[4].box.left, canvas.cells[2].box.left);
}

TEST(Maps, ShapesAndSizes) {
  Drawn({MakeAttentionMap(0, 0, 0, 0)});
  Drawn({MakeAttentionMap(0, 0, 1, 1)});
  Drawn({MakeAttentionMap(INT64_MIN, -1, 3, 100000), MakeAttentionMap(INT64_MAX, INT64_MAX, 100000, 3)});
  for (const auto& [layers, heads] : {std::pair(1, 1), {2, 4}, {12, 12}, {32, 32}, {1, 64}, {64, 1}, {3, 40}}) {
    for (const auto& [width, height] : {std::pair(2000, 1500), {700, 500}, {400, 300}, {3000, 400}, {400, 3000}}) {
      SCOPED_TRACE(std::to_string(layers) + " x " + std::to_string(heads) + " in " + std::to_string(width) + " x " +
                   std::to_string(height));
      Drawn(ExampleMaps(layers, heads, 64), nullptr, {}, width, height);
    }
  }
}

}  // namespace
}  // namespace attnscope::render
