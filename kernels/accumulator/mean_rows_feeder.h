// SPDX-License-Identifier: Apache-2.0
//
// Feeds the rows of a mean matrix to the one open matrix of mean-matrix mode.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_MEAN_ROWS_FEEDER_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_MEAN_ROWS_FEEDER_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/row_visibility.h"
#include "kernels/sweep/pending_rows.h"
#include "kernels/view_rows.h"

namespace attnscope {

// A row of the mean sees every key that the row sees in some matrix of the batch.
class MeanRowsFeeder {
 public:
  // Of a view of this shape. The buffers have room for shown keys; `visibility` has no positions.
  MeanRowsFeeder(const AttentionView& shape, const Visibility& visibility, LayerStorage& storage,
                 FeederBuffers& buffers);

  // Adds rows [first, first + range.rows) of the mean, a block at most; `range` does not say yet what they see. Null,
  // or `seen` [range.rows, keys] says it: 1 for each key that values do not mask in every matrix, else 0.
  void Add(RowRange range, size_t first, const uint8_t* seen = nullptr);

 private:
  // [keys]: 1 for each key that row `row` of some matrix sees, 0 for the others; `end` is where the last of them ends.
  const uint8_t* SeenByAny(size_t row, size_t* end);

  const AttentionView& shape_;
  const Visibility& visibility_;
  LayerStorage& storage_;
  SweepScratch scratch_;
  PendingRows pending_;
  bool is_prefix_;  // rows see the first keys, more or fewer of them in each sequence
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_MEAN_ROWS_FEEDER_H_
