// SPDX-License-Identifier: Apache-2.0
//
// Blocks of rows on their way from logits to weights.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_BLOCKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"
#include "kernels/accumulator/logit_scratch.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/row_chunks.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/view_rows.h"

namespace attnscope {

// A chunk that the source has prepared as `logits`.
struct PreparedChunk {
  const LogitSource& source;
  const RowChunk& chunk;
  const LogitScratch& scratch;
  AttentionView logits;

  PreparedChunk(const LogitSource& from, const RowChunk& of, const LogitScratch& in)
      : source(from), chunk(of), scratch(in), logits(from.Prepare(of, in)) {}
};

// Makes the weights and measures of a head's rows from `first` on, a block at most, both in the scratch. Where no row
// of logits is left to prefetch meanwhile, `ahead` is, what the weights are added to: a number for each key; or null.
RowRange MakeWeights(const PreparedChunk& prepared, size_t head, size_t first, const RowRules& rules,
                     const float* ahead = nullptr);

// seen[key] = 1 where row `row` of the range that MakeWeights made of head `head` from `first` on sees the key, of all
// keys of its matrix. True if values mask some.
bool MarkSeen(const PreparedChunk& prepared, size_t head, size_t first, const RowRange& range, size_t row,
              uint8_t* seen);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_BLOCKS_H_
