// SPDX-License-Identifier: Apache-2.0
//
// From a share to a colour, for heat maps and for lines coloured by depth.
#ifndef ATTNSCOPE_RENDER_CHART_COLOR_MAP_H_
#define ATTNSCOPE_RENDER_CHART_COLOR_MAP_H_

#include "render/draw/color.h"

namespace attnscope::render {

inline constexpr int kColorMapSteps = 256;

// Step 0 to kColorMapSteps - 1, from a dark violet over blue and green to a light yellow. Equal steps look equally
// large (in OKLab, within 15 % of the mean) and lightness grows all the way, so that the order survives any colour
// blindness and a black and white print; color_map_test.cc measures both.
Color ColorMap(int step);

// The step of a share from 0 to 1; what lies beyond is cut. Not for NaN.
int ColorMapStep(double share);

// Black or white, whichever stands out more from this colour.
Color ContrastTo(const Color& color);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_COLOR_MAP_H_
