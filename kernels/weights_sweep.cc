// SPDX-License-Identifier: Apache-2.0
#include "kernels/weights_sweep.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/slow_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/weights_sweep.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/load-inl.h"
#include "kernels/row_tile-inl.h"
#include "kernels/top_k-inl.h"

#ifndef ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_ONCE_
#define ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_ONCE_
namespace attnscope {

// Bit pattern of 2^64. Weights above it, as unsigned numbers, are huge, infinite, NaN or have a sign; float32 sums of
// 2^31 weights below it do not overflow.
inline constexpr uint32_t kMaxFastBits = 0x5F800000u;

// What a block of rows measured, before it is added to its sequence.
struct BlockResult {
  RowMeasures rows[kRowsPerBlock];
  bool valid[kRowsPerBlock];
  bool slow[kRowsPerBlock];  // measured by the careful path; not in the block's column sums
};

}  // namespace attnscope
#endif  // ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_ONCE_

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Prepares rows [first, first + num_rows) of the range for sweeping; `rest` has one buffer for each of them.
template <typename T>
HWY_INLINE TripRows<T> PrepareTrip(const RowRange& range, size_t first, size_t num_rows,
                                   float (*HWY_RESTRICT rest)[8 * kMaxFloatLanes]) {
  TripRows<T> trip;
  trip.num_rows = num_rows;
  const size_t columns = GroupColumns();
  size_t least = SIZE_MAX;
  size_t most = 0;
  for (size_t i = 0; i < num_rows; ++i) {
    least = HWY_MIN(least, range.visible(first + i));
    most = HWY_MAX(most, range.visible(first + i));
  }
  trip.full_groups = least / columns;
  trip.groups = (most + columns - 1) / columns;
  const size_t done = trip.full_groups * columns;
  for (size_t i = 0; i < num_rows; ++i) {
    trip.rows[i] = static_cast<const T*>(range.Row(first + i));
    T* to = reinterpret_cast<T*>(rest[i]);
    trip.rest[i] = to;
    if (trip.groups == trip.full_groups) continue;
    // Rows of one trip differ by less than kRowsPerTrip visible keys, so that two groups hold the rest of each.
    const size_t left = range.visible(first + i) - done;
    HWY_DASSERT(left <= 2 * columns);
    memcpy(to, trip.rows[i] + done, left * sizeof(T));
    memset(reinterpret_cast<uint8_t*>(to + left), 0, ((trip.groups - trip.full_groups) * columns - left) * sizeof(T));
  }
  return trip;
}

// Sweeps one tile of one trip, and its candidates for the top 50. `max_bits` keeps each row's largest bit pattern; once
// one is above kMaxFastBits, the row is left to the careful path.
template <typename T>
HWY_INLINE void SweepTripTile(const TripRows<T>& trip, size_t begin, size_t end, float* HWY_RESTRICT columns,
                              SweepWorkspace& workspace, RowLanes* HWY_RESTRICT lanes,
                              Candidates* HWY_RESTRICT candidates, uint32_t* HWY_RESTRICT max_bits) {
  const hn::ScalableTag<uint32_t> du;
  uint32_t* group_max[kRowsPerTrip];
  for (size_t i = 0; i < kRowsPerTrip; ++i) group_max[i] = workspace.group_max[i];
  SweepTile(trip, begin, end, columns, group_max, lanes);
  CoarseMaxima coarse[kRowsPerTrip];
  for (size_t i = 0; i < trip.num_rows; ++i) {
    Coarsen(du, group_max[i], (end - begin) * hn::Lanes(du), coarse[i]);
    max_bits[i] = HWY_MAX(max_bits[i], coarse[i].max);
  }
  DropWeakest(hn::ScalableTag<int32_t>(), kTopK, kMaxKept, candidates, trip.num_rows);
  RaiseBounds(coarse, trip.num_rows, candidates);
  for (size_t i = 0; i < trip.num_rows; ++i) {
    if (HWY_UNLIKELY(max_bits[i] > kMaxFastBits)) {
      candidates[i].count = 0;
      continue;
    }
    CollectCandidates<T>(trip, i, begin, end, group_max[i], candidates[i]);
  }
}

