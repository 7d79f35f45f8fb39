// SPDX-License-Identifier: Apache-2.0
//
// Which points of a curve get their value written beside them.
#ifndef ATTNSCOPE_RENDER_CHART_VALUE_LABELS_H_
#define ATTNSCOPE_RENDER_CHART_VALUE_LABELS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "render/draw/geometry.h"

namespace attnscope::render {

// Indices of the points, the most telling first: the highest, the lowest, those that are flagged (empty: none is), both
// ends, then peaks and dips by how far they stand out from their neighbours. If all labels, `label_width` wide, can
// stand in `width`, some above and some below their points, all points; otherwise as many as fit with as much space
// between them, the highest and the lowest in any case. O(n log n).
std::vector<size_t> RankForLabels(std::span<const Point> points, double label_width, double width,
                                  const std::vector<bool>& is_flagged = {});

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_VALUE_LABELS_H_
