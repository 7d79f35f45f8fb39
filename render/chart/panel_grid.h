// SPDX-License-Identifier: Apache-2.0
//
// Rows and columns of panels whose plots are all of one size.
#ifndef ATTNSCOPE_RENDER_CHART_PANEL_GRID_H_
#define ATTNSCOPE_RENDER_CHART_PANEL_GRID_H_

#include <cstddef>
#include <vector>

#include "render/chart/panel.h"

namespace attnscope::render {

class PanelGrid {
 public:
  // Row by row; the last row may have fewer panels. `columns` is at least 1.
  PanelGrid(std::vector<Panel> panels, size_t columns, const Style& style);

  // Places all panels in the area. Legends that find no free corner get room above their plot. That makes all plots
  // lower, and may leave another legend without a corner, so it is repeated: at most once for each panel.
  void Fit(const Box& area);

  // Of the first row's and of the last row's plots; known after Fit.
  double PlotTop() const { return panels_.front().plot().top; }
  double PlotBottom() const { return panels_.back().plot().bottom; }

  void Draw(Canvas* canvas) const;

 private:
  struct Margins {
    double left = 0.0;
    double right = 0.0;
  };

  void FitOnce(const Box& area);
  // All plots have one width, and those of a column the same margins.
  std::vector<Margins> FitColumns(double width);

  std::vector<Panel> panels_;
  size_t columns_;
  size_t rows_;
  Style style_;
  bool has_flag_lane_ = false;
  double plot_width_ = 0.0;
  std::vector<bool> legend_above_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_PANEL_GRID_H_
