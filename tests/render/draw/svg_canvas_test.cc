// SPDX-License-Identifier: Apache-2.0
//
// What is drawn on an SVG canvas is what a reader of the document gets back.
#include "render/draw/svg_canvas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/figure.h"
#include "render/chart/number_format.h"
#include "tests/support/svg_reader.h"

namespace attnscope::render {
namespace {

Shape ExampleShape() {
  Shape shape;
  shape.part = Part::kCurve;
  shape.line.AddPolyline(std::array<Point, 3>{{{1.004, 2.006}, {-3.5, 4}, {0.001, 1e4}}});
  shape.stroke = {.width = 2.25, .dash = 3, .gap = 1.5};
  shape.fill.AddCircle({10, 20}, 4);
  return shape;
}

std::vector<uint8_t> FromBase64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count & 0xFF));
  }
  EXPECT_EQ(text.size() % 4, 0U);
  return bytes;
}

void ExpectSamePath(const Path& a, const Path& b) {
  ASSERT_EQ(a.verbs().size(), b.verbs().size());
  EXPECT_TRUE(std::equal(a.verbs().begin(), a.verbs().end(), b.verbs().begin()));
  ASSERT_EQ(a.points().size(), b.points().size());
  for (size_t i = 0; i < a.points().size(); ++i) {
    EXPECT_NEAR(a.points()[i].x, b.points()[i].x, 0.00501);
    EXPECT_NEAR(a.points()[i].y, b.points()[i].y, 0.00501);
  }
}

TEST(SvgCanvas, ShapesComeBack) {
  SvgCanvas svg(400, 300, 1.0, Rgb(0xFFFFFF));
  const Shape shape = ExampleShape();
  svg.Draw(shape, Rgb(0x3978B5, 0.25));
  const RecordingCanvas read = ReadSvg(svg.Document("A title"));
  ASSERT_EQ(read.shapes.size(), 1U);
  ExpectSamePath(read.shapes[0].shape.line, shape.line);
  ExpectSamePath(read.shapes[0].shape.fill, shape.fill);
  EXPECT_EQ(read.shapes[0].color, Rgb(0x3978B5, 0.25));
  EXPECT_EQ(read.shapes[0].shape.part, Part::kCurve);
  EXPECT_EQ(read.shapes[0].shape.stroke.width, 2.25);
  EXPECT_EQ(read.shapes[0].shape.stroke.dash, 3.0);
  EXPECT_EQ(read.shapes[0].shape.stroke.gap, 1.5);
}

TEST(SvgCanvas, CrispShapesAreOnPixels) {
  SvgCanvas svg(400, 300, 1.0, Rgb(0xFFFFFF));
  Shape shape;
  shape.crisp = true;
  shape.stroke.width = 1.1;
  shape.line.AddPolyline(std::array<Point, 2>{{{1.3, 2.9}, {50.2, 2.9}}});
  shape.fill.AddBox({1.3, 2.9, 4.6, 8.1});
  svg.Draw(shape, Rgb(0x000000));
  const RecordingCanvas read = ReadSvg(svg.Document("A title"));
  EXPECT_EQ(read.shapes[0].shape.stroke.width, 1.0);
  EXPECT_EQ(read.shapes[0].shape.line.points()[0], (Point{1.5, 2.5}));
  EXPECT_EQ(read.shapes[0].shape.fill.points()[0], (Point{1.0, 3.0}));
}

