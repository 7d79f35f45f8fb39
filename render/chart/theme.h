// SPDX-License-Identifier: Apache-2.0
//
// The colours of a figure, for light and for dark backgrounds.
#ifndef ATTNSCOPE_RENDER_CHART_THEME_H_
#define ATTNSCOPE_RENDER_CHART_THEME_H_

#include "attnscope/diagnosis.h"
#include "render/draw/color.h"

namespace attnscope::render {

// One colour for each curve of the summary. On white these are the colours that its readers know; the dark ones are
// chosen so that those of one panel stay apart for colour-blind readers, too.
struct DataColors {
  Color entropy = Rgb(0x7191A9);
  Color effective_rank = Rgb(0xB73C39);
  Color top5 = Rgb(0x000000, 0.8);  // translucent: they often lie on one another
  Color top10 = Rgb(0xCC8250, 0.8);
  Color top50 = Rgb(0x6B8D3A, 0.8);
  Color max_row_weight = Rgb(0x34699D);
  Color col_entropy = Rgb(0x3D796E);
  Color max_col_sum = Rgb(0x4A9C60);
  Color residual_ratio = Rgb(0x3978B5);
  Color lower_bound = Rgb(0x6B8D3A, 0.5);
  Color upper_bound = Rgb(0xB73C39, 0.5);
};

// The defaults are the light theme.
struct Theme {
  Color background = Rgb(0xFFFFFF);
  Color text = Rgb(0x000000);
  Color frame = Rgb(0x000000);
  Color grid = Rgb(0xB0B0B0, 0.3);
  Color muted = Rgb(0x757575);  // says that something is absent
  Color legend_fill = Rgb(0xFFFFFF, 0.8);
  Color legend_frame = Rgb(0xCCCCCC, 0.8);
  Color band = Rgb(0x1B9AAA, 0.13);  // the healthy range: blue enough to differ from red for everybody
  Color missing = Rgb(0xE2E2E2);     // a cell of a heat map without a value
  Color warning = Rgb(0xD98200);     // flags; their shapes differ, too
  Color critical = Rgb(0xB00020);
  double stripe_alpha = 0.10;  // of what lies behind flagged layers
  DataColors data;
};

Theme LightTheme();
Theme DarkTheme();

// kHealthy has the colour of the healthy range, opaque.
Color ColorOf(Severity severity, const Theme& theme);

constexpr Color WithAlpha(Color color, double alpha) {
  color.alpha = alpha;
  return color;
}

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_THEME_H_
