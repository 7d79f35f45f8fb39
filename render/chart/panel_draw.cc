// SPDX-License-Identifier: Apache-2.0
//
// Drawing a panel whose parts have their places; see panel.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "render/chart/number_format.h"
#include "render/chart/panel.h"

namespace attnscope::render {
namespace {

constexpr double kAscent = 0.76;            // of a text size, above the baseline
constexpr double kDescent = 0.24;           // below it
constexpr double kTickLabelDistance = 1.0;  // least, of baselines, in sizes of the labels
constexpr double kMaxStripe = 0.18;         // of the plot's width
constexpr double kSliver = 0.2;     // of the distance of positions: what is left of the plot beside a stripe joins it
constexpr double kLeastFlag = 0.6;  // of a flag's size
constexpr double kReadable = 0.8;   // of an axis title's size
constexpr double kFlagGap = 7.0;    // points, from a frame to the flags above it: markers reach over the frame

void AddSegment(Point a, Point b, Path* path) { path->AddPolyline(std::array<Point, 2>{a, b}); }

double WidestLabel(const Ticks& ticks, const Style& style) {
  double width = 0.0;
  for (const Tick& tick : ticks.major) {
    width = std::max(width, TextWidth(tick.label, Face::kRegular, style.tick_label()));
  }
  return width;
}

}  // namespace

Stroke Panel::BoundStroke(const Bound& bound) const { return StrokeOf(bound.dashes, style_.bound_width()); }

double Panel::TopMargin(const Style& style, bool has_flag_lane) {
  const double lane = has_flag_lane ? style.flag_size() + style.Points(kFlagGap) : 0.0;
  return lane + style.title_gap() + CapHeight(Face::kBold, style.panel_title());
}

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
    // The last position's number may be wider than what is right of its tick.
    if (positions_.empty()) return 0.0;
    const double width = TextWidth(FormatInteger(positions_.back()), Face::kRegular, style_.tick_label());
    return std::max(0.0, 0.5 * width - style_.Points(10.0));
  }
  return style_.tick_length() + style_.tick_gap() + WidestLabel(right_ticks_, style_) + style_.axis_gap() +
         style_.axis_title();
}

void Panel::Draw(Canvas* canvas) const {
  if (is_measured_) DrawBands(canvas);
  DrawGrid(canvas);
  DrawFrame(canvas);
  DrawTickLabels(canvas);
  DrawTitles(canvas);
  if (!is_measured_) {
    const double size = style_.axis_title();
    const Point center = place_.plot.Center();
    canvas->DrawText("not measured", {center.x, center.y + 0.5 * CapHeight(Face::kRegular, size)},
                     {.size = size, .color = style_.theme.muted, .align = Align::kCenter, .part = Part::kNote});
    return;
  }
  DrawBounds(canvas);
  for (size_t i = 0; i < curves_.size(); ++i) curves_[i].Draw(spec_.series[i].color, canvas);
  if (legend_origin_) legend_.Draw(*legend_origin_, canvas);
  const TextStyle label_style = {
      .face = Face::kBold, .size = style_.value_label(), .color = style_.theme.text, .part = Part::kValueLabel};
  for (const ValueLabel& label : value_labels_) canvas->DrawText(label.text, label.anchor, label_style);
  DrawFlags(canvas);
}

Box Panel::StripeOf(size_t i) const {
  const Box& plot = place_.plot;
  const double x = XOf(positions_[i]);
  // Beyond a gap of missing positions a stripe ends where that of the next missing one would begin.
  const double span =
      static_cast<double>(static_cast<uint64_t>(positions_.back()) - static_cast<uint64_t>(positions_[0]));
  const double distance =
      span > 0.0 ? (XOf(positions_.back()) - XOf(positions_[0])) / span * static_cast<double>(usual_distance_)
                 : plot.Width();
  const double usual = std::min(distance, kMaxStripe * plot.Width());
  const double before = i > 0 ? std::min(usual, x - XOf(positions_[i - 1])) : usual;
  const double after = i + 1 < positions_.size() ? std::min(usual, XOf(positions_[i + 1]) - x) : usual;
  const auto to_border = [&](double edge, double border) {
    return std::abs(edge - border) < kSliver * usual ? border : std::clamp(edge, plot.left, plot.right);
  };
  return {to_border(x - 0.5 * before, plot.left), plot.top, to_border(x + 0.5 * after, plot.right), plot.bottom};
}

Box Panel::BoxOf(const Band& band) const {
  const Box& plot = place_.plot;
  const auto y = [&](double value) { return std::clamp(YOf(value, left_scale_), plot.top, plot.bottom); };
  return {plot.left, y(band.high), plot.right, y(band.low)};
}

// Where a healthy range is, its colour alone is seen.
void Panel::AddBesideBands(const Box& stripe, Path* path) const {
  double top = stripe.top;
  for (const Band& band : spec_.bands) {
    const Box box = BoxOf(band);
    if (box.top > top) path->AddBox({stripe.left, top, stripe.right, box.top});
    top = box.bottom;
  }
  if (stripe.bottom > top) path->AddBox({stripe.left, top, stripe.right, stripe.bottom});
}

