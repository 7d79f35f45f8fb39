// SPDX-License-Identifier: Apache-2.0
//
// Sums or maxima of a strip of columns, of a block of rows: in float32, and then in float64 with those of the blocks
// before.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_PLAIN_ROWS_COLUMN_STRIPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_PLAIN_ROWS_COLUMN_STRIPS_INL_H_
#undef ATTNSCOPE_KERNELS_PLAIN_ROWS_COLUMN_STRIPS_INL_H_
#else
#define ATTNSCOPE_KERNELS_PLAIN_ROWS_COLUMN_STRIPS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What is made of a column's weights. Weights are ordinary where no result is above kMaxFastBits, as a bit pattern, and
// no sign is set in `signs`: whatever else is no ordinary weight makes the column's result none.
struct SumOf {
  template <class V>
  static HWY_INLINE V Two(V a, V b) {
    return hn::Add(a, b);
  }
  static double Two(double a, double b) { return a + b; }

  template <class DF, class V = hn::Vec<DF>, class VU = hn::Vec<hn::RebindToUnsigned<DF>>>
  static HWY_INLINE void AddFour(DF /*df*/, V weight0, V weight1, V weight2, V weight3, V& sum0, V& sum1, V& sum2,
                                 V& sum3, VU& signs) {
    const hn::RebindToUnsigned<DF> du;
    sum0 = Two(sum0, weight0);
    sum1 = Two(sum1, weight1);
    sum2 = Two(sum2, weight2);
    sum3 = Two(sum3, weight3);
    signs = hn::Or3(signs, hn::BitCast(du, weight0), hn::BitCast(du, weight1));
    signs = hn::Or3(signs, hn::BitCast(du, weight2), hn::BitCast(du, weight3));
  }
};
// The largest weight has the largest bit pattern, and so has what is no ordinary weight.
struct MaxOf {
  static double Two(double a, double b) { return std::max(a, b); }
  template <class V>
  static HWY_INLINE V Two(V a, V b) {
    return hn::Max(a, b);
  }

  template <class DF, class V = hn::Vec<DF>, class VU = hn::Vec<hn::RebindToUnsigned<DF>>>
  static HWY_INLINE void AddFour(DF df, V weight0, V weight1, V weight2, V weight3, V& max0, V& max1, V& max2, V& max3,
                                 VU& /*signs*/) {
    const hn::RebindToUnsigned<DF> du;
    const auto larger = [&](V a, V b)
                            HWY_ATTR { return hn::BitCast(df, hn::Max(hn::BitCast(du, a), hn::BitCast(du, b))); };
    max0 = larger(max0, weight0);
    max1 = larger(max1, weight1);
    max2 = larger(max2, weight2);
    max3 = larger(max3, weight3);
  }
};

// Rows that are read side by side where they are in a cache: a row of a power of two of bytes has its columns in the
// same set of the L1 cache as those of the next row, and such sets have 8 ways or more. From memory, rows are read one
// after the other, as their bytes then come in order.
inline constexpr size_t kRowsOfPass = 8;

// Rows of a strip that are added to its results together.
template <typename T>
struct Pass {
  const T* rows;
  ptrdiff_t stride;
  size_t num_rows;  // at most kRowsOfPass
  const T* ahead;   // what is read later, as much as one of these rows, to be prefetched; unless they are in a cache
  bool first;       // of the strip's block, whose results begin with these rows
  bool last;        // their results go where those of all blocks are
};

// Where a strip's results stay.
struct StripResults {
  float* HWY_RESTRICT block;  // of the block in progress, whole groups
  double* HWY_RESTRICT all;   // of the blocks before, or of this one
  bool any_before;

  StripResults From(size_t column) const { return {block + column, all + column, any_before}; }
};

// Adds a vector of a block's results to those of all blocks.
template <class Combine, class DD, class VF>
HWY_INLINE void AddToAll(DD dd, VF results, bool any_before, double* HWY_RESTRICT all) {
  const auto of_block = hn::PromoteTo(dd, results);
  hn::StoreU(any_before ? Combine::Two(hn::LoadU(dd, all), of_block) : of_block, dd, all);
}

