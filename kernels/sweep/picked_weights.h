// SPDX-License-Identifier: Apache-2.0
//
// The weights of a row that outputs ask for by their place: the column of the largest one, and the weights of the first
// key, of the query's own and of the one before it. No SIMD here: one copy for all targets and types.
#ifndef ATTNSCOPE_KERNELS_SWEEP_PICKED_WEIGHTS_H_
#define ATTNSCOPE_KERNELS_SWEEP_PICKED_WEIGHTS_H_

#include <stddef.h>
#include <stdint.h>

#include "hwy/base.h"
#include "kernels/simd/lanes.h"
#include "kernels/sweep/row_block.h"

namespace attnscope {

// The largest weight of each row so far, as a bit pattern, and which weight of the row it is, the first of equals.
struct LargestPlaces {
  HWY_ALIGN_MAX uint32_t bits[kMaxFloatLanes];
  size_t index[kRowsPerBlock];
};

// Fills in the picks of the rows that are measured; others may get anything. Not the column of the largest weight, if
// no output asks for it. O(rows), but O(keys) for a slow row and for weights that have columns of their own.
void PickWeights(const RowBlock& block, const LargestPlaces& largest, BlockResult* result);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_PICKED_WEIGHTS_H_
