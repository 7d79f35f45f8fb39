// SPDX-License-Identifier: Apache-2.0
#include "render/chart/legend.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/recording_canvas.h"

namespace attnscope::render {
namespace {

std::vector<LegendEntry> Entries() {
  return {{"Top-5 Mass", Rgb(0x000000), Rgb(0x000000), {.width = 2.0}, Marker::kCircle},
          {"Top-10 Mass", Rgb(0xCC8250), Rgb(0x000000), {.width = 2.0}, Marker::kSquare},
          {"Healthy Upper Bound", Rgb(0xB73C39, 0.5), Rgb(0x8A8A8A), {.width = 2.0, .dash = 6.0, .gap = 3.0}, {}}};
}

void ExpectTextsInside(const Legend& legend) {
  RecordingCanvas canvas;
  legend.Draw({50, 70}, &canvas);
  const Box box = {50, 70, 50 + legend.Width(), 70 + legend.Height()};
  ASSERT_EQ(canvas.texts.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(box.Contains(canvas.texts[i].box)) << canvas.texts[i].text;
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(canvas.texts[i].box.Overlaps(canvas.texts[j].box));
  }
}

TEST(Legend, OneColumn) {
  const Legend legend(Entries(), {}, 1, 1000.0);
  ExpectTextsInside(legend);
  EXPECT_GT(legend.Height(), 50.0);
}

TEST(Legend, ColumnsAsTheyFit) {
  const Legend one(Entries(), {}, 1, 1000.0);
  const Legend three(Entries(), {}, 9, 1000.0);
  const Legend two(Entries(), {}, 9, three.Width() - 1.0);
  EXPECT_LT(three.Height(), two.Height());
  EXPECT_LT(two.Height(), one.Height());
  EXPECT_LT(two.Width(), three.Width());
  EXPECT_EQ(Legend(Entries(), {}, 9, 0.0).Width(), one.Width());
  ExpectTextsInside(two);
  ExpectTextsInside(three);
}

TEST(Legend, ShowsColourMarkerAndDashes) {
  RecordingCanvas canvas;
  Legend(Entries(), {}, 1, 1000.0).Draw({0, 0}, &canvas);
  const auto handle_of = [&](Color color) {
    const auto found = std::find_if(canvas.shapes.begin(), canvas.shapes.end(),
                                    [&](const auto& drawn) { return drawn.color == color; });
    EXPECT_NE(found, canvas.shapes.end());
    return found->shape;
  };
  EXPECT_FALSE(handle_of(Rgb(0xCC8250)).fill.empty());
  EXPECT_TRUE(handle_of(Rgb(0xB73C39, 0.5)).fill.empty());
  EXPECT_EQ(handle_of(Rgb(0xB73C39, 0.5)).stroke.dash, 6.0);
  EXPECT_EQ(canvas.texts[2].style.color, Rgb(0x8A8A8A));
}

TEST(Legend, AnAreaIsAFilledBox) {
  RecordingCanvas canvas;
  Legend({{"Healthy Range", Rgb(0x009E73, 0.1), Rgb(0x000000), {}, {}, true}}, {}, 1, 1000.0).Draw({0, 0}, &canvas);
  const auto& key = canvas.shapes.back().shape;
  EXPECT_EQ(key.part, Part::kLegendKey);
  EXPECT_TRUE(key.line.empty());
  EXPECT_EQ(key.fill.points().size(), 4U);
}

TEST(Legend, EmptyIsEmpty) { EXPECT_TRUE(Legend({}, {}, 1, 100.0).empty()); }

}  // namespace
}  // namespace attnscope::render