// Entropy, sum and maximum of a row whose columns have all been swept.
HWY_NOINLINE void FinishMeasures(const RowLanes& lanes, uint32_t max_bits, RowMeasures& row) {
  constexpr double kLn2 = 0.69314718055994530942;
  const hn::ScalableTag<float> df;
  const hn::ScalableTag<double> dd;
  auto p_log2_p = hn::Zero(dd);
  auto sum = hn::Zero(dd);
  for (size_t i = 0; i < hn::Lanes(df); i += hn::Lanes(dd)) {
    p_log2_p = hn::Add(p_log2_p, hn::Load(dd, lanes.p_log2_p_total + i));
    sum = hn::Add(sum, hn::Load(dd, lanes.sum_total + i));
  }
  row.entropy_nats = -kLn2 / kLog2Unit * hn::GetLane(hn::SumOfLanes(dd, p_log2_p));
  row.sum = hn::GetLane(hn::SumOfLanes(dd, sum));
  float max;
  memcpy(&max, &max_bits, sizeof(max));
  row.max = static_cast<double>(max);
}

// columns[0, keys) += row[0, keys), in float32; the remainder is added by single lanes.
template <typename T>
HWY_INLINE void AddToColumns(const T* HWY_RESTRICT row, size_t keys, float* HWY_RESTRICT columns) {
  const hn::ScalableTag<float> df;
  const hn::CappedTag<float, 1> d1;
  size_t i = 0;
  for (; i + hn::Lanes(df) <= keys; i += hn::Lanes(df)) {
    hn::Store(hn::Add(hn::Load(df, columns + i), LoadAsFloat(df, row + i)), df, columns + i);
  }
  for (; i < keys; ++i) hn::StoreU(hn::Add(hn::LoadU(d1, columns + i), LoadAsFloat(d1, row + i)), d1, columns + i);
}

// columns[0, keys) = open.partial, zero-padded to whole groups.
HWY_INLINE void LoadPartial(const OpenColumns& open, size_t keys, float* HWY_RESTRICT columns) {
  const size_t padded = hwy::RoundUpTo(HWY_MAX(keys, open.keys), GroupColumns());
  memset(columns, 0, padded * sizeof(float));
  if (open.rows % kRowsPerBlock == 0) return;
  for (size_t i = 0; i < open.keys; ++i) columns[i] = static_cast<float>(open.partial[i]);
}

// What is swept after this tile of trip `index`, and so prefetched meanwhile: the same tile of the next trip, or the
// next tile of the first trip, or the next block. Beyond the last row, this trip itself, which costs nothing.
template <typename T>
HWY_INLINE void PlanPrefetch(const RowRange& range, size_t first, size_t num_rows, size_t index, bool last_tile,
                             TripRows<T>& trip) {
  const bool last_trip = (index + 1) * kRowsPerTrip >= num_rows;
  const size_t next = last_trip ? (last_tile ? num_rows : 0) : (index + 1) * kRowsPerTrip;
  const size_t ahead = last_trip && !last_tile ? kTileColumns : 0;
  for (size_t i = 0; i < trip.num_rows; ++i) {
    const size_t row = first + next + i;
    trip.ahead[i] = row < range.rows ? static_cast<const T*>(range.Row(row)) + ahead : trip.rows[i];
  }
}

