// SPDX-License-Identifier: Apache-2.0
//
// The top-k masses that take a selection of their own. No SIMD here: one copy for all targets.
#ifndef ATTNSCOPE_KERNELS_SWEEP_OWN_MASSES_H_
#define ATTNSCOPE_KERNELS_SWEEP_OWN_MASSES_H_

#include <stddef.h>

#include "kernels/sweep/row_block.h"

namespace attnscope {

// Sets the masses from the `first` k on of rows [row, row + count). O(count * (keys + k)); allocates nothing.
void SetMasses(const RowBlock& block, size_t row, size_t count, size_t first, BlockResult* result);

// Measures the slow rows of a block by the careful path.
void MeasureSlowRows(const RowBlock& block, BlockResult* result);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_OWN_MASSES_H_
