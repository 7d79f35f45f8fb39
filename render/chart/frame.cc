// SPDX-License-Identifier: Apache-2.0
#include "render/chart/frame.h"

#include <algorithm>
#include <array>

namespace attnscope::render {
namespace {

constexpr double kAscent = 0.76;   // of a text size, above the baseline
constexpr double kDescent = 0.24;  // below it

}  // namespace

void AddSegment(Point a, Point b, Path* path) { path->AddPolyline(std::array<Point, 2>{a, b}); }

double WidestLabel(std::span<const Tick> ticks, const Style& style) {
  double width = 0.0;
  for (const Tick& tick : ticks) width = std::max(width, TextWidth(tick.label, Face::kRegular, style.tick_label()));
  return width;
}

double MarginAbove(const Style& style) { return style.title_gap() + CapHeight(Face::kBold, style.panel_title()); }

double MarginBelow(const Style& style) {
  return style.tick_length() + style.tick_gap() + CapHeight(Face::kRegular, style.tick_label()) + style.axis_gap() +
         style.axis_title();
}

double MarginBeside(double label_width, const Style& style) {
  return style.tick_length() + style.tick_gap() + label_width + style.axis_gap() + style.axis_title();
}

Frame::Frame(const Style& style) : color_(style.theme.frame) {
  lines_.stroke = {.width = style.frame_width(), .cap = Cap::kButt};
  lines_.crisp = true;
}

void Frame::AddTick(const Box& box, Side side, double at, double length) {
  switch (side) {
    case Side::kLeft:
      return AddSegment({box.left - length, at}, {box.left, at}, &lines_.line);
    case Side::kRight:
      return AddSegment({box.right, at}, {box.right + length, at}, &lines_.line);
    case Side::kBelow:
      return AddSegment({at, box.bottom}, {at, box.bottom + length}, &lines_.line);
  }
}

void Frame::Draw(Canvas* canvas) const { canvas->Draw(lines_, color_); }

void DrawTickLabel(std::string_view label, const Box& box, Side side, double at, const Style& style, Canvas* canvas) {
  TextStyle text = {.size = style.tick_label(), .color = style.theme.text, .part = Part::kTickLabel};
  const double cap = CapHeight(Face::kRegular, text.size);
  const double distance = style.tick_length() + style.tick_gap();
  switch (side) {
    case Side::kLeft:
      text.align = Align::kRight;
      return canvas->DrawText(label, {box.left - distance, at + 0.5 * cap}, text);
    case Side::kRight:
      return canvas->DrawText(label, {box.right + distance, at + 0.5 * cap}, text);
    case Side::kBelow:
      text.align = Align::kCenter;
      return canvas->DrawText(label, {at, box.bottom + distance + cap}, text);
  }
}

void DrawTitleAbove(const std::string& title, const Box& box, double baseline, const Style& style, Canvas* canvas) {
  canvas->DrawText(title, {box.Center().x, baseline},
                   {.face = Face::kBold,
                    .size = FittingSize(title, Face::kBold, style.panel_title(), box.Width()),
                    .color = style.theme.text,
                    .align = Align::kCenter,
                    .part = Part::kPanelTitle});
}

void DrawTitleBelow(const std::string& title, const Box& box, const Style& style, Canvas* canvas) {
  const double size = style.axis_title();
  canvas->DrawText(title, {box.Center().x, box.bottom + MarginBelow(style) - kDescent * size},
                   {.size = size, .color = style.theme.text, .align = Align::kCenter, .part = Part::kAxisTitle});
}

void DrawTitleBeside(const std::string& title, const Box& box, Side side, double edge, double size, const Color& color,
                     Canvas* canvas) {
  const double x = side == Side::kLeft ? edge + kAscent * size : edge - kDescent * size;
  canvas->DrawText(title, {x, box.Center().y},
                   {.size = size, .color = color, .align = Align::kCenter, .upwards = true, .part = Part::kAxisTitle});
}

void DrawLack(std::string_view why, const Box& box, const Style& style, Canvas* canvas) {
  const double size = style.axis_title();
  canvas->DrawText(std::string(why), {box.Center().x, box.Center().y + 0.5 * CapHeight(Face::kRegular, size)},
                   {.size = size, .color = style.theme.muted, .align = Align::kCenter, .part = Part::kNote});
}

}  // namespace attnscope::render
