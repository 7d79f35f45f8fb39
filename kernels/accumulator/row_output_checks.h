// SPDX-License-Identifier: Apache-2.0
//
// Validation of the buffers that rows' measures are written to.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_OUTPUT_CHECKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_OUTPUT_CHECKS_H_

#include "attnscope/row_outputs.h"
#include "attnscope/status.h"
#include "kernels/accumulator/visibility_checks.h"

namespace attnscope {

// Ok, or an error that names the field and its value; `top_k` are the masses that are measured. Fills in strides that
// are left to their defaults. O(1).
Status ResolveRowOutputs(const MatrixShape& shape, const TopKValues& top_k, RowOutputs* outputs);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_OUTPUT_CHECKS_H_
