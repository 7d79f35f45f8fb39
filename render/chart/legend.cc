// SPDX-License-Identifier: Apache-2.0
#include "render/chart/legend.h"

#include <algorithm>
#include <array>
#include <utility>

namespace attnscope::render {
namespace {

// In sizes of the legend's text.
constexpr double kPadding = 0.45;
constexpr double kHandle = 2.0;     // length of the piece of line
constexpr double kHandleGap = 0.7;  // between it and the name
constexpr double kLine = 1.5;       // from one baseline to the next
constexpr double kLeading = 0.45;   // part of that which is not needed below the last line
constexpr double kColumnGap = 1.6;  // between columns
constexpr double kCornerRadius = 0.25;

}  // namespace

Legend::Legend(std::vector<LegendEntry> entries, const Style& style, int max_columns, double max_width)
    : entries_(std::move(entries)), style_(style) {
  columns_ = std::max<size_t>(1, std::min(static_cast<size_t>(max_columns), entries_.size()));
  while (columns_ > 1 && Width() > max_width) --columns_;
}

size_t Legend::Rows() const { return (entries_.size() + columns_ - 1) / columns_; }

double Legend::ColumnWidth(size_t column) const {
  double width = 0.0;
  for (size_t i = column; i < entries_.size(); i += columns_) {
    width = std::max(width, TextWidth(entries_[i].name, Face::kRegular, style_.legend_text()));
  }
  return width + (kHandle + kHandleGap) * style_.legend_text();
}

double Legend::Width() const {
  double width = (2.0 * kPadding + static_cast<double>(columns_ - 1) * kColumnGap) * style_.legend_text();
  for (size_t column = 0; column < columns_; ++column) width += ColumnWidth(column);
  return width;
}

double Legend::Height() const {
  return (2.0 * kPadding + kLine * static_cast<double>(Rows()) - kLeading) * style_.legend_text();
}

void Legend::Draw(Point origin, Canvas* canvas) const {
  const double em = style_.legend_text();
  const Box box = {origin.x, origin.y, origin.x + Width(), origin.y + Height()};
  Shape background;
  background.fill.AddRoundedBox(box, kCornerRadius * em);
  background.crisp = true;
  background.part = Part::kLegend;
  canvas->Draw(background, style_.theme.legend_fill);
  Shape border;
  border.line.AddRoundedBox(box, kCornerRadius * em);
  border.stroke.width = style_.frame_width();
  border.crisp = true;
  border.part = Part::kLegend;
  canvas->Draw(border, style_.theme.legend_frame);

  const double cap = CapHeight(Face::kRegular, em);
  for (size_t i = 0; i < entries_.size(); ++i) {
    const LegendEntry& entry = entries_[i];
    const size_t row = i / columns_;
    double left = box.left + kPadding * em;
    for (size_t column = 0; column < i % columns_; ++column) left += ColumnWidth(column) + kColumnGap * em;
    const double middle = box.top + (kPadding + 0.5 * (kLine - kLeading) + static_cast<double>(row) * kLine) * em;
    Shape handle;
    handle.part = Part::kLegendKey;
    if (entry.is_area) {
      handle.fill.AddBox({left, middle - 0.5 * cap, left + kHandle * em, middle + 0.5 * cap});
    } else {
      handle.line.AddPolyline(std::array<Point, 2>{{{left, middle}, {left + kHandle * em, middle}}});
    }
    handle.stroke = entry.stroke;
    if (entry.marker) {
      AddMarker(*entry.marker, {left + 0.5 * kHandle * em, middle}, style_.marker_size(), &handle.fill);
    }
    canvas->Draw(handle, entry.color);
    canvas->DrawText(entry.name, {left + (kHandle + kHandleGap) * em, middle + 0.5 * cap},
                     {.size = em, .color = entry.text_color, .part = Part::kLegendText});
  }
}

}  // namespace attnscope::render
