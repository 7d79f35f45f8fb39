// SPDX-License-Identifier: Apache-2.0
//
// The column sums before the first row of a block.
#ifndef ATTNSCOPE_KERNELS_SWEEP_ZERO_COLUMNS_H_
#define ATTNSCOPE_KERNELS_SWEEP_ZERO_COLUMNS_H_

namespace attnscope {

// kStripColumns zeros, aligned for any vector; one array for all targets.
const float* ZeroColumns();

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_ZERO_COLUMNS_H_
