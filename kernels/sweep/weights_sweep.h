// SPDX-License-Identifier: Apache-2.0
//
// One sweep over rows of post-softmax weights: every row's measures, and the column sums.
#ifndef ATTNSCOPE_KERNELS_SWEEP_WEIGHTS_SWEEP_H_
#define ATTNSCOPE_KERNELS_SWEEP_WEIGHTS_SWEEP_H_

#include <cstddef>

#include "kernels/sweep/row_block.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {

// Sweeps a block, and adds what its rows measure to the sums of their matrices. O(rows * keys), one read; allocates
// nothing. Thread-safe for different outputs and scratch.
void SweepBlock(const RowBlock& block, const BlockPart* parts, size_t num_parts, SweepWorkspace* workspace);

// The same in three steps, for whole blocks of kRowsPerBlock rows of one matrix, aligned to its sequence, that several
// threads share. With results and columns of its own, any thread sweeps any block; the two others add what was swept to
// the matrix, both block by block in the order of the rows, and different columns may be added by different threads.
// Each is thread-safe for different outputs and allocates nothing.
void SweepDetached(const RowBlock& block, SweepWorkspace* workspace, BlockResult* result);
// Adds the result to the sums of the rows' matrix, and bends its entropies where rounding pushed them over a limit.
void AddDetachedRows(const RowBlock& block, BlockResult* result);
// Adds its column sums within a range to columns [keys] of the finished blocks. Reads rows again only if some are slow.
void AddDetachedColumns(const RowBlock& block, const BlockResult& result, const KeyRange& range, double* columns);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_WEIGHTS_SWEEP_H_
