// SPDX-License-Identifier: Apache-2.0
//
// The legend of a panel: which curve is which.
#ifndef ATTNSCOPE_RENDER_CHART_LEGEND_H_
#define ATTNSCOPE_RENDER_CHART_LEGEND_H_

#include <optional>
#include <string>
#include <vector>

#include "render/chart/marker.h"
#include "render/chart/style.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

struct LegendEntry {
  std::string name;
  Color color;
  Color text_color;
  Stroke stroke;
  std::optional<Marker> marker;
  bool is_area = false;  // shown as a filled box, without line and marker
};

class Legend {
 public:
  // In as many columns as fit into `max_width`, but no more than `max_columns`, and at least one.
  Legend(std::vector<LegendEntry> entries, const Style& style, int max_columns, double max_width);

  bool empty() const { return entries_.empty(); }
  double Width() const;
  double Height() const;
  // `origin` is its upper left corner.
  void Draw(Point origin, Canvas* canvas) const;

 private:
  size_t Rows() const;
  double ColumnWidth(size_t column) const;

  std::vector<LegendEntry> entries_;
  Style style_;
  size_t columns_ = 1;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_LEGEND_H_
