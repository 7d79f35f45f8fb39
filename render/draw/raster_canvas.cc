// SPDX-License-Identifier: Apache-2.0
#include "render/draw/raster_canvas.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace attnscope::render {
namespace {

// Positions of a glyph within a pixel, along the line of text, that are told apart.
constexpr int kPhases = 4;

constexpr uint32_t kOne = 255 * 255;  // full coverage in full opacity

// Moves coordinates to the pixel grid: to the borders of pixels, or to their centres for lines of an odd width.
void Snap(bool to_centers, Polylines* lines) {
  const double shift = to_centers ? 0.5 : 0.0;
  for (Point& point : lines->points) {
    point.x = std::round(point.x - shift) + shift;
    point.y = std::round(point.y - shift) + shift;
  }
}

}  // namespace

RasterCanvas::RasterCanvas(double scale, Image* image) : scale_(scale), image_(image) {}

void RasterCanvas::Draw(const Shape& shape, const Color& color) {
  const Affine to_pixels = {.xx = scale_, .yy = scale_};
  Polylines contours;
  Flatten(shape.fill, to_pixels, &contours);
  if (shape.crisp) Snap(false, &contours);
  Polylines lines;
  Flatten(shape.line, to_pixels, &lines);
  Stroke stroke = shape.stroke;
  stroke.width *= scale_;
  stroke.dash *= scale_;
  stroke.gap *= scale_;
  if (shape.crisp) {
    stroke.width = std::max(1.0, std::round(stroke.width));
    Snap(std::fmod(stroke.width, 2.0) == 1.0, &lines);
  }
  Outline(lines, stroke, &contours);
  Paint(contours, color);
}

void RasterCanvas::Paint(const Polylines& contours, const Color& color) {
  rasterizer_.Fill(contours, {0, 0, image_->width, image_->height},
                   [&](int left, int y, std::span<const uint8_t> coverage) { Blend(left, y, coverage, color); });
}

void RasterCanvas::Blend(int left, int y, std::span<const uint8_t> coverage, const Color& color) {
  if (y < 0 || y >= image_->height) return;
  const int begin = std::max(left, 0);
  const int end = std::min(left + static_cast<int>(coverage.size()), image_->width);
  const auto opacity = static_cast<uint32_t>(std::lround(color.alpha * 255.0));
  uint8_t* pixel = image_->rgb.data() +
                   3 * (static_cast<size_t>(y) * static_cast<size_t>(image_->width) + static_cast<size_t>(begin));
  // Neighbours are often alike: what was mixed last is kept.
  uint32_t last_share = 0;
  uint32_t last_below = 0;
  std::array<uint8_t, 3> mixed = {};
  for (int x = begin; x < end; ++x, pixel += 3) {
    const uint32_t share = coverage[static_cast<size_t>(x - left)];
    if (share == 0) continue;
    const uint32_t below = uint32_t{pixel[0]} << 16 | uint32_t{pixel[1]} << 8 | pixel[2];
    if (share != last_share || below != last_below) {
      const uint32_t alpha = share * opacity;
      const auto mix = [&](uint32_t under, uint32_t above) {
        return static_cast<uint8_t>((under * (kOne - alpha) + above * alpha + kOne / 2) / kOne);
      };
      mixed = {mix(pixel[0], color.red), mix(pixel[1], color.green), mix(pixel[2], color.blue)};
      last_share = share;
      last_below = below;
    }
    pixel[0] = mixed[0];
    pixel[1] = mixed[1];
    pixel[2] = mixed[2];
  }
}

