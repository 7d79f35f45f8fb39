// SPDX-License-Identifier: Apache-2.0
//
// Attention matrices as small maps: each cell holds the largest of the weights that it stands for, so that sinks,
// diagonals and single keys are seen in matrices of any size. Rows may come in any pieces: a matrix is never in memory.
//
//   std::vector<attnscope::AttentionMap> maps;
//   for (int64_t head = 0; head < 32; ++head) maps.push_back(attnscope::MakeAttentionMap(3, head, queries, keys));
//   attnscope::Status status = attnscope::PoolQueriesKeys(view, /*first_query=*/0, params, maps);
#ifndef ATTNSCOPE_ATTENTION_MAP_H_
#define ATTNSCOPE_ATTENTION_MAP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/export.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "attnscope/visibility.h"

namespace attnscope {

// Rows and columns of a map, at most, unless others are asked for.
inline constexpr size_t kMapCells = 64;
inline constexpr size_t kMaxMapCells = 4096;  // that may be asked for

// A cell of which no row that came so far may see any key. Zero is something else: keys that are seen, without weight.
inline constexpr float kHiddenCell = -1.0f;

// One head's matrix. Cell [r, c] stands for queries from floor(r * queries / rows) to before
// floor((r + 1) * queries / rows), and keys likewise. NaN: it holds a NaN, an infinity or a negative weight.
struct AttentionMap {
  int64_t layer = 0;
  int64_t head = 0;
  size_t queries = 0;  // of the matrix
  size_t keys = 0;
  size_t rows = 0;           // of cells, at most `queries`
  size_t columns = 0;        // at most `keys`
  std::vector<float> cells;  // [rows, columns]
};

// A map of a matrix of which nothing came yet: at most `most_cells` rows and columns (1 to kMaxMapCells; any other
// number is taken as the nearest of these) of hidden cells. These are allocated: it throws std::bad_alloc if there is
// no memory for that.
ATTNSCOPE_EXPORT AttentionMap MakeAttentionMap(int64_t layer, int64_t head, size_t queries, size_t keys,
                                               size_t most_cells = kMapCells);

// Adds rows of post-softmax weights to one map for each head of the view, all of one size: the view's row 0 is row
// `first_query` of the matrices, and its keys are their first ones (as they lie: key_positions decide what is seen, not
// the column). The sequences of a batch fall on one another. `first_head` and `first_sequence` of the view are not
// used. O(batch * heads * queries * keys): one read of the weights. Results do not depend on how rows are cut into
// calls or on the runner. Thread-safe for different maps. Errors: as LayerAccumulator::AddWeights; kInvalidArgument for
// maps that are not as many as the heads, not of one size, or whose cells do not fit it; kOutOfRange for rows or keys
// that the matrices do not have; kOutOfMemory. The maps are then unchanged.
ATTNSCOPE_EXPORT Status PoolWeights(const AttentionView& weights, size_t first_query, const Visibility& visibility,
                                    std::span<AttentionMap> maps, const Runner& runner = {});

// The same of the weights that logits make. A row that is invalid (NaN or +infinity) makes all cells NaN whose keys it
// sees; keys that are masked by value are hidden. Scratch: as one call of LayerAccumulator::AddLogits. Errors: also
// those of LayerAccumulator::AddLogits.
ATTNSCOPE_EXPORT Status PoolLogits(const AttentionView& logits, size_t first_query, const SoftmaxParams& params,
                                   std::span<AttentionMap> maps, const Runner& runner = {});

// The same from queries and keys. O(batch * heads * queries * keys * head_dim). Errors: also those of
// LayerAccumulator::AddQueriesKeys.
ATTNSCOPE_EXPORT Status PoolQueriesKeys(const QueryKeyView& view, size_t first_query, const SoftmaxParams& params,
                                        std::span<AttentionMap> maps, const Runner& runner = {});

}  // namespace attnscope

#endif  // ATTNSCOPE_ATTENTION_MAP_H_