// Sweeps rows [first, first + num_rows) of the range, at most a block. `columns` holds the block's column sums so far.
template <typename T>
HWY_INLINE void SweepBlock(const RowRange& range, size_t first, size_t num_rows, const OpenColumns& open,
                           float* HWY_RESTRICT columns, SweepWorkspace& workspace, BlockResult& result) {
  const size_t tile_groups = kTileColumns / GroupColumns();
  const size_t num_trips = hwy::DivCeil(num_rows, kRowsPerTrip);
  TripRows<T> trips[kTripsPerBlock];
  uint32_t max_bits[kRowsPerBlock] = {};
  size_t groups = 0;
  for (size_t i = 0; i < num_trips; ++i) {
    const size_t begin = i * kRowsPerTrip;
    trips[i] = PrepareTrip<T>(range, first + begin, HWY_MIN(kRowsPerTrip, num_rows - begin), workspace.rest + begin);
    groups = HWY_MAX(groups, trips[i].groups);
  }
  for (size_t i = 0; i < num_rows; ++i) {
    ClearLanes(workspace.lanes[i]);
    workspace.candidates[i].count = 0;
    workspace.candidates[i].bound = 0;
  }
  for (size_t begin = 0; begin < groups; begin += tile_groups) {
    for (size_t i = 0; i < num_trips; ++i) {
      const size_t end = HWY_MIN(begin + tile_groups, trips[i].groups);
      if (end <= begin) continue;
      const size_t row = i * kRowsPerTrip;
      PlanPrefetch(range, first, num_rows, i, begin + tile_groups >= groups, trips[i]);
      SweepTripTile(trips[i], begin, end, columns + begin * GroupColumns(), workspace, workspace.lanes + row,
                    workspace.candidates + row, max_bits + row);
    }
  }

  SumTopK(workspace.candidates, num_rows, result.rows);
  bool any_slow = false;
  for (size_t i = 0; i < num_rows; ++i) {
    result.slow[i] = max_bits[i] > kMaxFastBits;
    any_slow |= result.slow[i];
    if (result.slow[i]) {
      result.valid[i] = MeasureSlowRow(range.Row(first + i), range.type, range.visible(first + i), &result.rows[i]);
    } else {
      result.valid[i] = true;
      FinishMeasures(workspace.lanes[i], max_bits[i], result.rows[i]);
    }
  }
  if (HWY_LIKELY(!any_slow)) return;
  LoadPartial(open, range.visible(first + num_rows - 1), columns);
  for (size_t i = 0; i < num_rows; ++i) {
    if (result.slow[i]) continue;
    AddToColumns(static_cast<const T*>(range.Row(first + i)), range.visible(first + i), columns);
  }
}

// What the rows of a block add to their head. Also bends what rounding pushed over an exact limit: no entropy of a
// normalised row is negative or above the logarithm of the keys that the row sees.
HWY_NOINLINE void BlockToSums(const RowRange& range, size_t first, size_t num_rows, const BlockResult& result,
                              RowSums* HWY_RESTRICT sums) {
  const hn::ScalableTag<double> dd;
  constexpr size_t kPadded = kRowsPerBlock + kMaxFloatLanes / 2;
  HWY_ALIGN_MAX double log_visible[kPadded] = {};
  HWY_ALIGN_MAX double entropy[kPadded] = {};
  HWY_ALIGN_MAX double effective_rank[kPadded];
  for (size_t i = 0; i < num_rows; ++i) {
    log_visible[i] = static_cast<double>(HWY_MAX(size_t{1}, range.Keys(first + i)));
  }
  for (size_t i = 0; i < num_rows; i += hn::Lanes(dd)) {
    hn::Store(hn::Log(dd, hn::Max(hn::Set(dd, 1.0), hn::Load(dd, log_visible + i))), dd, log_visible + i);
  }
  for (size_t i = 0; i < num_rows; ++i) {
    const RowMeasures& row = result.rows[i];
    const double slack = 2e-6 * HWY_MAX(1.0, log_visible[i]);
    entropy[i] = row.entropy_nats;
    if (entropy[i] > log_visible[i] && entropy[i] <= log_visible[i] + slack) entropy[i] = log_visible[i];
    if (entropy[i] <= 0.0 && row.max <= 1.0) entropy[i] = 0.0;
  }
  if (range.softmax != nullptr) {
    for (size_t i = 0; i < num_rows; ++i) {
      entropy[i] = HWY_MIN(range.softmax[first + i].entropy_nats, log_visible[i]);
    }
  }
  for (size_t i = 0; i < num_rows; i += hn::Lanes(dd)) {
    hn::Store(hn::Exp(dd, hn::Load(dd, entropy + i)), dd, effective_rank + i);
  }
  for (size_t i = 0; i < num_rows; ++i) {
    const RowMeasures& row = result.rows[i];
    const size_t visible = range.Keys(first + i);
    sums[i] = RowSums();
    if (!result.valid[i]) {
      sums[i][RowSum::kInvalid] = 1.0;
      continue;
    }
    if (row.max == 0.0) {
      sums[i][RowSum::kEmpty] = 1.0;
      continue;
    }
    sums[i][RowSum::kMeasured] = 1.0;
    sums[i][RowSum::kEntropy] = entropy[i];
    sums[i][RowSum::kEffectiveRank] = entropy[i] == log_visible[i] ? static_cast<double>(visible) : effective_rank[i];
    // Beyond Highway's range of Exp, and far beyond any distribution.
    if (HWY_UNLIKELY(entropy[i] > 700.0)) sums[i][RowSum::kEffectiveRank] = exp(entropy[i]);
    sums[i][RowSum::kTop5] = row.top5;
    sums[i][RowSum::kTop10] = row.top10;
    sums[i][RowSum::kTop50] = row.top50;
    sums[i][RowSum::kMaxWeight] = row.max;
    if (visible > 1) {
      sums[i][RowSum::kNormalizedEntropy] = entropy[i] / log_visible[i];
      sums[i][RowSum::kNormalizedRows] = 1.0;
    }
    const double error = row.sum - 1.0;
    if (HWY_MAX(error, -error) > range.tolerance) sums[i][RowSum::kUnnormalised] = 1.0;
  }
}

