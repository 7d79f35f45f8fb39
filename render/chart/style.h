// SPDX-License-Identifier: Apache-2.0
//
// Sizes and colours that all parts of a figure share.
#ifndef ATTNSCOPE_RENDER_CHART_STYLE_H_
#define ATTNSCOPE_RENDER_CHART_STYLE_H_

#include "render/chart/theme.h"

namespace attnscope::render {

// Text sizes and line widths are given in typographic points, 1/72 inch, and meant for the default figure.
struct Style {
  // Layout units per point: 100 / 72, less where a small figure has no room for text of full size.
  double unit = 100.0 / 72.0;
  Theme theme;
  double curve_points = 2.0;
  // Layout units in which more than two points of a curve are not told apart.
  double curve_column = 1.0;
  double marker_points = 9.0;

  double Points(double points) const { return points * unit; }

  double outer_gap() const { return Points(10.0); }  // between the border and all that is in it
  double figure_title() const { return Points(16.0); }
  double caption() const { return Points(11.0); }
  double panel_title() const { return Points(14.0); }
  double axis_title() const { return Points(12.0); }
  double tick_label() const { return Points(10.0); }
  double legend_text() const { return Points(10.0); }
  double value_label() const { return Points(9.0); }

  double frame_width() const { return Points(0.8); }
  double tick_length() const { return Points(3.5); }
  double minor_tick_length() const { return Points(2.0); }
  double tick_gap() const { return Points(3.5); }   // from a tick to its label
  double title_gap() const { return Points(8.0); }  // from a frame to the title above it; markers may reach over it
  double axis_gap() const { return Points(6.0); }   // from tick labels to the axis title
  double curve_width() const { return Points(curve_points); }
  double marker_size() const { return Points(marker_points); }
  double flag_size() const { return Points(7.5); }
  double bound_width() const { return Points(1.5); }
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_STYLE_H_
