// SPDX-License-Identifier: Apache-2.0
#include "render/chart/color_bar.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "render/chart/color_map.h"

namespace attnscope::render {
namespace {

constexpr double kBar = 14.0;         // points
constexpr double kDescent = 0.24;     // of a text size, below the baseline
constexpr double kMissingGap = 10.0;  // points, below the bar
constexpr std::string_view kMissing = "none";

double WidestTick(const ColorBar& bar, const Style& style) {
  double width = bar.shows_missing ? TextWidth(kMissing, Face::kRegular, style.tick_label()) : 0.0;
  for (const Tick& tick : bar.ticks) width = std::max(width, TextWidth(tick.label, Face::kRegular, style.tick_label()));
  return width;
}

void FillSteps(const ColorBar& bar, const Box& box, Canvas* canvas) {
  const int count = bar.last_step - bar.first_step + 1;
  for (int i = 0; i < count; ++i) {
    Shape cell;
    cell.part = Part::kCell;
    cell.crisp = true;
    cell.fill.AddBox(
        {box.left, box.bottom - box.Height() * (i + 1) / count, box.right, box.bottom - box.Height() * i / count});
    canvas->Draw(cell, ColorMap(bar.first_step + i));
  }
}

}  // namespace

double ColorBarWidth(const ColorBar& bar, const Style& style) {
  return style.Points(kBar) + style.tick_length() + style.tick_gap() + WidestTick(bar, style) + style.axis_gap() +
         style.axis_title();
}

void DrawColorBar(const ColorBar& bar, const Style& style, const Box& box, Canvas* canvas) {
  const double size = style.tick_label();
  const double cap = CapHeight(Face::kRegular, size);
  Box strip = {box.left, box.top, box.left + style.Points(kBar), box.bottom};
  const double label_x = strip.right + style.tick_length() + style.tick_gap();
  const TextStyle label = {.size = size, .color = style.theme.text, .part = Part::kTickLabel};
  Shape frame;
  frame.crisp = true;
  frame.stroke = {.width = style.frame_width(), .cap = Cap::kButt};
  if (bar.shows_missing) {
    Shape missing;
    missing.part = Part::kCell;
    missing.crisp = true;
    const Box swatch = {strip.left, strip.bottom - strip.Width(), strip.right, strip.bottom};
    missing.fill.AddBox(swatch);
    canvas->Draw(missing, style.theme.missing);
    frame.line.AddBox(swatch);
    canvas->DrawText(kMissing, {label_x, swatch.Center().y + 0.5 * cap}, label);
    strip.bottom = swatch.top - style.Points(kMissingGap);
  }
  FillSteps(bar, strip, canvas);
  frame.line.AddBox(strip);
  for (const Tick& tick : bar.ticks) {
    const double y = strip.bottom - strip.Height() * tick.value;
    frame.line.AddPolyline(std::array<Point, 2>{{{strip.right, y}, {strip.right + style.tick_length(), y}}});
    canvas->DrawText(tick.label, {label_x, y + 0.5 * cap}, label);
  }
  canvas->Draw(frame, style.theme.frame);
  const double title_size = FittingSize(bar.title, Face::kRegular, style.axis_title(), strip.Height());
  canvas->DrawText(bar.title, {box.right - kDescent * title_size, strip.Center().y},
                   {.size = title_size,
                    .color = style.theme.text,
                    .align = Align::kCenter,
                    .upwards = true,
                    .part = Part::kAxisTitle});
}

}  // namespace attnscope::render
