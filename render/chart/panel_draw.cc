// SPDX-License-Identifier: Apache-2.0
//
// Drawing a panel whose parts have their places; see panel.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "render/chart/frame.h"
#include "render/chart/number_format.h"
#include "render/chart/panel.h"

namespace attnscope::render {
namespace {

constexpr double kTickLabelDistance = 1.0;  // least, of baselines, in sizes of the labels
constexpr double kMaxStripe = 0.18;         // of the plot's width
constexpr double kSliver = 0.2;     // of the distance of positions: what is left of the plot beside a stripe joins it
constexpr double kLeastFlag = 0.6;  // of a flag's size
constexpr double kReadable = 0.8;   // of an axis title's size
constexpr double kFlagGap = 7.0;    // points, from a frame to the flags above it: markers reach over the frame

}  // namespace

Stroke Panel::BoundStroke(const Bound& bound) const { return StrokeOf(bound.dashes, style_.bound_width()); }

double Panel::TopMargin(const Style& style, bool has_flag_lane) {
  const double lane = has_flag_lane ? style.flag_size() + style.Points(kFlagGap) : 0.0;
  return lane + MarginAbove(style);
}

double Panel::LeftMargin() const { return MarginBeside(WidestLabel(left_ticks_.major, style_), style_); }

double Panel::RightMargin() const {
  if (!spec_.right) {
    // The last position's number may be wider than what is right of its tick.
    if (positions_.empty()) return 0.0;
    const double width = TextWidth(FormatInteger(positions_.back()), Face::kRegular, style_.tick_label());
    return std::max(0.0, 0.5 * width - style_.Points(10.0));
  }
  return MarginBeside(WidestLabel(right_ticks_.major, style_), style_);
}

void Panel::Draw(Canvas* canvas) const {
  if (is_measured_) DrawBands(canvas);
  DrawGrid(canvas);
  DrawFrame(canvas);
  DrawTickLabels(canvas);
  DrawTitles(canvas);
  if (!is_measured_) {
    const auto has_bad = [](const Series& series) { return series.has_bad_numbers; };
    const bool any_bad = std::any_of(spec_.series.begin(), spec_.series.end(), has_bad);
    DrawLack(any_bad ? kBadNumbersOnly : kNotMeasured, place_.plot, style_, canvas);
    DrawFlags(canvas);
    return;
  }
  DrawBounds(canvas);
  for (size_t i = 0; i < curves_.size(); ++i) curves_[i].Draw(spec_.series[i].color, canvas);
  if (legend_origin_) legend_.Draw(*legend_origin_, canvas);
  const TextStyle label_style = {
      .face = Face::kBold, .size = style_.value_label(), .color = style_.theme.text, .part = Part::kValueLabel};
  for (const ValueLabel& label : value_labels_) canvas->DrawText(label.text, label.anchor, label_style);
  DrawFlags(canvas);
  Describe(canvas);
}

// Bounds are lines, too; curves of the right axis are told, but not found by their height.
void Panel::Describe(Canvas* canvas) const {
  Region region = {.kind = Region::Kind::kCurves,
                   .title = spec_.title,
                   .across = spec_.unit,
                   .box = place_.plot,
                   .columns = {positions_.begin(), positions_.end()},
                   .rows = {},
                   .lines = {}};
  for (const int64_t position : positions_) region.xs.push_back(XOf(position));
  region.low = left_scale_.low;
  region.high = left_scale_.high;
  region.is_log = left_scale_.log;
  for (const Series& series : spec_.series) {
    if (series.values.size() == 1 && positions_.size() > 1 && !series.at.empty()) continue;  // marks a point of another
    Region::Line line = {series.name, std::vector<double>(positions_.size(), std::numeric_limits<double>::quiet_NaN())};
    for (size_t v = 0; v < series.values.size(); ++v) {
      if (series.IndexOf(v) < line.values.size()) line.values[series.IndexOf(v)] = series.values[v];
    }
    region.lines.push_back(std::move(line));
  }
  for (const Bound& bound : spec_.bounds) {
    Region::Line line = {bound.name, std::vector<double>(positions_.size(), std::numeric_limits<double>::quiet_NaN())};
    for (size_t i = 0; i < line.values.size(); ++i) {
      if (bound.at.Has(i)) line.values[i] = bound.value;
    }
    region.lines.push_back(std::move(line));
  }
  canvas->Describe(region);
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

Box Panel::SpanOf(const PositionRange& at) const {
  Box span = place_.plot;
  const auto before = [&](size_t i) { return 0.5 * (XOf(positions_[i - 1]) + XOf(positions_[i])); };
  if (at.first > 0) span.left = before(at.first);
  if (at.end < positions_.size()) span.right = before(at.end);
  return span;
}

Box Panel::BoxOf(const Band& band) const {
  const Box& plot = place_.plot;
  const auto y = [&](double value) { return std::clamp(YOf(value, left_scale_), plot.top, plot.bottom); };
  const Box span = SpanOf(band.at);
  return {span.left, y(band.high), span.right, y(band.low)};
}

// Where a healthy range is, its colour alone is seen.
void Panel::AddBesideBands(size_t i, Path* path) const {
  const Box stripe = StripeOf(i);
  double top = stripe.top;
  for (const Band& band : spec_.bands) {
    if (!band.at.Has(i)) continue;
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
      if (flag.whole == severity) AddBesideBands(flag.index, &stripes.fill);
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
  const double length = style_.tick_length();
  Frame frame(style_);
  frame.AddBox(plot);
  for (const Tick& tick : left_ticks_.major) frame.AddTick(plot, Side::kLeft, YOf(tick.value, left_scale_), length);
  for (const double value : left_ticks_.minor) {
    frame.AddTick(plot, Side::kLeft, YOf(value, left_scale_), style_.minor_tick_length());
  }
  for (const Tick& tick : right_ticks_.major) frame.AddTick(plot, Side::kRight, YOf(tick.value, right_scale_), length);
  for (const int64_t tick : horizontal_ticks_) frame.AddTick(plot, Side::kBelow, XOf(tick), length);
  frame.Draw(canvas);
}

void Panel::DrawBounds(Canvas* canvas) const {
  for (const Bound& bound : spec_.bounds) {
    const double y = YOf(bound.value, left_scale_);
    Shape line;
    const Box span = SpanOf(bound.at);
    AddSegment({span.left, y}, {span.right, y}, &line.line);
    line.stroke = BoundStroke(bound);
    line.part = Part::kBound;
    canvas->Draw(line, bound.color);
  }
}

void Panel::DrawTickLabels(Canvas* canvas) const {
  const Box& plot = place_.plot;
  // In very low plots not all labels have room.
  const auto draw = [&](const Ticks& ticks, const Scale& scale, Side side) {
    double next = std::numeric_limits<double>::infinity();
    for (const Tick& tick : ticks.major) {
      const double y = YOf(tick.value, scale);
      if (tick.label.empty() || y > next) continue;
      DrawTickLabel(tick.label, plot, side, y, style_, canvas);
      next = y - kTickLabelDistance * style_.tick_label();
    }
  };
  draw(left_ticks_, left_scale_, Side::kLeft);
  draw(right_ticks_, right_scale_, Side::kRight);
  for (const int64_t tick : horizontal_ticks_) {
    DrawTickLabel(FormatInteger(tick), plot, Side::kBelow, XOf(tick), style_, canvas);
  }
}

void Panel::DrawAxisTitle(const Axis& axis, const Ticks& ticks, Side side, Canvas* canvas) const {
  const Box& plot = place_.plot;
  std::string text = axis.title;
  const auto fitting_size = [&] { return FittingSize(text, Face::kRegular, style_.axis_title(), 1.1 * plot.Height()); };
  // Where there is little room, what stands in parentheses gives way first.
  if (fitting_size() < kReadable * style_.axis_title()) text.resize(std::min(text.size(), text.find(" (")));
  if (ticks.exponent != 0) text += ", ×" + PowerOfTen(ticks.exponent);
  const double edge = side == Side::kRight ? plot.right + place_.right_margin : plot.left - place_.left_margin;
  DrawTitleBeside(text, plot, side, edge, fitting_size(), axis.color, canvas);
}

void Panel::DrawTitles(Canvas* canvas) const {
  const Box& plot = place_.plot;
  double title_y = plot.top - TopMargin(style_, place_.has_flag_lane) + CapHeight(Face::kBold, style_.panel_title());
  if (place_.legend_above) title_y -= LegendHeightAbove(plot.Width());
  DrawTitleAbove(spec_.title, plot, title_y, style_, canvas);
  DrawTitleBelow(spec_.horizontal_title, plot, style_, canvas);
  DrawAxisTitle(spec_.left, left_ticks_, Side::kLeft, canvas);
  if (spec_.right) DrawAxisTitle(*spec_.right, right_ticks_, Side::kRight, canvas);
}

}  // namespace attnscope::render
