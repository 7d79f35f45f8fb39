// SPDX-License-Identifier: Apache-2.0
#include "render/draw/raster_canvas.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace attnscope::render {
namespace {

Image Blank(int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.assign(3 * static_cast<size_t>(width) * static_cast<size_t>(height), 0xFF);
  return image;
}

std::array<int, 3> At(const Image& image, int x, int y) {
  const size_t i = 3 * (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x));
  return {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]};
}

// Darkness of the whole picture, in black pixels.
double Ink(const Image& image) {
  double ink = 0.0;
  for (const uint8_t byte : image.rgb) ink += (255 - byte) / 765.0;
  return ink;
}

TEST(RasterCanvas, FillsInItsColour) {
  Image image = Blank(10, 10);
  Shape shape;
  shape.fill.AddBox({2, 2, 5, 5});
  RasterCanvas(1.0, &image).Draw(shape, Rgb(0x3978B5));
  EXPECT_EQ(At(image, 3, 3), (std::array<int, 3>{0x39, 0x78, 0xB5}));
  EXPECT_EQ(At(image, 5, 5), (std::array<int, 3>{255, 255, 255}));
}

TEST(RasterCanvas, MixesTranslucentColours) {
  Image image = Blank(10, 10);
  Shape shape;
  shape.fill.AddBox({2, 2, 5, 5.5});
  RasterCanvas canvas(1.0, &image);
  canvas.Draw(shape, Rgb(0x000000, 0.4));
  EXPECT_EQ(At(image, 3, 3)[0], 153);
  EXPECT_EQ(At(image, 3, 5)[0], 204);
  canvas.Draw(shape, Rgb(0xFFFFFF));
  EXPECT_EQ(At(image, 3, 3)[0], 255);
}

TEST(RasterCanvas, LineAndMarkersOfOneShapeArePaintedOnce) {
  Image image = Blank(40, 20);
  Shape shape;
  shape.line.AddPolyline(std::array<Point, 3>{{{5, 10}, {20, 10}, {35, 10}}});
  shape.stroke.width = 4.0;
  shape.fill.AddCircle({20, 10}, 6);
  RasterCanvas(1.0, &image).Draw(shape, Rgb(0x000000, 0.5));
  for (const int x : {8, 17, 20, 23, 30}) EXPECT_EQ(At(image, x, 10)[0], 127) << x;
}

TEST(RasterCanvas, CrispLinesAreWholePixels) {
  for (const double y : {4.0, 4.3, 4.49, 4.9}) {
    Image image = Blank(20, 10);
    Shape shape;
    shape.line.AddPolyline(std::array<Point, 2>{{{2, y}, {18, y}}});
    shape.stroke = {.width = 1.1, .cap = Cap::kButt};
    shape.crisp = true;
    RasterCanvas(1.0, &image).Draw(shape, Rgb(0x000000));
    EXPECT_EQ(At(image, 10, 4)[0], 0) << y;
    EXPECT_EQ(At(image, 10, 3)[0], 255) << y;
    EXPECT_EQ(At(image, 10, 5)[0], 255) << y;
  }
}

TEST(RasterCanvas, ScaleChangesDensityOnly) {
  Image image = Blank(40, 40);
  Shape shape;
  shape.fill.AddBox({2, 2, 5, 5});
  RasterCanvas(4.0, &image).Draw(shape, Rgb(0x000000));
  EXPECT_NEAR(Ink(image), 144.0, 1e-6);
  EXPECT_EQ(At(image, 8, 8)[0], 0);
  EXPECT_EQ(At(image, 19, 19)[0], 0);
}

TEST(RasterCanvas, TextIsWhereItsBoxIs) {
  for (const Align align : {Align::kLeft, Align::kCenter, Align::kRight}) {
    for (const bool upwards : {false, true}) {
      Image image = Blank(200, 200);
      const TextStyle style = {.size = 20.0, .align = align, .upwards = upwards};
      const Box box = TextBox("Entropy", {100, 100}, style);
      RasterCanvas(1.0, &image).DrawText("Entropy", {100, 100}, style);
      EXPECT_GT(Ink(image), 150.0);
      for (int y = 0; y < 200; ++y) {
        for (int x = 0; x < 200; ++x) {
          if (At(image, x, y)[0] == 255) continue;
          EXPECT_TRUE(box.Grown(1.0).Overlaps({x + 0.4, y + 0.4, x + 0.6, y + 0.6})) << x << ", " << y;
        }
      }
    }
  }
}

