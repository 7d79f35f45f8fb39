// SPDX-License-Identifier: Apache-2.0
#include "render/draw/coverage.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace attnscope::render {
namespace {

constexpr int kUnitBits = 8;
constexpr int32_t kUnit = 1 << kUnitBits;  // subdivisions of a pixel
constexpr double kMaxPixel = 4.0e6;        // kMaxPixel * kUnit fits in 31 bits
constexpr double kSameX = 1e-9;            // pixels; edges that are closer do not cross
constexpr double kRoundUp = 0.5 + 1e-6;    // exact halves go up, whatever order their parts were summed in
constexpr size_t kMaxWork = 1000000;       // crossings times edges that are resolved in one row
constexpr int kMaxDepth = 32;              // of cutting a strip at crossings

int32_t ToFixed(double pixels) {
  return static_cast<int32_t>(std::lround(std::clamp(pixels, -kMaxPixel, kMaxPixel) * kUnit));
}

}  // namespace

void CoverageRasterizer::Fill(const Polylines& shapes, const PixelBox& clip, const RowFunction& row) {
  const int width = clip.right - clip.left;
  if (width <= 0 || clip.bottom <= clip.top) return;
  CollectEdges(shapes, clip);
  differences_.resize(static_cast<size_t>(width) + 2, 0.0);
  coverage_.resize(static_cast<size_t>(width));
  balance_.assign(kUnit + 1, 0);
  active_.clear();
  first_ = width + 1;
  last_ = -1;
  size_t next = 0;
  for (int y = clip.top; y < clip.bottom; ++y) {
    if (active_.empty()) {
      if (next == edges_.size()) break;
      y = std::max(y, edges_[next].y0 >> kUnitBits);
      if (y >= clip.bottom) break;
    }
    const int32_t row_top = y * kUnit;
    for (; next < edges_.size() && edges_[next].y0 < row_top + kUnit; ++next) active_.push_back(next);
    std::erase_if(active_, [&](size_t i) { return edges_[i].y1 <= row_top; });
    CollectPieces(row_top, clip);
    FillRow(y, clip, row);
  }
}

void CoverageRasterizer::CollectEdges(const Polylines& shapes, const PixelBox& clip) {
  edges_.clear();
  for (const Polylines::Contour& contour : shapes.contours) {
    const std::span<const Point> points = shapes.PointsOf(contour);
    for (size_t i = 0; i < points.size(); ++i) {
      const Point& a = points[i];
      const Point& b = points[i + 1 < points.size() ? i + 1 : 0];
      Edge edge = {ToFixed(a.x), ToFixed(a.y), ToFixed(b.x), ToFixed(b.y), 1};
      if (edge.y0 == edge.y1) continue;
      if (edge.y0 > edge.y1) edge = {edge.x1, edge.y1, edge.x0, edge.y0, -1};
      if (edge.y1 <= clip.top * kUnit || edge.y0 >= clip.bottom * kUnit) continue;
      edges_.push_back(edge);
    }
  }
  std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) { return a.y0 < b.y0; });
}

void CoverageRasterizer::CollectPieces(int32_t row_top, const PixelBox& clip) {
  pieces_.clear();
  for (const size_t i : active_) {
    const Edge& edge = edges_[i];
    const auto x_at = [&](int32_t y) {  // pixels from the clip's left side
      const double share = static_cast<double>(y - edge.y0) / (static_cast<double>(edge.y1) - edge.y0);
      return (edge.x0 + (static_cast<double>(edge.x1) - edge.x0) * share) / kUnit - clip.left;
    };
    const int32_t top = std::max(edge.y0, row_top);
    const int32_t bottom = std::min(edge.y1, row_top + kUnit);
    pieces_.push_back({x_at(top), x_at(bottom), top - row_top, bottom - row_top, edge.winding});
  }
  std::sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) {
    return std::min(a.x_top, a.x_bottom) < std::min(b.x_top, b.x_bottom);
  });
}

// A row falls into clusters that neither touch nor wind around one another; each is filled by itself, so that the cost
// of resolving crossings does not grow with the length of the row, and the pixels between them cost nothing.
void CoverageRasterizer::FillRow(int y, const PixelBox& clip, const RowFunction& row) {
  const int width = clip.right - clip.left;
  cuts_left_ = static_cast<int>(kMaxWork / (pieces_.size() + 1));
  size_t begin = 0;
  int unbalanced = 0;
  double reach = -std::numeric_limits<double>::infinity();
  const auto add = [&](int32_t at, int32_t winding) {
    int32_t& balance = balance_[static_cast<size_t>(at)];
    unbalanced -= balance != 0 ? 1 : 0;
    balance += winding;
    unbalanced += balance != 0 ? 1 : 0;
  };
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    const double left = std::min(piece.x_top, piece.x_bottom);
    if (unbalanced == 0 && i > begin && left >= reach) {
      FillCluster(std::span(pieces_).subspan(begin, i - begin), width);
      begin = i;
      if (std::floor(left) > last_) Emit(y, clip, row);  // else the next cluster begins in the same pixel
    }
    reach = std::max({reach, piece.x_top, piece.x_bottom});
    add(piece.top, piece.winding);
    add(piece.bottom, -piece.winding);
  }
  FillCluster(std::span(pieces_).subspan(begin), width);
  Emit(y, clip, row);
}

