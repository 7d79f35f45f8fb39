// SPDX-License-Identifier: Apache-2.0
#include "render/chart/color_bar.h"

#include <algorithm>

#include "render/chart/color_map.h"
#include "render/chart/frame.h"

namespace attnscope::render {
namespace {

constexpr double kBar = 14.0;        // points
constexpr double kSwatchGap = 10.0;  // points, below the bar

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
  double widest = WidestLabel(bar.ticks, style);
  for (const Swatch& swatch : bar.swatches) {
    widest = std::max(widest, TextWidth(swatch.label, Face::kRegular, style.tick_label()));
  }
  return style.Points(kBar) + MarginBeside(widest, style);
}

void DrawColorBar(const ColorBar& bar, const Style& style, const Box& box, Canvas* canvas) {
  Box strip = {box.left, box.top, box.left + style.Points(kBar), box.bottom};
  Frame frame(style);
  for (const Swatch& swatch : bar.swatches) {
    Shape fill;
    fill.part = Part::kCell;
    fill.crisp = true;
    const Box place = {strip.left, strip.bottom - strip.Width(), strip.right, strip.bottom};
    fill.fill.AddBox(place);
    canvas->Draw(fill, swatch.color);
    frame.AddBox(place);
    DrawTickLabel(swatch.label, place, Side::kRight, place.Center().y, style, canvas);
    strip.bottom = place.top - style.Points(kSwatchGap);
  }
  FillSteps(bar, strip, canvas);
  frame.AddBox(strip);
  for (const Tick& tick : bar.ticks) {
    const double y = strip.bottom - strip.Height() * tick.value;
    frame.AddTick(strip, Side::kRight, y, style.tick_length());
    DrawTickLabel(tick.label, strip, Side::kRight, y, style, canvas);
  }
  frame.Draw(canvas);
  const double title_size = FittingSize(bar.title, Face::kRegular, style.axis_title(), strip.Height());
  DrawTitleBeside(bar.title, strip, Side::kRight, box.right, title_size, style.theme.text, canvas);
}

}  // namespace attnscope::render
