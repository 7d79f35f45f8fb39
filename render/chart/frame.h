// SPDX-License-Identifier: Apache-2.0
//
// What stands around a plot, a map or a colour bar: the frame with its ticks, their labels, and titles.
#ifndef ATTNSCOPE_RENDER_CHART_FRAME_H_
#define ATTNSCOPE_RENDER_CHART_FRAME_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "render/chart/style.h"
#include "render/chart/ticks.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

enum class Side : uint8_t { kLeft, kRight, kBelow };

void AddSegment(Point a, Point b, Path* path);

// How wide the widest of these labels is.
double WidestLabel(std::span<const Tick> ticks, const Style& style);

// What must be free around a box: above it for its title, below it for ticks with labels and a title, and beside it for
// ticks with labels of this width and a title that reads upwards.
double MarginAbove(const Style& style);
double MarginBelow(const Style& style);
double MarginBeside(double label_width, const Style& style);

// Boxes and their ticks, which are drawn together.
class Frame {
 public:
  explicit Frame(const Style& style);
  void AddBox(const Box& box) { lines_.line.AddBox(box); }
  // A tick outside the box: at a height on its left or right side, at a horizontal place below it.
  void AddTick(const Box& box, Side side, double at, double length);
  void Draw(Canvas* canvas) const;

 private:
  Shape lines_;
  Color color_;
};

// The label of a tick at the same place.
void DrawTickLabel(std::string_view label, const Box& box, Side side, double at, const Style& style, Canvas* canvas);

// Titles are smaller where they would be longer than the box is wide. `baseline` is the upper one's.
void DrawTitleAbove(const std::string& title, const Box& box, double baseline, const Style& style, Canvas* canvas);
void DrawTitleBelow(const std::string& title, const Box& box, const Style& style, Canvas* canvas);

// A title that reads upwards, at half the box's height, within `edge`: where the margin on this side ends.
void DrawTitleBeside(const std::string& title, const Box& box, Side side, double edge, double size, const Color& color,
                     Canvas* canvas);

// Why a panel has nothing to draw: nothing was measured, or all that was is NaN or infinite.
inline constexpr std::string_view kNotMeasured = "not measured";
inline constexpr std::string_view kBadNumbersOnly = "bad numbers only";

// In the middle of a box that would be empty.
void DrawLack(std::string_view why, const Box& box, const Style& style, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_FRAME_H_
