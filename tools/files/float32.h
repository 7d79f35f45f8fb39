// SPDX-License-Identifier: Apache-2.0
//
// Other floats to float32: float64, as the kernels read no such, and half types, for single numbers.
#ifndef ATTNSCOPE_TOOLS_FILES_FLOAT32_H_
#define ATTNSCOPE_TOOLS_FILES_FLOAT32_H_

#include <cstdint>
#include <span>

namespace attnscope::tools {

// Rounds to nearest (relative error 2^-24). What a verdict depends on survives: NaN stays NaN, a value beyond float32's
// range becomes an infinity (so its row is counted as invalid), and a negative value stays negative even where it is
// too small for float32. `to` has the size of `from` and may not overlap it.
void NarrowToFloat32(std::span<const double> from, float* to);

// Exact, of the bits of float16 and bfloat16.
float WidenHalf(uint16_t bits);
float WidenBFloat(uint16_t bits);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_FLOAT32_H_