TEST(RasterCanvas, TurnedTextHasTheSameInk) {
  Image flat = Blank(200, 200);
  Image turned = Blank(200, 200);
  RasterCanvas(1.0, &flat).DrawText("Effective Rank", {20, 100}, {.size = 18.0});
  RasterCanvas(1.0, &turned).DrawText("Effective Rank", {100, 180}, {.size = 18.0, .upwards = true});
  EXPECT_NEAR(Ink(flat), Ink(turned), 0.01 * Ink(flat));
}

TEST(RasterCanvas, WhatIsOutsideIsNotDrawn) {
  Image image = Blank(20, 20);
  RasterCanvas canvas(1.0, &image);
  Shape shape;
  shape.fill.AddBox({-1e7, -1e7, -5, 1e7});
  shape.fill.AddCircle({1e9, 10}, 1e3);
  canvas.Draw(shape, Rgb(0x000000));
  for (const Point at : {Point{-500, 10}, Point{500, 10}, Point{10, -500}, Point{10, 500}}) {
    canvas.DrawText("outside", at, {.size = 12.0});
  }
  EXPECT_EQ(Ink(image), 0.0);
  canvas.DrawText("half", {-10, 12}, {.size = 16.0});
  EXPECT_GT(Ink(image), 10.0);
}

// Two rows of three cells: red, green, blue, then black, white and grey.
CellGrid SixCells() {
  return {2, 3, {Rgb(0xFF0000), Rgb(0x00FF00), Rgb(0x0000FF), Rgb(0x000000), Rgb(0xFFFFFF), Rgb(0x808080)}};
}

TEST(RasterCanvas, CellsFillTheirBox) {
  Image image = Blank(20, 20);
  RasterCanvas(1.0, &image).DrawCells(SixCells(), {2.4, 3.6, 14.3, 11.7});  // to whole pixels: 2, 4, 14, 12
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 20; ++x) {
      std::array<int, 3> expected = {255, 255, 255};
      if (x >= 2 && x < 14 && y >= 4 && y < 12) {
        const Color color = SixCells().colors[static_cast<size_t>((y - 4) / 4 * 3 + (x - 2) / 4)];
        expected = {color.red, color.green, color.blue};
      }
      ASSERT_EQ(At(image, x, y), expected) << x << ", " << y;
    }
  }
}

TEST(RasterCanvas, APixelOfSeveralCellsIsTheirMean) {
  Image image = Blank(4, 4);
  RasterCanvas(0.1, &image).DrawCells(SixCells(), {10, 10, 20, 20});
  // 255 + 0 + 0 + 0 + 255 + 128 over six.
  EXPECT_EQ(At(image, 1, 1), (std::array<int, 3>{106, 106, 106}));
  EXPECT_EQ(At(image, 2, 2), (std::array<int, 3>{255, 255, 255}));
}

TEST(RasterCanvas, CellsBeyondTheImageAreNotDrawn) {
  Image image = Blank(6, 6);
  RasterCanvas(1.0, &image).DrawCells(SixCells(), {-3, -2, 9, 2});
  EXPECT_EQ(At(image, 0, 0), (std::array<int, 3>{0, 0, 0}));
  EXPECT_EQ(At(image, 5, 1), (std::array<int, 3>{128, 128, 128}));
  EXPECT_EQ(At(image, 2, 2), (std::array<int, 3>{255, 255, 255}));
  RasterCanvas(1.0, &image).DrawCells(SixCells(), {30, 30, 40, 40});
  RasterCanvas(1.0, &image).DrawCells(SixCells(), {3, 3, 3, 3});  // at least a pixel
  EXPECT_NE(At(image, 3, 3), (std::array<int, 3>{255, 255, 255}));
}

}  // namespace
}  // namespace attnscope::render
