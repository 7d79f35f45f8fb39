// SPDX-License-Identifier: Apache-2.0
//
// From what a block of plain rows measured to numbers of its rows.
#ifndef ATTNSCOPE_KERNELS_PLAIN_ROWS_FINISH_ROWS_H_
#define ATTNSCOPE_KERNELS_PLAIN_ROWS_FINISH_ROWS_H_

#include <stddef.h>

#include "kernels/sweep/row_block.h"

namespace attnscope {

// Bends the entropies of rows of `columns` columns within their limits, as the accumulator does, and writes them and
// their exponentials, NaN where a row is invalid: [num_rows] each, null if not wanted.
void FinishBlock(BlockResult& result, size_t num_rows, size_t columns, double* entropy_nats, double* exp_entropy);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_PLAIN_ROWS_FINISH_ROWS_H_
