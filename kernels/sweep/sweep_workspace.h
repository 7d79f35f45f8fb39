// SPDX-License-Identifier: Apache-2.0
//
// The memory that a sweep works in, allocated before it starts: one workspace for each task that may run at once. No
// SIMD here, so that the accumulator can own workspaces without knowing the target.
#ifndef ATTNSCOPE_KERNELS_SWEEP_SWEEP_WORKSPACE_H_
#define ATTNSCOPE_KERNELS_SWEEP_SWEEP_WORKSPACE_H_

#include <stddef.h>
#include <stdint.h>

#include "attnscope/limits.h"
#include "hwy/base.h"
#include "kernels/simd/lanes.h"
#include "kernels/top_k/bound_guess.h"
#include "kernels/top_k/row_selection.h"

namespace attnscope {

// The column sums of a block stay in float32: at worst 15 roundings, 9e-7 relative. Blocks are aligned to the row's
// index in its sequence, so that results do not depend on how rows are cut into calls. As many rows go through one
// selection network: one a lane, for vectors of 512 bits.
static_assert(kRowsPerBlock == 16);
// Columns whose sums stay in the L1 cache while the rows of a block pass: with a row's share 16 of 32 KiB.
inline constexpr size_t kStripColumns = 2048;
// Columns after which the largest weights of the block's rows are selected: a block's float32 tile is 256 KiB, which
// is still in the L2 cache when the selection looks at it again. A multiple of kStripColumns.
inline constexpr size_t kTileColumns = 2 * kStripColumns;
// Room for a row's candidates, the weights of a tile above a bound that the tile's slots have shown: they are in less
// than kMostKept slots. And for what is written in vain behind them: a group of vectors, and two vectors of padding.
inline constexpr size_t kCandidatesCapacity = kMostKept * (kTileColumns / kSlots) + 6 * kRowsPerBlock;

// The running totals of one row, a partial sum in each float64 lane.
struct RowLanes {
  HWY_ALIGN_MAX double p_log2_p[kMaxFloatLanes / 2];
  HWY_ALIGN_MAX double sum[kMaxFloatLanes / 2];
};

// Marks of the vectors of a tile, or their groups, in which weights are above the row's bound (AboveBound), and what a
// vector may read beyond.
struct AboveMarks {
  HWY_ALIGN_MAX uint8_t bytes[kTileColumns / 4 + 64];
};

struct SweepWorkspace {
  RowLanes lanes[kRowsPerBlock];
  BoundGuess guess;
  const ListSize* list;  // of the block's rows
  // Of each row: what the sweep of its next tile keeps, and the bound of its largest weights.
  RowSelection selections[kRowsPerBlock];
  // The largest weight of each slot of the tile, as bit patterns, which order as weights do; of short rows, all
  // weights.
  HWY_ALIGN_MAX uint32_t slot_max[kRowsPerBlock][kShortColumns];
  // Which weights of the tile are above the row's bound, and these weights.
  AboveMarks above[kRowsPerBlock];
  HWY_ALIGN_MAX uint32_t candidates[kRowsPerBlock][kCandidatesCapacity];
  // The candidates of one row, as float32, while they are reduced.
  HWY_ALIGN_MAX float unreduced[kCandidatesCapacity];
  // The last columns of each row, less than four vectors, as float32 and padded by zeros.
  HWY_ALIGN_MAX float rest[kRowsPerBlock][4 * kMaxFloatLanes];
  // Sorted lists [kListSize, lanes] for each batch of rows: the largest weights so far, one row a lane.
  HWY_ALIGN_MAX uint32_t lists[4][kListSize * kMaxFloatLanes];
};

// Columns that a float32 buffer of column sums needs for `keys` keys: sweeps add zeros beyond the last key.
constexpr size_t PaddedColumns(size_t keys) { return keys + 8 * kMaxFloatLanes; }

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_SWEEP_WORKSPACE_H_