template <class Combine, class VF>
HWY_INLINE void StoreResults(VF results, bool last, const StripResults& to) {
  const SweepFloat df;
  if (!last) return hn::Store(results, df, to.block);
  const SweepDouble dd;
#if HWY_TARGET == HWY_SCALAR
  AddToAll<Combine>(dd, results, to.any_before, to.all);
#else
  const hn::Half<SweepFloat> half;
  AddToAll<Combine>(dd, hn::LowerHalf(half, results), to.any_before, to.all);
  AddToAll<Combine>(dd, hn::UpperHalf(half, results), to.any_before, to.all + hn::Lanes(dd));
#endif
}

// Adds a group of four vectors from column `column` of the strip on.
template <class Combine, bool kPrefetch, typename T, class VU>
HWY_INLINE void AddGroup(const Pass<T>& pass, size_t column, const StripResults& results, VU& signs, VU& largest) {
  const SweepFloat df;
  const hn::RebindToUnsigned<SweepFloat> du;
  const size_t N = hn::Lanes(df);
  auto result0 = hn::Zero(df);
  auto result1 = result0;
  auto result2 = result0;
  auto result3 = result0;
  if (!pass.first) {
    result0 = hn::Load(df, results.block + column);
    result1 = hn::Load(df, results.block + column + N);
    result2 = hn::Load(df, results.block + column + 2 * N);
    result3 = hn::Load(df, results.block + column + 3 * N);
  }
  for (size_t row = 0; row < pass.num_rows; ++row) {
    const T* HWY_RESTRICT from = pass.rows + static_cast<ptrdiff_t>(row) * pass.stride + column;
    if constexpr (kPrefetch) {
      for (size_t i = 0; i < 4 * N; i += 64 / sizeof(T)) hwy::Prefetch(pass.ahead + column + i);
    }
    Combine::AddFour(df, LoadAsFloat(df, from), LoadAsFloat(df, from + N), LoadAsFloat(df, from + 2 * N),
                     LoadAsFloat(df, from + 3 * N), result0, result1, result2, result3, signs);
  }
  StoreResults<Combine>(result0, pass.last, results.From(column));
  StoreResults<Combine>(result1, pass.last, results.From(column + N));
  StoreResults<Combine>(result2, pass.last, results.From(column + 2 * N));
  StoreResults<Combine>(result3, pass.last, results.From(column + 3 * N));
  const auto lower = hn::Max(hn::BitCast(du, result0), hn::BitCast(du, result1));
  const auto upper = hn::Max(hn::BitCast(du, result2), hn::BitCast(du, result3));
  largest = hn::Max(largest, hn::Max(lower, upper));
}

// The last columns of a strip, less than a group.
template <class Combine, typename T, class VU>
HWY_NOINLINE void AddRest(const Pass<T>& pass, size_t column, size_t count, const StripResults& results, VU& signs,
                          VU& largest) {
  const size_t group = GroupColumns();
  HWY_ALIGN_MAX T rest[kRowsOfPass * 4 * kMaxFloatLanes] = {};
  for (size_t row = 0; row < pass.num_rows; ++row) {
    const T* from = pass.rows + static_cast<ptrdiff_t>(row) * pass.stride + column;
    memcpy(rest + row * group, from, count * sizeof(T));
  }
  const Pass<T> rows = {rest, static_cast<ptrdiff_t>(group), pass.num_rows, nullptr, pass.first, false};
  const StripResults to = results.From(column);
  AddGroup<Combine, false>(rows, 0, to, signs, largest);
  for (size_t i = 0; pass.last && i < count; ++i) {
    const auto of_block = static_cast<double>(to.block[i]);
    to.all[i] = to.any_before ? Combine::Two(to.all[i], of_block) : of_block;
  }
}

// Adds rows to a strip's results. Returns whether all weights are ordinary.
template <class Combine, bool kPrefetch, typename T>
HWY_NOINLINE bool AddToStrip(const Pass<T>& pass, size_t columns, const StripResults& results) {
  const hn::RebindToUnsigned<SweepFloat> du;
  auto signs = hn::Zero(du);
  auto largest = hn::Zero(du);
  const size_t group = GroupColumns();
  size_t i = 0;
  for (; i + group <= columns; i += group) AddGroup<Combine, kPrefetch>(pass, i, results, signs, largest);
  if (i != columns) AddRest<Combine>(pass, i, columns - i, results, signs, largest);
  signs = hn::And(signs, hn::Set(du, 0x80000000u));
  return hn::GetLane(hn::MaxOfLanes(du, hn::Or(signs, largest))) <= kMaxFastBits;
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_PLAIN_ROWS_COLUMN_STRIPS_INL_H_
