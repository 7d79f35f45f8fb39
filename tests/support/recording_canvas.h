// SPDX-License-Identifier: Apache-2.0
//
// A canvas that remembers what was drawn on it. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_RECORDING_CANVAS_H_
#define ATTNSCOPE_TESTS_SUPPORT_RECORDING_CANVAS_H_

#include <string>
#include <string_view>
#include <vector>

#include "render/draw/canvas.h"

namespace attnscope::render {

class RecordingCanvas final : public Canvas {
 public:
  struct DrawnShape {
    Shape shape;
    Color color;
  };
  struct DrawnText {
    std::string text;
    TextStyle style;
    Box box;  // of its ink
  };

  struct DrawnCells {
    CellGrid cells;
    Box box;
  };

  void DrawCells(const CellGrid& drawn, const Box& box) override { cells.push_back({drawn, box}); }
  void Draw(const Shape& shape, const Color& color) override { shapes.push_back({shape, color}); }
  void DrawText(std::string_view text, Point anchor, const TextStyle& style) override {
    texts.push_back({std::string(text), style, TextBox(text, anchor, style)});
  }

  // How often a text was drawn.
  int Count(std::string_view text) const {
    int count = 0;
    for (const DrawnText& drawn : texts) count += drawn.text == text ? 1 : 0;
    return count;
  }

  std::vector<DrawnShape> shapes;
  std::vector<DrawnText> texts;
  std::vector<DrawnCells> cells;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_TESTS_SUPPORT_RECORDING_CANVAS_H_
