// SPDX-License-Identifier: Apache-2.0
//
// From closed contours to the exact share of each pixel that they cover.
#ifndef ATTNSCOPE_RENDER_DRAW_COVERAGE_H_
#define ATTNSCOPE_RENDER_DRAW_COVERAGE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "render/draw/path.h"

namespace attnscope::render {

// Pixels [left, right) x [top, bottom).
struct PixelBox {
  int left = 0;
  int top = 0;
  int right = 0;
  int bottom = 0;
};

// Fills the union of contours (non-zero rule) by exact areas: overlapping contours are resolved before areas are
// summed, so a pixel that two shapes half cover in the same place is half covered, and joints of lines do not show.
//
// How: within one row of pixels, edges are cut at every end of an edge and wherever two cross. In each strip the edges
// then keep their order from left to right; those where the winding number leaves or reaches zero bound trapezoids,
// whose signed areas are added to their pixels, so that a running sum along the row gives coverage.
//
// Coordinates are rounded to 1/256 pixel first; with IEEE arithmetic the result is the same on every machine. Areas are
// exact to 1e-9 of a pixel before they are rounded to 8 bits; only where hundreds of lines cross one another in one row
// of pixels are some crossings left unresolved, to bound the time.
//
// Not thread-safe; keep one per thread, as its buffers are reused. O(edges log edges + edges * rows they cross).
class CoverageRasterizer {
 public:
  // A part of row y, from pixel `left` on: coverage, 0 to 255. No pixel is given twice; those not given are not
  // covered.
  using RowFunction = std::function<void(int left, int y, std::span<const uint8_t> coverage)>;

  // Fills the contours, in pixels, clipped to the box. Open contours are closed. Coordinates beyond +-4 million are
  // moved there; there must be no NaN.
  void Fill(const Polylines& shapes, const PixelBox& clip, const RowFunction& row);

 private:
  // Coordinates in 1/256 pixel; y0 < y1.
  struct Edge {
    int32_t x0, y0, x1, y1;
    int32_t winding;  // +1 if the contour runs downwards
  };
  // The part of an edge inside the current row: x at both ends, and the strip of the row that it spans.
  struct Piece {
    double x_top, x_bottom;  // pixels from the clip's left side
    int32_t top, bottom;     // 1/256 pixel from the row's upper side
    int32_t winding;
    // Exact at both ends.
    double XAt(int32_t y) const {
      if (y <= top) return x_top;
      if (y >= bottom) return x_bottom;
      return x_top + (x_bottom - x_top) * (static_cast<double>(y - top) / (bottom - top));
    }
  };
  // An edge in a strip that no edge ends in.
  struct StripEdge {
    double x_top, x_bottom;
    int32_t winding;
  };

  void CollectEdges(const Polylines& shapes, const PixelBox& clip);
  void CollectPieces(int32_t row_top, const PixelBox& clip);
  void FillRow(int y, const PixelBox& clip, const RowFunction& row);
  void FillCluster(std::span<const Piece> pieces, int width);
  void FillStrip(std::vector<StripEdge>* edges, double height, int depth, int width);
  void Accumulate(double x_top, double x_bottom, double height, int width);
  void Emit(int y, const PixelBox& clip, const RowFunction& row);

  std::vector<Edge> edges_;          // by y0
  std::vector<size_t> active_;       // indices of the edges that the current row meets
  std::vector<Piece> pieces_;        // by smaller x
  std::vector<int32_t> cuts_;        // ys where edges of a cluster end
  std::vector<int32_t> balance_;     // [257]: windings that begin minus those that end, at each y of a row
  std::vector<StripEdge> strip_;     // scratch
  std::vector<double> differences_;  // [width + 1]: differences of coverage along the row
  std::vector<uint8_t> coverage_;    // [width]
  int cuts_left_ = 0;
  int first_ = 0;  // the touched part of `differences_`: [first_, last_]
  int last_ = -1;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_COVERAGE_H_