TEST(SvgCanvas, TextsComeBack) {
  SvgCanvas svg(400, 300, 2.0, Rgb(0xFFFFFF));
  for (const bool upwards : {false, true}) {
    for (const Align align : {Align::kLeft, Align::kCenter, Align::kRight}) {
      for (const Face face : {Face::kRegular, Face::kBold}) {
        const TextStyle style = {.face = face,
                                 .size = 12.5,
                                 .color = Rgb(0x123456),
                                 .align = align,
                                 .upwards = upwards,
                                 .part = Part::kAxisTitle};
        RecordingCanvas expected;
        for (Canvas* canvas : {static_cast<Canvas*>(&svg), static_cast<Canvas*>(&expected)}) {
          canvas->DrawText("<||Δx|| & \"AVA\">", {30, 40}, style);
        }
        const RecordingCanvas read = ReadSvg(svg.Document("A < B & C"));
        EXPECT_EQ(read.texts.back().text, expected.texts[0].text);
        EXPECT_EQ(read.texts.back().box, expected.texts[0].box);
        EXPECT_EQ(read.texts.back().style.color, style.color);
        EXPECT_EQ(read.texts.back().style.part, style.part);
      }
    }
  }
}

TEST(SvgCanvas, TheDocumentStatesSizeAndTitle) {
  const std::string svg = SvgCanvas(2000, 1500, 0.5, Rgb(0x15181D)).Document("A < B & C");
  EXPECT_NE(svg.find("width=\"1000\" height=\"750\" viewBox=\"0 0 2000 1500\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("<title>A &lt; B &amp; C</title>"), std::string::npos) << svg;
  EXPECT_NE(svg.find("fill=\"#15181d\""), std::string::npos) << svg;
}

TEST(SvgCanvas, ControlCharactersDoNotBreakTheDocument) {
  SvgCanvas svg(400, 300, 1.0, Rgb(0xFFFFFF));
  svg.DrawText("a\x01\nb", {30, 40}, {.size = 10});
  EXPECT_NE(svg.Document("t").find(">a  b</text>"), std::string::npos);
}

TEST(SvgCanvas, EveryPartHasItsOwnName) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Part::kCell); ++i) names.push_back(NameOf(static_cast<Part>(i)));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_NE(names[0], "");
}

TEST(SvgCanvas, CellsAreAPictureWithin) {
  SvgCanvas svg(400, 300, 1.0, Rgb(0xFFFFFF));
  svg.DrawCells({1, 2, {Rgb(0xFF0000), Rgb(0x0000FF)}}, {10.4, 20.6, 31, 40});
  const std::string document = svg.Document("A title");
  const RecordingCanvas read = ReadSvg(document);
  ASSERT_EQ(read.cells.size(), 1U);
  EXPECT_EQ(read.cells[0].box.left, 10.0);
  EXPECT_EQ(read.cells[0].box.top, 21.0);
  EXPECT_EQ(read.cells[0].box.right, 31.0);
  EXPECT_EQ(read.cells[0].box.bottom, 40.0);
  // The bytes of the PNG, whatever their number leaves over.
  for (const size_t columns : {1U, 2U, 3U, 4U}) {
    Image image;
    image.width = static_cast<int>(columns);
    image.height = 1;
    image.rgb.assign(3 * columns, 0x40);
    std::vector<uint8_t> png;
    ASSERT_TRUE(EncodePng(image, &png).ok());
    SvgCanvas one(400, 300, 1.0, Rgb(0xFFFFFF));
    one.DrawCells({1, columns, std::vector<Color>(columns, Rgb(0x404040))}, {0, 0, 1, 1});
    const std::string text = one.Document("");
    const std::string marker = "base64,";
    const size_t begin = text.find(marker) + marker.size();
    EXPECT_EQ(FromBase64(text.substr(begin, text.find('"', begin) - begin)), png) << columns;
  }
}

// What is no UTF-8 would make the whole file no XML.
TEST(SvgCanvas, TextIsAlwaysUtf8) {
  const SvgCanvas canvas(10, 10, 1.0, Color{});
  const std::string svg = canvas.Document("a\xff\xc0\x80\x01\x7f\xc3\xa4");
  EXPECT_NE(svg.find("<title>a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD  \xc3\xa4</title>"), std::string::npos) << svg;
}

}  // namespace
}  // namespace attnscope::render