void RasterCanvas::DrawCells(const CellGrid& cells, const Box& box) {
  const auto edge = [this](double at) { return static_cast<int>(std::round(at * scale_)); };
  const int left = edge(box.left);
  const int top = edge(box.top);
  const int right = std::max(edge(box.right), left + 1);
  const int bottom = std::max(edge(box.bottom), top + 1);
  // The cells [first, end) of pixel `at` of `pixels`.
  const auto cells_of = [](int at, int pixels, size_t count) {
    const auto place = [&](int pixel) { return static_cast<size_t>(pixel) * count / static_cast<size_t>(pixels); };
    return std::pair(place(at), std::max(place(at + 1), place(at) + 1));
  };
  for (int y = std::max(top, 0); y < std::min(bottom, image_->height); ++y) {
    const auto [first_row, end_row] = cells_of(y - top, bottom - top, cells.rows);
    for (int x = std::max(left, 0); x < std::min(right, image_->width); ++x) {
      const auto [first_column, end_column] = cells_of(x - left, right - left, cells.columns);
      std::array<size_t, 3> sums = {};
      for (size_t row = first_row; row < end_row; ++row) {
        for (size_t column = first_column; column < end_column; ++column) {
          const Color& color = cells.colors[row * cells.columns + column];
          sums[0] += color.red;
          sums[1] += color.green;
          sums[2] += color.blue;
        }
      }
      const size_t count = (end_row - first_row) * (end_column - first_column);
      uint8_t* const pixel = image_->rgb.data() +
                             3 * (static_cast<size_t>(y) * static_cast<size_t>(image_->width) + static_cast<size_t>(x));
      for (size_t c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>((sums[c] + count / 2) / count);
    }
  }
}

void RasterCanvas::DrawText(std::string_view text, Point anchor, const TextStyle& style) {
  const double offset = AlignOffset(text, style);
  for (const PlacedGlyph& placed : PlaceGlyphs(text, style.face, style.size)) {
    const double along = scale_ * (offset + placed.x);
    // The baseline is put on a whole pixel, the pen on a part of one.
    const double pen = style.upwards ? scale_ * anchor.y - along : scale_ * anchor.x + along;
    const double steps = std::round(pen * kPhases);
    const double whole = std::floor(steps / kPhases);
    const int phase = static_cast<int>(steps - whole * kPhases);
    const int x = static_cast<int>(style.upwards ? std::round(scale_ * anchor.x) : whole);
    const int y = static_cast<int>(style.upwards ? whole : std::round(scale_ * anchor.y));
    const GlyphMask& mask = MaskOf(placed.glyph, style, phase);
    for (int row = 0; row < mask.height; ++row) {
      const auto begin = static_cast<size_t>(row) * static_cast<size_t>(mask.width);
      Blend(x + mask.left, y + mask.top + row, std::span(mask.coverage).subspan(begin, static_cast<size_t>(mask.width)),
            style.color);
    }
  }
}

const RasterCanvas::GlyphMask& RasterCanvas::MaskOf(int glyph, const TextStyle& style, int phase) {
  // Sizes fit a float exactly enough to tell styles apart; glyph indices have 16 bits.
  const uint64_t key = uint64_t{std::bit_cast<uint32_t>(static_cast<float>(style.size))} << 32 |
                       static_cast<uint64_t>(glyph) << 8 | static_cast<uint64_t>(phase) << 2 |
                       uint64_t{style.face == Face::kBold} << 1 | uint64_t{style.upwards};
  const auto [entry, is_new] = glyphs_.try_emplace(key);
  GlyphMask& mask = entry->second;
  if (!is_new) return mask;
  const double shift = static_cast<double>(phase) / kPhases;
  const Affine upright = {.dx = shift};
  const Affine turned = {.xx = 0.0, .xy = 1.0, .yx = -1.0, .yy = 0.0, .dy = shift};
  Polylines contours;
  Flatten(GlyphOutline(glyph, style.face, style.size * scale_), style.upwards ? turned : upright, &contours);
  if (contours.points.empty()) return mask;
  Box box = {contours.points[0].x, contours.points[0].y, contours.points[0].x, contours.points[0].y};
  for (const Point& p : contours.points) {
    box = {std::min(box.left, p.x), std::min(box.top, p.y), std::max(box.right, p.x), std::max(box.bottom, p.y)};
  }
  const PixelBox pixels = {static_cast<int>(std::floor(box.left)), static_cast<int>(std::floor(box.top)),
                           static_cast<int>(std::ceil(box.right)), static_cast<int>(std::ceil(box.bottom))};
  mask.left = pixels.left;
  mask.top = pixels.top;
  mask.width = pixels.right - pixels.left;
  mask.height = pixels.bottom - pixels.top;
  mask.coverage.resize(static_cast<size_t>(mask.width) * static_cast<size_t>(mask.height));
  rasterizer_.Fill(contours, pixels, [&](int left, int y, std::span<const uint8_t> coverage) {
    const auto row = static_cast<ptrdiff_t>(y - mask.top) * mask.width + (left - mask.left);
    std::copy(coverage.begin(), coverage.end(), mask.coverage.begin() + row);
  });
  return mask;
}

}  // namespace attnscope::render
