// SPDX-License-Identifier: Apache-2.0
//
// What a figure draws on: three commands, shapes, text and grids of cells, in layout units. A figure is written against
// this interface alone; the raster canvas turns it into pixels, the SVG canvas into text, and tests record it.
#ifndef ATTNSCOPE_RENDER_DRAW_CANVAS_H_
#define ATTNSCOPE_RENDER_DRAW_CANVAS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "render/draw/color.h"
#include "render/draw/font.h"
#include "render/draw/geometry.h"
#include "render/draw/path.h"
#include "render/draw/stroke.h"

namespace attnscope::render {

// What a drawn thing is to its reader. Pixels do not show it; SVG files name it as each element's class.
enum class Part : uint8_t {
  kTitle,
  kCaption,
  kPanelTitle,
  kAxisTitle,
  kTickLabel,
  kValueLabel,
  kNote,    // says what is missing
  kBand,    // a healthy range
  kStripe,  // behind a flagged layer
  kFlag,    // a severity's mark
  kRing,    // around a point
  kGrid,
  kFrame,  // with its ticks
  kBound,
  kCurve,  // with its markers
  kLegend,
  kLegendKey,
  kLegendText,
  kCell,  // of a heat map or a colour bar
};
// "title", "panel-title", ...
std::string_view NameOf(Part part);

// The union of a filled path and a stroked one, painted once in one colour: a translucent curve is as dark under its
// markers and where it crosses itself as elsewhere.
struct Shape {
  Path fill;
  Path line;
  Stroke stroke;
  // Horizontal and vertical edges are moved to whole pixels: frames, grids, ticks. Widths stay at least one pixel.
  bool crisp = false;
  Part part = Part::kFrame;
};

enum class Align : uint8_t { kLeft, kCenter, kRight };

struct TextStyle {
  Face face = Face::kRegular;
  double size = 10.0;  // of the em, in layout units
  Color color = {};
  Align align = Align::kLeft;  // which part of the text is at the anchor, along its baseline
  bool upwards = false;        // turned a quarter to the left: reads from bottom to top
  Part part = Part::kNote;
};

// Opaque cells of equal size, row by row.
struct CellGrid {
  size_t rows = 0;  // at least 1, as are the columns
  size_t columns = 0;
  std::vector<Color> colors;  // [rows, columns]
};

// What a part of a figure shows, for those who point at it.
struct Region {
  enum class Kind : uint8_t {
    kCells,   // a map of layers (rows) by heads (columns): each line's values are a row
    kCurves,  // a panel: lines over columns, which stand at xs
    kMap,     // an attention map: each line's values are a row; rows are its layer, head, queries and keys
  };
  struct Line {
    std::string name;
    std::vector<double> values;  // NaN: missing
  };

  Kind kind = Kind::kCells;
  std::string title;
  std::string across;  // what the columns are: "layer"
  Box box;
  std::vector<int64_t> columns;
  std::vector<int64_t> rows;
  std::vector<Line> lines;
  // Of curves: where columns stand, and the vertical axis.
  std::vector<double> xs = {};
  double low = 0.0;
  double high = 1.0;
  bool is_log = false;
};

class Canvas {
 public:
  virtual ~Canvas() = default;

  // Draws nothing.
  virtual void Describe(const Region& region) { (void)region; }

  // Fills the box, whose edges are moved to whole pixels. Where a pixel has several cells, it is their mean.
  virtual void DrawCells(const CellGrid& cells, const Box& box) = 0;

  virtual void Draw(const Shape& shape, const Color& color) = 0;
  // One line of UTF-8 text, not empty; `anchor` is on its baseline.
  virtual void DrawText(std::string_view text, Point anchor, const TextStyle& style) = 0;
};

// How far before its anchor, along the baseline, a text begins: zero or negative.
double AlignOffset(std::string_view text, const TextStyle& style);

// Where a text's ink will be when drawn with this anchor and style.
Box TextBox(std::string_view text, Point anchor, const TextStyle& style);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_CANVAS_H_