void CoverageRasterizer::FillCluster(std::span<const Piece> pieces, int width) {
  cuts_.clear();
  for (const Piece& piece : pieces) cuts_.insert(cuts_.end(), {piece.top, piece.bottom});
  std::sort(cuts_.begin(), cuts_.end());
  cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
  for (size_t i = 0; i + 1 < cuts_.size(); ++i) {
    const int32_t top = cuts_[i];
    const int32_t bottom = cuts_[i + 1];
    strip_.clear();
    for (const Piece& piece : pieces) {
      if (piece.top <= top && bottom <= piece.bottom) {
        strip_.push_back({piece.XAt(top), piece.XAt(bottom), piece.winding});
      }
    }
    FillStrip(&strip_, static_cast<double>(bottom - top) / kUnit, 0, width);
  }
}

// Fills a strip that all of its edges cross from top to bottom; cuts it in two where edges cross.
void CoverageRasterizer::FillStrip(std::vector<StripEdge>* edges, double height, int depth, int width) {
  std::sort(edges->begin(), edges->end(),
            [](const StripEdge& a, const StripEdge& b) { return a.x_top + a.x_bottom < b.x_top + b.x_bottom; });
  double cut = -1.0;  // share of the height, of the crossing that is nearest to the middle
  int32_t winding = 0;
  for (size_t i = 0; i + 1 < edges->size(); ++i) {
    const StripEdge& a = (*edges)[i];
    const StripEdge& b = (*edges)[i + 1];
    const double top_gap = b.x_top - a.x_top;
    const double bottom_gap = b.x_bottom - a.x_bottom;
    // Inside a filled region it does not matter which edge is first.
    const bool matters =
        winding == 0 || winding + a.winding == 0 || winding + b.winding == 0 || winding + a.winding + b.winding == 0;
    winding += a.winding;
    if (!matters || std::min(top_gap, bottom_gap) >= -kSameX) continue;
    const double crossing = top_gap / (top_gap - bottom_gap);
    if (std::abs(crossing - 0.5) < std::abs(cut - 0.5)) cut = crossing;
  }
  if (cut > 0.0 && cut < 1.0 && depth < kMaxDepth && cuts_left_ > 0) {
    --cuts_left_;
    std::vector<StripEdge> lower = *edges;
    for (size_t i = 0; i < lower.size(); ++i) {
      const double x = lower[i].x_top + (lower[i].x_bottom - lower[i].x_top) * cut;
      (*edges)[i].x_bottom = x;
      lower[i].x_top = x;
    }
    FillStrip(edges, height * cut, depth + 1, width);
    FillStrip(&lower, height * (1.0 - cut), depth + 1, width);
    return;
  }
  winding = 0;
  for (const StripEdge& edge : *edges) {
    const int32_t after = winding + edge.winding;
    if (winding == 0 && after != 0) Accumulate(edge.x_top, edge.x_bottom, height, width);
    if (winding != 0 && after == 0) Accumulate(edge.x_top, edge.x_bottom, -height, width);
    winding = after;
  }
}

// Adds the area to the right of an edge, `height` high, to the differences of coverage.
void CoverageRasterizer::Accumulate(double x_top, double x_bottom, double height, int width) {
  const double left = std::min(x_top, x_bottom);
  const double right = std::max(x_top, x_bottom);
  const double limit = width;
  // The part of the edge between x = from and x = to, within one pixel, and how high that part is.
  const auto add = [&](double from, double to, double part) {
    const double middle = 0.5 * (from + to);
    const int pixel = std::min(static_cast<int>(from), width);
    const double inside = pixel + 1 - middle;
    differences_[static_cast<size_t>(pixel)] += part * inside;
    differences_[static_cast<size_t>(pixel) + 1] += part * (1.0 - inside);
    first_ = std::min(first_, pixel);
    last_ = std::max(last_, pixel + 1);
  };
  if (right >= limit) last_ = std::max(last_, width - 1);  // coverage goes on to the border
  if (left >= limit) return;
  if (right <= 0.0) return add(0.0, 0.0, height);
  const double begin = std::max(left, 0.0);
  const double end = std::min(right, limit);
  if (right - left < kSameX) return add(begin, begin, height);
  const double density = height / (right - left);
  if (left < 0.0) add(0.0, 0.0, density * (0.0 - left));
  for (double from = begin; from < end;) {
    const double to = std::min(std::floor(from) + 1.0, end);
    add(from, to, density * (to - from));
    from = to;
  }
}

void CoverageRasterizer::Emit(int y, const PixelBox& clip, const RowFunction& row) {
  const int width = clip.right - clip.left;
  const int last = std::min(last_, width - 1);
  if (first_ <= last) {
    double sum = 0.0;
    uint8_t level = 0;
    for (int x = first_; x <= last; ++x) {
      const double difference = differences_[static_cast<size_t>(x)];
      if (difference != 0.0) {
        sum += difference;
        level = static_cast<uint8_t>(std::clamp(sum, 0.0, 1.0) * 255.0 + kRoundUp);
      }
      coverage_[static_cast<size_t>(x)] = level;
    }
    row(clip.left + first_, y,
        std::span<const uint8_t>(coverage_).subspan(static_cast<size_t>(first_),
                                                    static_cast<size_t>(last - first_) + 1));
  }
  for (int x = first_; x <= last_; ++x) differences_[static_cast<size_t>(x)] = 0.0;
  first_ = width + 1;
  last_ = -1;
}

}  // namespace attnscope::render
