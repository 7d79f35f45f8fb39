// SPDX-License-Identifier: Apache-2.0
//
// The memory that a sweep works in, allocated before it starts: one workspace for each task that may run at once. No
// SIMD here, so that the accumulator can own workspaces without knowing the target.
#ifndef ATTNSCOPE_KERNELS_SWEEP_WORKSPACE_H_
#define ATTNSCOPE_KERNELS_SWEEP_WORKSPACE_H_

#include <stddef.h>
#include <stdint.h>

#include "hwy/base.h"

namespace attnscope {

// float32 lanes of the longest vector that Highway supports (2048 bits).
inline constexpr size_t kMaxFloatLanes = 64;
// Rows that share one trip through the column sums.
inline constexpr size_t kRowsPerTrip = 4;
// Rows whose column sums stay in float32: at worst 15 roundings, 9e-7 relative. Blocks are aligned to the row's index
// in its sequence, so that results do not depend on how rows are cut into calls.
inline constexpr size_t kRowsPerBlock = 16;
inline constexpr size_t kTripsPerBlock = kRowsPerBlock / kRowsPerTrip;
// Columns of a tile: with kRowsPerTrip rows of float32 64 KiB, which stays in the L2 cache until the top-k filter has
// looked at it again. A multiple of kGroupsPerFlush groups of any vector length.
inline constexpr size_t kTileColumns = 4096;
// Coarse maxima of a tile, each of kTileColumns / kCoarseMaxima columns at most.
inline constexpr size_t kCoarseMaxima = 256;
// Candidates for the top 50 that are kept from earlier tiles.
inline constexpr size_t kMaxKept = 128;
// A tile adds at most 62 coarse maxima's worth of columns, 992.
inline constexpr size_t kMaxCandidates = kMaxKept + 64 * (kTileColumns / kCoarseMaxima);

// The running totals of one row, a partial sum in each lane.
struct RowLanes {
  HWY_ALIGN_MAX float p_log2_p[kMaxFloatLanes];
  HWY_ALIGN_MAX float sum[kMaxFloatLanes];
  HWY_ALIGN_MAX double p_log2_p_total[kMaxFloatLanes];
  HWY_ALIGN_MAX double sum_total[kMaxFloatLanes];
};

// The candidates for the largest weights of one row: every weight above `bound` so far; at least 50 weights are >=
// `bound`, or it is zero. Weights are bit patterns, which order as the weights do.
struct Candidates {
  HWY_ALIGN_MAX int32_t weights[kMaxCandidates + 2 * kMaxFloatLanes];
  size_t count = 0;
  int32_t bound = 0;
};

struct SweepWorkspace {
  RowLanes lanes[kRowsPerBlock];
  Candidates candidates[kRowsPerBlock];
  HWY_ALIGN_MAX uint32_t group_max[kRowsPerTrip][kTileColumns / 4];
  // The last columns of each row, less than two groups of any element type, padded by zeros.
  HWY_ALIGN_MAX float rest[kRowsPerBlock][8 * kMaxFloatLanes];
};

// Columns that a float32 buffer of column sums needs for `keys` keys: sweeps add zeros beyond the last key.
constexpr size_t PaddedColumns(size_t keys) { return keys + 8 * kMaxFloatLanes; }

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_WORKSPACE_H_