void Panel::DrawBands(Canvas* canvas) const {
  for (const Band& band : spec_.bands) {
    Shape shape;
    shape.part = Part::kBand;
    shape.crisp = true;
    shape.fill.AddBox(BoxOf(band));
    canvas->Draw(shape, style_.theme.band);
  }
  for (const Severity severity : {Severity::kWarning, Severity::kCritical}) {
    Shape stripes;
    stripes.part = Part::kStripe;
    stripes.crisp = true;
    for (const Flag& flag : spec_.flags) {
      if (flag.whole == severity) AddBesideBands(StripeOf(flag.index), &stripes.fill);
    }
    if (stripes.fill.empty()) continue;
    canvas->Draw(stripes, WithAlpha(ColorOf(severity, style_.theme), style_.theme.stripe_alpha));
  }
}

void Panel::DrawFlags(Canvas* canvas) const {
  for (const Ring& ring : spec_.rings) {
    const std::optional<Point> at = PointOf(ring);
    if (at) DrawRing(ring.flag.severity, *at, style_.flag_size(), style_.theme, canvas);
  }
  // Where neighbours would meet, all are smaller; critical ones are on top.
  double size = style_.flag_size();
  for (size_t i = 1; i < spec_.flags.size(); ++i) {
    size = std::min(size, XOf(positions_[spec_.flags[i].index]) - XOf(positions_[spec_.flags[i - 1].index]));
  }
  size = std::max(size, kLeastFlag * style_.flag_size());
  const double y = place_.plot.top - style_.Points(kFlagGap) - 0.5 * size;
  for (const Severity severity : {Severity::kWarning, Severity::kCritical}) {
    for (const Flag& flag : spec_.flags) {
      if (flag.severity != severity) continue;
      DrawFlag(severity, {XOf(positions_[flag.index]), y}, size, ColorOf(severity, style_.theme), canvas);
    }
  }
}

void Panel::DrawGrid(Canvas* canvas) const {
  const Box& plot = place_.plot;
  Shape grid;
  grid.stroke = {.width = style_.frame_width(), .cap = Cap::kButt};
  grid.crisp = true;
  grid.part = Part::kGrid;
  const auto add_row = [&](double value) {
    const double y = YOf(value, left_scale_);
    AddSegment({plot.left, y}, {plot.right, y}, &grid.line);
  };
  for (const Tick& tick : left_ticks_.major) add_row(tick.value);
  for (const double value : left_ticks_.minor) add_row(value);
  for (const int64_t tick : horizontal_ticks_) AddSegment({XOf(tick), plot.top}, {XOf(tick), plot.bottom}, &grid.line);
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
  for (const int64_t tick : horizontal_ticks_) {
    AddSegment({XOf(tick), plot.bottom}, {XOf(tick), plot.bottom + length}, &frame.line);
  }
  canvas->Draw(frame, style_.theme.frame);
}

void Panel::DrawBounds(Canvas* canvas) const {
  for (const Bound& bound : spec_.bounds) {
    const double y = YOf(bound.value, left_scale_);
    Shape line;
    AddSegment({place_.plot.left, y}, {place_.plot.right, y}, &line.line);
    line.stroke = BoundStroke(bound);
    line.part = Part::kBound;
    canvas->Draw(line, bound.color);
  }
}

void Panel::DrawTickLabels(Canvas* canvas) const {
  const Box& plot = place_.plot;
  const double size = style_.tick_label();
  const double cap = CapHeight(Face::kRegular, size);
  const double distance = style_.tick_length() + style_.tick_gap();
  TextStyle style = {.size = size, .color = style_.theme.text, .align = Align::kRight, .part = Part::kTickLabel};
  // In very low plots not all labels have room.
  const auto draw = [&](const Ticks& ticks, const Scale& scale, double x) {
    double next = std::numeric_limits<double>::infinity();
    for (const Tick& tick : ticks.major) {
      const double baseline = YOf(tick.value, scale) + 0.5 * cap;
      if (tick.label.empty() || baseline > next) continue;
      canvas->DrawText(tick.label, {x, baseline}, style);
      next = baseline - kTickLabelDistance * size;
    }
  };
  draw(left_ticks_, left_scale_, plot.left - distance);
  style.align = Align::kLeft;
  draw(right_ticks_, right_scale_, plot.right + distance);
  style.align = Align::kCenter;
  for (const int64_t tick : horizontal_ticks_) {
    canvas->DrawText(FormatInteger(tick), {XOf(tick), plot.bottom + distance + cap}, style);
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
  canvas->DrawText(
      text, {x, plot.Center().y},
      {.size = size, .color = axis.color, .align = Align::kCenter, .upwards = true, .part = Part::kAxisTitle});
}

void Panel::DrawTitles(Canvas* canvas) const {
  const Box& plot = place_.plot;
  double title_y = plot.top - TopMargin(style_, place_.has_flag_lane) + CapHeight(Face::kBold, style_.panel_title());
  if (place_.legend_above) title_y -= LegendHeightAbove(plot.Width());
  const double title_size = FittingSize(spec_.title, Face::kBold, style_.panel_title(), plot.Width());
  canvas->DrawText(spec_.title, {plot.Center().x, title_y},
                   {.face = Face::kBold,
                    .size = title_size,
                    .color = style_.theme.text,
                    .align = Align::kCenter,
                    .part = Part::kPanelTitle});
  canvas->DrawText(
      spec_.horizontal_title, {plot.Center().x, plot.bottom + BottomMargin(style_) - kDescent * style_.axis_title()},
      {.size = style_.axis_title(), .color = style_.theme.text, .align = Align::kCenter, .part = Part::kAxisTitle});
  DrawAxisTitle(spec_.left, left_ticks_, false, canvas);
  if (spec_.right) DrawAxisTitle(*spec_.right, right_ticks_, true, canvas);
}

}  // namespace attnscope::render
