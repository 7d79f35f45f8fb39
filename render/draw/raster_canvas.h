// SPDX-License-Identifier: Apache-2.0
//
// The canvas that paints pixels, with exact-area anti-aliasing.
#ifndef ATTNSCOPE_RENDER_DRAW_RASTER_CANVAS_H_
#define ATTNSCOPE_RENDER_DRAW_RASTER_CANVAS_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "attnscope/figure.h"
#include "render/draw/canvas.h"
#include "render/draw/coverage.h"

namespace attnscope::render {

// Paints on an image that exists already and must outlive it. Not thread-safe. What falls outside the image is not
// drawn. Each drawn glyph is kept in a cache, so that a text costs little more than its pixels.
class RasterCanvas final : public Canvas {
 public:
  // `scale`: pixels per layout unit.
  RasterCanvas(double scale, Image* image);

  void Draw(const Shape& shape, const Color& color) override;
  void DrawCells(const CellGrid& cells, const Box& box) override;
  void DrawText(std::string_view text, Point anchor, const TextStyle& style) override;

 private:
  // Coverage of one glyph; its first row and column are at (left, top) from the pen's pixel.
  struct GlyphMask {
    int left = 0;
    int top = 0;
    int width = 0;
    int height = 0;
    std::vector<uint8_t> coverage;  // [height, width]
  };

  const GlyphMask& MaskOf(int glyph, const TextStyle& style, int phase);
  void Paint(const Polylines& contours, const Color& color);
  // Mixes the colour into pixels of row y from x = left on; clips to the image.
  void Blend(int left, int y, std::span<const uint8_t> coverage, const Color& color);

  double scale_;
  Image* image_;
  CoverageRasterizer rasterizer_;
  std::unordered_map<uint64_t, GlyphMask> glyphs_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_RASTER_CANVAS_H_
