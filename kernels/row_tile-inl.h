// SPDX-License-Identifier: Apache-2.0
//
// The inner loop of the weights sweep: a few rows of a tile of columns give entropy, row sum, maxima of groups of
// columns and column sums in one read. Included per target by weights_sweep.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_ROW_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_ROW_TILE_INL_H_
#undef ATTNSCOPE_KERNELS_ROW_TILE_INL_H_
#else
#define ATTNSCOPE_KERNELS_ROW_TILE_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/load-inl.h"
#include "kernels/plogp-inl.h"
#include "kernels/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns of one group: four vectors, whose lane-wise maximum the top-k filter looks at instead of the columns. Four
// independent polynomials also cover the latency of FMA (4 cycles on two ports).
inline size_t GroupColumns() { return 4 * hn::Lanes(hn::ScalableTag<float>()); }

// Groups whose entropy and sum stay in float32 before they move to float64. A lane then takes 8 * 3 roundings, at worst
// 1.5e-6 relative, which stays within 2e-6 * log(n_k) as rows this long have log(n_k) > 3.
inline constexpr size_t kGroupsPerFlush = 8;

// Up to kRowsPerTrip rows of one matrix, from column 0. All rows have the same number of full groups; the remaining
// columns (less than a group, and the ragged edge of a causal mask) stand in `rest`, padded by zeros.
template <typename T>
struct TripRows {
  size_t num_rows = 0;
  size_t full_groups = 0;
  size_t groups = 0;  // full groups and those in `rest`
  const T* rows[kRowsPerTrip] = {};
  const T* rest[kRowsPerTrip] = {};
  const T* ahead[kRowsPerTrip] = {};  // rows to prefetch while these are swept, column by column

  const T* Group(size_t row, size_t group) const {
    return group < full_groups ? rows[row] + group * GroupColumns()
                               : rest[row] + (group - full_groups) * GroupColumns();
  }
};

// Prefetches the cache lines of one group; never faults.
template <typename T>
HWY_INLINE void PrefetchGroup(const T* from) {
  constexpr size_t kLine = 64 / sizeof(T);
  for (size_t i = 0; i < GroupColumns(); i += kLine) hwy::Prefetch(from + i);
}

// Sweeps groups [begin, begin + count) of the rows, count <= kGroupsPerFlush: adds them to `columns` (row by row, in
// order), to the rows' lanes, and stores the maxima of group `begin + i` at `group_max[row] + i * Lanes`. Maxima are
// unsigned maxima of the bit patterns: above kMaxFiniteBits there is a negative, infinite or NaN weight.
template <typename T, class DF>
HWY_INLINE void SweepGroups(DF df, const TripRows<T>& trip, size_t begin, size_t count, float* HWY_RESTRICT columns,
                            uint32_t* const* group_max, RowLanes* HWY_RESTRICT lanes) {
  const hn::RebindToUnsigned<DF> du;
  const size_t N = hn::Lanes(df);
  for (size_t i = 0; i < count; ++i) {
    float* HWY_RESTRICT to = columns + i * 4 * N;
    auto column0 = hn::Load(df, to);
    auto column1 = hn::Load(df, to + N);
    auto column2 = hn::Load(df, to + 2 * N);
    auto column3 = hn::Load(df, to + 3 * N);
    for (size_t row = 0; row < trip.num_rows; ++row) {
      const T* HWY_RESTRICT from = trip.Group(row, begin + i);
      PrefetchGroup(trip.ahead[row] + (begin + i) * 4 * N);
      const auto weight0 = LoadAsFloat(df, from);
      const auto weight1 = LoadAsFloat(df, from + N);
      const auto weight2 = LoadAsFloat(df, from + 2 * N);
      const auto weight3 = LoadAsFloat(df, from + 3 * N);
      column0 = hn::Add(column0, weight0);
      column1 = hn::Add(column1, weight1);
      column2 = hn::Add(column2, weight2);
      column3 = hn::Add(column3, weight3);
      const auto max01 = hn::Max(hn::BitCast(du, weight0), hn::BitCast(du, weight1));
      const auto max23 = hn::Max(hn::BitCast(du, weight2), hn::BitCast(du, weight3));
      hn::Store(hn::Max(max01, max23), du, group_max[row] + i * N);

      const auto sum = hn::Add(hn::Add(weight0, weight1), hn::Add(weight2, weight3));
      hn::Store(hn::Add(hn::Load(df, lanes[row].sum), sum), df, lanes[row].sum);
      auto log0 = weight0;
      auto log1 = weight1;
      auto log2 = weight2;
      auto log3 = weight3;
      Log2OfFour(df, log0, log1, log2, log3);
      const auto even = hn::MulAdd(weight2, log2, hn::MulAdd(weight0, log0, hn::Load(df, lanes[row].p_log2_p)));
      const auto odd = hn::MulAdd(weight3, log3, hn::Mul(weight1, log1));
      hn::Store(hn::Add(even, odd), df, lanes[row].p_log2_p);
    }
    hn::Store(column0, df, to);
    hn::Store(column1, df, to + N);
    hn::Store(column2, df, to + 2 * N);
    hn::Store(column3, df, to + 3 * N);
  }
}

HWY_INLINE void ClearLanes(RowLanes& lanes) {
  const hn::ScalableTag<float> df;
  const hn::ScalableTag<double> dd;
  hn::Store(hn::Zero(df), df, lanes.p_log2_p);
  hn::Store(hn::Zero(df), df, lanes.sum);
  for (size_t i = 0; i < hn::Lanes(df); i += hn::Lanes(dd)) {
    hn::Store(hn::Zero(dd), dd, lanes.p_log2_p_total + i);
    hn::Store(hn::Zero(dd), dd, lanes.sum_total + i);
  }
}

// Adds float32 lanes `from` to their float64 lanes `to` and clears them.
template <class DF>
HWY_INLINE void FlushLanes(DF df, float* HWY_RESTRICT from, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  for (size_t i = 0; i < hn::Lanes(df); i += hn::Lanes(dd)) {
    hn::Store(hn::Add(hn::Load(dd, to + i), LoadAsDouble(dd, from + i)), dd, to + i);
  }
  hn::Store(hn::Zero(df), df, from);
}

// Sweeps one tile: groups [begin, end) with the columns and maxima at `columns`, `group_max`.
template <typename T>
HWY_INLINE void SweepTile(const TripRows<T>& trip, size_t begin, size_t end, float* HWY_RESTRICT columns,
                          uint32_t* const* group_max, RowLanes* HWY_RESTRICT lanes) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  for (size_t group = begin; group < end; group += kGroupsPerFlush) {
    const size_t count = HWY_MIN(kGroupsPerFlush, end - group);
    uint32_t* maxima[kRowsPerTrip];
    for (size_t row = 0; row < trip.num_rows; ++row) maxima[row] = group_max[row] + (group - begin) * N;
    SweepGroups(df, trip, group, count, columns + (group - begin) * 4 * N, maxima, lanes);
    for (size_t row = 0; row < trip.num_rows; ++row) {
      FlushLanes(df, lanes[row].p_log2_p, lanes[row].p_log2_p_total);
      FlushLanes(df, lanes[row].sum, lanes[row].sum_total);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_ROW_TILE_INL_H_
