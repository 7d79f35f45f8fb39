// SPDX-License-Identifier: Apache-2.0
//
// float64 to float32, which is what the kernels read.
#ifndef ATTNSCOPE_TOOLS_FILES_FLOAT32_H_
#define ATTNSCOPE_TOOLS_FILES_FLOAT32_H_

#include <span>

namespace attnscope::tools {

// Rounds to nearest (relative error 2^-24). What a verdict depends on survives: NaN stays NaN, a value beyond float32's
// range becomes an infinity (so its row is counted as invalid), and a negative value stays negative even where it is
// too small for float32. `to` has the size of `from` and may not overlap it.
void NarrowToFloat32(std::span<const double> from, float* to);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_FLOAT32_H_
