// SPDX-License-Identifier: Apache-2.0
//
// Drawing a panel whose parts have their places; see panel.cc.
#include <algorithm>
#include <array>

#include "render/number_format.h"
#include "render/panel.h"

namespace attnscope::render {
namespace {

constexpr double kAscent = 0.76;   // of a text size, above the baseline
constexpr double kDescent = 0.24;  // below it
constexpr double kReadable = 0.8;  // of an axis title's size

void AddSegment(Point a, Point b, Path* path) { path->AddPolyline(std::array<Point, 2>{a, b}); }

double WidestLabel(const Ticks& ticks, const Style& style) {
  double width = 0.0;
  for (const Tick& tick : ticks.major) {
    width = std::max(width, TextWidth(tick.label, Face::kRegular, style.tick_label()));
  }
  return width;
}

}  // namespace

Stroke BoundStroke(const Style& style) {
  const double width = style.bound_width();
  return {.width = width, .cap = Cap::kButt, .dash = 3.7 * width, .gap = 1.6 * width};
}

double Panel::TopMargin(const Style& style) { return style.title_gap() + CapHeight(Face::kBold, style.panel_title()); }

double Panel::BottomMargin(const Style& style) {
  return style.tick_length() + style.tick_gap() + CapHeight(Face::kRegular, style.tick_label()) + style.axis_gap() +
         style.axis_title();
}

double Panel::LeftMargin() const {
  return style_.tick_length() + style_.tick_gap() + WidestLabel(left_ticks_, style_) + style_.axis_gap() +
         style_.axis_title();
}

double Panel::RightMargin() const {
  if (!spec_.right) {
    // The last layer's number may be wider than what is right of its tick.
    if (layers_.empty()) return 0.0;
    const double width = TextWidth(FormatInteger(layers_.back()), Face::kRegular, style_.tick_label());
    return std::max(0.0, 0.5 * width - style_.Points(10.0));
  }
  return style_.tick_length() + style_.tick_gap() + WidestLabel(right_ticks_, style_) + style_.axis_gap() +
         style_.axis_title();
}

void Panel::Draw(Canvas* canvas) const {
  DrawGrid(canvas);
  DrawFrame(canvas);
  DrawTickLabels(canvas);
  DrawTitles(canvas);
  if (!is_measured_) {
    const double size = style_.axis_title();
    const Point center = place_.plot.Center();
    canvas->DrawText("not measured", {center.x, center.y + 0.5 * CapHeight(Face::kRegular, size)},
                     {.size = size, .color = style_.theme.muted, .align = Align::kCenter});
    return;
  }
  DrawBounds(canvas);
  for (size_t i = 0; i < curves_.size(); ++i) curves_[i].Draw(spec_.series[i].color, canvas);
  if (legend_origin_) legend_.Draw(*legend_origin_, canvas);
  const TextStyle label_style = {.face = Face::kBold, .size = style_.value_label(), .color = style_.theme.text};
  for (const ValueLabel& label : value_labels_) canvas->DrawText(label.text, label.anchor, label_style);
}

void Panel::DrawGrid(Canvas* canvas) const {
  const Box& plot = place_.plot;
  Shape grid;
  grid.stroke = {.width = style_.frame_width(), .cap = Cap::kButt};
  grid.crisp = true;
  const auto add_row = [&](double value) {
    const double y = YOf(value, left_scale_);
    AddSegment({plot.left, y}, {plot.right, y}, &grid.line);
  };
  for (const Tick& tick : left_ticks_.major) add_row(tick.value);
  for (const double value : left_ticks_.minor) add_row(value);
  for (const int64_t layer : layer_ticks_) AddSegment({XOf(layer), plot.top}, {XOf(layer), plot.bottom}, &grid.line);
  canvas->Draw(grid, style_.theme.grid);
}

void Panel::DrawFrame(Canvas* canvas) const {
  const Box& plot = place_.plot;
  Shape frame;
  frame.line.AddBox(plot);
  frame.stroke = {.width = style_.frame_width(), .cap = Cap::kButt};
  frame.crisp = true;
  const double length = style_.tick_length();
  for (const Tick& tick : left_ticks_.major) {
    const double y = YOf(tick.value, left_scale_);
    AddSegment({plot.left - length, y}, {plot.left, y}, &frame.line);
  }
  for (const double value : left_ticks_.minor) {
    const double y = YOf(value, left_scale_);
    AddSegment({plot.left - style_.minor_tick_length(), y}, {plot.left, y}, &frame.line);
  }
  for (const Tick& tick : right_ticks_.major) {
    const double y = YOf(tick.value, right_scale_);
    AddSegment({plot.right, y}, {plot.right + length, y}, &frame.line);
  }
  for (const int64_t layer : layer_ticks_) {
    AddSegment({XOf(layer), plot.bottom}, {XOf(layer), plot.bottom + length}, &frame.line);
  }
  canvas->Draw(frame, style_.theme.frame);
}

void Panel::DrawBounds(Canvas* canvas) const {
  for (const Bound& bound : spec_.bounds) {
    const double y = YOf(bound.value, left_scale_);
    Shape line;
    AddSegment({place_.plot.left, y}, {place_.plot.right, y}, &line.line);
    line.stroke = BoundStroke(style_);
    canvas->Draw(line, bound.color);
  }
}

void Panel::DrawTickLabels(Canvas* canvas) const {
  const Box& plot = place_.plot;
  const double size = style_.tick_label();
  const double cap = CapHeight(Face::kRegular, size);
  const double distance = style_.tick_length() + style_.tick_gap();
  TextStyle style = {.size = size, .color = style_.theme.text, .align = Align::kRight};
  for (const Tick& tick : left_ticks_.major) {
    canvas->DrawText(tick.label, {plot.left - distance, YOf(tick.value, left_scale_) + 0.5 * cap}, style);
  }
  style.align = Align::kLeft;
  for (const Tick& tick : right_ticks_.major) {
    canvas->DrawText(tick.label, {plot.right + distance, YOf(tick.value, right_scale_) + 0.5 * cap}, style);
  }
  style.align = Align::kCenter;
  for (const int64_t layer : layer_ticks_) {
    canvas->DrawText(FormatInteger(layer), {XOf(layer), plot.bottom + distance + cap}, style);
  }
}

void Panel::DrawAxisTitle(const Axis& axis, const Ticks& ticks, bool is_right, Canvas* canvas) const {
  const Box& plot = place_.plot;
  std::string text = axis.title;
  const auto fitting_size = [&] { return FittingSize(text, Face::kRegular, style_.axis_title(), 1.1 * plot.Height()); };
  // Where there is little room, what stands in parentheses gives way first.
  if (fitting_size() < kReadable * style_.axis_title()) text.resize(std::min(text.size(), text.find(" (")));
  if (ticks.exponent != 0) text += ", ×" + PowerOfTen(ticks.exponent);
  const double size = fitting_size();
  const double x =
      is_right ? plot.right + place_.right_margin - kDescent * size : plot.left - place_.left_margin + kAscent * size;
  canvas->DrawText(text, {x, plot.Center().y},
                   {.size = size, .color = axis.color, .align = Align::kCenter, .upwards = true});
}

void Panel::DrawTitles(Canvas* canvas) const {
  const Box& plot = place_.plot;
  double title_y = plot.top - style_.title_gap();
  if (place_.legend_above) title_y -= LegendHeightAbove(plot.Width());
  const double title_size = FittingSize(spec_.title, Face::kBold, style_.panel_title(), plot.Width());
  canvas->DrawText(spec_.title, {plot.Center().x, title_y},
                   {.face = Face::kBold, .size = title_size, .color = style_.theme.text, .align = Align::kCenter});
  canvas->DrawText("Transformer Layer",
                   {plot.Center().x, plot.bottom + BottomMargin(style_) - kDescent * style_.axis_title()},
                   {.size = style_.axis_title(), .color = style_.theme.text, .align = Align::kCenter});
  DrawAxisTitle(spec_.left, left_ticks_, false, canvas);
  if (spec_.right) DrawAxisTitle(*spec_.right, right_ticks_, true, canvas);
}

}  // namespace attnscope::render
