// SPDX-License-Identifier: Apache-2.0
#include "render/chart/panel_grid.h"

#include <algorithm>
#include <utility>

#include "render/chart/frame.h"

namespace attnscope::render {
namespace {

// A legend's height above a plot is found before the plot's final width, which may be a little less than it was.
constexpr double kSafely = 0.9;
// Distances in points.
constexpr double kRowGap = 14.0;     // between one row's axis titles and the next row's panel titles
constexpr double kColumnGap = 20.0;  // between the columns

}  // namespace

PanelGrid::PanelGrid(std::vector<Panel> panels, size_t columns, const Style& style)
    : panels_(std::move(panels)),
      columns_(columns),
      rows_((panels_.size() + columns - 1) / columns),
      style_(style),
      legend_above_(panels_.size()) {
  has_flag_lane_ = std::any_of(panels_.begin(), panels_.end(), [](const Panel& panel) { return panel.HasFlags(); });
}

void PanelGrid::Fit(const Box& area) {
  for (bool all_fit = false; !all_fit;) {
    FitOnce(area);
    all_fit = true;
    for (size_t i = 0; i < panels_.size(); ++i) {
      if (panels_[i].LegendFits()) continue;
      legend_above_[i] = true;
      all_fit = false;
    }
  }
}

void PanelGrid::FitOnce(const Box& area) {
  const double top_margin = Panel::TopMargin(style_, has_flag_lane_);
  const double around = top_margin + MarginBelow(style_);
  const double row_gap = style_.Points(kRowGap);
  const auto rows = static_cast<double>(rows_);
  std::vector<double> legend_room(rows_);
  for (size_t i = 0; i < panels_.size(); ++i) {
    if (!legend_above_[i]) continue;
    double& room = legend_room[i / columns_];
    room = std::max(room, panels_[i].LegendHeightAbove(kSafely * plot_width_));
  }
  double plot_height = area.Height() - rows * around - (rows - 1.0) * row_gap;
  for (const double room : legend_room) plot_height -= room;
  plot_height /= rows;
  for (Panel& panel : panels_) panel.FitValues(plot_height);
  const std::vector<Margins> margins = FitColumns(area.Width());
  double top = area.top;
  for (size_t row = 0; row < rows_; ++row) {
    double left = area.left;
    top += top_margin + legend_room[row];
    for (size_t i = row * columns_; i < std::min(panels_.size(), (row + 1) * columns_); ++i) {
      const auto [left_margin, right_margin] = margins[i % columns_];
      left += left_margin;
      panels_[i].Fit({.plot = {left, top, left + plot_width_, top + plot_height},
                      .left_margin = left_margin,
                      .right_margin = right_margin,
                      .legend_above = legend_above_[i],
                      .has_flag_lane = has_flag_lane_});
      left += plot_width_ + right_margin + style_.Points(kColumnGap);
    }
    top += plot_height + MarginBelow(style_) + row_gap;
  }
}

std::vector<PanelGrid::Margins> PanelGrid::FitColumns(double width) {
  std::vector<Margins> margins(columns_);
  for (size_t i = 0; i < panels_.size(); ++i) {
    Margins& margin = margins[i % columns_];
    margin.left = std::max(margin.left, panels_[i].LeftMargin());
    margin.right = std::max(margin.right, panels_[i].RightMargin());
  }
  double free = width - static_cast<double>(columns_ - 1) * style_.Points(kColumnGap);
  for (const Margins& margin : margins) free -= margin.left + margin.right;
  plot_width_ = free / static_cast<double>(columns_);
  return margins;
}

void PanelGrid::Draw(Canvas* canvas) const {
  for (const Panel& panel : panels_) panel.Draw(canvas);
}

}  // namespace attnscope::render
