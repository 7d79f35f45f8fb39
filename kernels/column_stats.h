// SPDX-License-Identifier: Apache-2.0
//
// How attention is received: statistics of one matrix's column sums.
#ifndef ATTNSCOPE_KERNELS_COLUMN_STATS_H_
#define ATTNSCOPE_KERNELS_COLUMN_STATS_H_

#include <cstddef>

namespace attnscope {

struct ColumnStats {
  double sum = 0.0;
  double entropy_nats = 0.0;  // of the columns divided by their sum; 0 if the sum is 0
  double max = 0.0;
  size_t max_position = 0;  // the first of equals
};

// Column sums `columns + more` [keys], each finite and >= 0. The entropy's error is below
// 1e-12 * max(1, log(keys)) + 1e-16 * keys: each lane is a plain sum. O(keys); allocates nothing. Thread-safe.
ColumnStats MeasureColumns(const double* columns, const double* more, size_t keys);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_COLUMN_STATS_H_
