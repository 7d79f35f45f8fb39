// SPDX-License-Identifier: Apache-2.0
//
// Products of queries and keys for a block of rows.
#ifndef ATTNSCOPE_KERNELS_QUERY_KEY_QUERY_KEY_PRODUCT_H_
#define ATTNSCOPE_KERNELS_QUERY_KEY_QUERY_KEY_PRODUCT_H_

#include <algorithm>
#include <cstddef>

#include "attnscope/limits.h"
#include "attnscope/query_key_view.h"
#include "kernels/simd/lanes.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Columns of the widest tile of products that any target computes.
inline constexpr size_t kMaxProductColumns = 3 * kMaxFloatLanes;
// Rows of a block, of all its heads.
inline constexpr size_t kMaxProductRows = 256;
// Elements for a packed tile of keys, and for a copy of keys that do not stand in one piece.
inline constexpr size_t kPackedKeys = 2 * kMaxProductColumns * kMaxHeadDim;
// Rows of each head of keys that are multiplied by keys where they stand; more are multiplied by packed ones.
inline constexpr size_t kFewRows = 8;
// Heads of keys that are read side by side for a few rows.
inline constexpr size_t kMostHeadsTogether = 8;
// Elements for packed queries: whole panels of rows, which have at most kMaxPanelRows; of a few rows, one for each head
// of keys.
inline constexpr size_t kMaxPanelRows = 8;
constexpr size_t PackedQueries(size_t rows) {
  return std::max(rows + kMaxPanelRows - 1, kMostHeadsTogether * kMaxPanelRows) * kMaxHeadDim;
}

// Rows [first_row, first_row + num_rows), kMaxProductRows together, of query heads [first_head, first_head +
// num_heads) of one sequence.
struct ProductBlock {
  const QueryKeyView* view = nullptr;
  size_t sequence = 0;  // of the view
  size_t first_head = 0;
  size_t num_heads = 0;
  size_t first_row = 0;
  size_t num_rows = 0;
  RowVisibility visible;  // of row `first_row + i`, the same for all heads but for masks key by key
};

// products[(head * num_rows + row) * stride + key] for each key of the row's range. Others of the range of all rows,
// and up to kMaxProductColumns behind it, may be overwritten. Keys beyond that range are not read. `packed_queries` and
// `packed_keys` are scratch, aligned for any vector. Where a key's heads stand side by side, as in the caches of
// engines, a few rows of several heads are best asked for at once: memory is then read in order.
//
// Each product is the sum of four chains of multiply-adds, of every fourth dimension in order; beyond 256 dimensions,
// of such sums of 192 at a time. So it does not depend on the block that it is computed in.
void MultiplyQueriesKeys(const ProductBlock& block, float* packed_queries, float* packed_keys, float* products,
                         size_t stride);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_QUERY_KEY_PRODUCT_H_
