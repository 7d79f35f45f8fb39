// SPDX-License-Identifier: Apache-2.0
//
// One metric at a time, from the pieces of the fused sweep: what each would cost alone. Only for comparison; attnscope
// never computes them apart.
#ifndef ATTNSCOPE_BENCH_SINGLE_METRICS_H_
#define ATTNSCOPE_BENCH_SINGLE_METRICS_H_

#include <cstddef>

#include "kernels/sweep/sweep_workspace.h"

namespace attnscope::bench {

// Rows of `keys` float32 weights, a multiple of 256, one behind the other. Each returns a number that depends on all.

// Sum of all p log2 p.
double EntropyAlone(const float* rows, size_t num_rows, size_t keys);
// Sum of the rows' maxima.
double MaxAlone(const float* rows, size_t num_rows, size_t keys);
// Adds all rows to `columns`, in the sweep's trips.
double ColumnSumsAlone(const float* rows, size_t num_rows, size_t keys, float* columns);
// Sum of the rows' top-5, -10 and -50 masses; num_rows is cut to a multiple of a block.
double TopKAlone(const float* rows, size_t num_rows, size_t keys, SweepWorkspace* workspace);

}  // namespace attnscope::bench

#endif  // ATTNSCOPE_BENCH_SINGLE_METRICS_H_