// to[i] += from[i] for i in [0, count), in float64.
HWY_INLINE void AddFloats(const float* HWY_RESTRICT from, size_t count, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(dd);
  size_t i = 0;
  for (; i + N <= count; i += N) hn::StoreU(hn::Add(hn::LoadU(dd, to + i), LoadAsDouble(dd, from + i)), dd, to + i);
  for (; i < count; ++i) to[i] += static_cast<double>(from[i]);
}

// Adds a block's column sums to the sequence's: to the float64 totals once the block is complete, else to the partial
// sums, which `columns` holds already if this is not the block's first call.
HWY_INLINE void CommitColumns(bool first, bool complete, const float* HWY_RESTRICT columns, const OpenColumns& open) {
  if (!first) memset(open.partial, 0, open.keys * sizeof(double));
  AddFloats(columns, open.keys, complete ? open.columns : open.partial);
}

template <typename T>
HWY_INLINE void SweepAllBlocks(const RowRange& range, OpenColumns open, double* HWY_RESTRICT row_sums,
                               float* HWY_RESTRICT columns, SweepWorkspace& workspace) {
  size_t first = 0;
  while (first < range.rows) {
    const size_t done = open.rows % kRowsPerBlock;
    const size_t num_rows = HWY_MIN(kRowsPerBlock - done, range.rows - first);
    const bool complete = done + num_rows == kRowsPerBlock;
    // Under a causal mask the last row sees the most keys.
    const size_t keys = range.visible(first + num_rows - 1);
    LoadPartial(open, keys, columns);
    BlockResult result;
    SweepBlock<T>(range, first, num_rows, open, columns, workspace, result);
    open.keys = HWY_MAX(open.keys, keys);

    RowSums sums[kRowsPerBlock];
    BlockToSums(range, first, num_rows, result, sums);
    for (size_t i = 0; i < num_rows; ++i) {
      sums[i].AddTo(row_sums);
      // Before the block's own columns, in every way of cutting rows into calls.
      if (HWY_UNLIKELY(result.slow[i] && result.valid[i])) {
        AddSlowRowToColumns(range.Row(first + i), range.type, range.visible(first + i), open.columns);
      }
    }
    CommitColumns(done == 0, complete, columns, open);
    open.rows += num_rows;
    first += num_rows;
  }
}

void SweepWeights(const RowRange& range, const OpenColumns& open, double* HWY_RESTRICT row_sums,
                  float* HWY_RESTRICT columns, SweepWorkspace* workspace) {
  switch (range.type) {
    case ElementType::kFloat32:
      return SweepAllBlocks<float>(range, open, row_sums, columns, *workspace);
    case ElementType::kFloat16:
      return SweepAllBlocks<hwy::float16_t>(range, open, row_sums, columns, *workspace);
    case ElementType::kBFloat16:
      return SweepAllBlocks<hwy::bfloat16_t>(range, open, row_sums, columns, *workspace);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SweepWeights);

void SweepWeights(const RowRange& range, const OpenColumns& open, double* row_sums, float* block_columns,
                  SweepWorkspace* workspace) {
  HWY_DYNAMIC_DISPATCH(SweepWeights)(range, open, row_sums, block_columns, workspace);
}

}  // namespace attnscope
#endif  // HWY_ONCE
