// SPDX-License-Identifier: Apache-2.0
//
// What all figures are told about their looks.
#ifndef ATTNSCOPE_RENDER_FIGURES_FIGURE_LOOK_H_
#define ATTNSCOPE_RENDER_FIGURES_FIGURE_LOOK_H_

#include <algorithm>

#include "attnscope/diagnosis.h"
#include "render/chart/style.h"
#include "render/chart/theme.h"

namespace attnscope::render {

struct FigureLook {
  Theme theme = {};
  bool plain = false;  // no healthy ranges, no flags, no caption
  Thresholds thresholds = {};
  const Baseline* baseline = nullptr;  // null: none
  double column_width = 1.0;           // Style::curve_column
};

// The style of a figure of this size: text of full size needs one of about 1400 x 1050 layout units.
inline Style StyleOf(const FigureLook& look, double width, double height) {
  constexpr double kFullTextWidth = 1400.0;
  constexpr double kFullTextHeight = 1050.0;
  constexpr double kMinTextShare = 0.42;
  Style style;
  style.theme = look.theme;
  style.curve_column = look.column_width;
  style.unit *= std::clamp(std::min(width / kFullTextWidth, height / kFullTextHeight), kMinTextShare, 1.0);
  return style;
}

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_FIGURE_LOOK_H_
