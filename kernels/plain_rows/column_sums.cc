// SPDX-License-Identifier: Apache-2.0
//
// Sums and maxima of columns. Rows are read in blocks of 16, strip by strip, so that a strip's results stay in the L1
// cache; a block's are then added to those in float64, as the accumulator does.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>

#include "attnscope/kernels.h"
#include "attnscope/limits.h"
#include "kernels/plain_rows/row_checks.h"
#include "kernels/plain_rows/typed_rows.h"
#include "kernels/sweep/slow_row.h"
#include "kernels/sweep/sweep_workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/plain_rows/column_sums.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/simd/prefetch-inl.h"
#include "kernels/sweep/add_rows-inl.h"
#include "kernels/sweep/largest_bits-inl.h"
#include "kernels/sweep/row_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What is made of a column's weights.
struct SumOf {
  template <class V>
  static HWY_INLINE V Two(V a, V b) {
    return hn::Add(a, b);
  }
  static double Two(double a, double b) { return a + b; }
};
struct MaxOf {
  template <class V>
  static HWY_INLINE V Two(V a, V b) {
    return hn::Max(a, b);
  }
  static double Two(double a, double b) { return std::max(a, b); }
};

// Adds kRows rows, `stride` apart, to a strip's results, and the largest of their bit patterns to `largest`.
template <class Combine, size_t kRows, typename T>
HWY_INLINE uint32_t AddToStrip(const T* HWY_RESTRICT rows, ptrdiff_t stride, size_t columns,
                               float* HWY_RESTRICT results) {
  const SweepFloat df;
  const hn::RebindToUnsigned<SweepFloat> du;
  const size_t N = hn::Lanes(df);
  auto largest = hn::Zero(du);
  const auto add = [&](const T* HWY_RESTRICT from, ptrdiff_t step, float* HWY_RESTRICT to) HWY_ATTR {
    auto result = hn::Load(df, to);
    for (size_t row = 0; row < kRows; ++row) {
      const auto weight = LoadAsFloat(df, from + static_cast<ptrdiff_t>(row) * step);
      result = Combine::Two(result, weight);
      largest = hn::Max(largest, hn::BitCast(du, weight));
    }
    hn::Store(result, df, to);
  };
  size_t i = 0;
  for (; i + N <= columns; i += N) add(rows + i, stride, results + i);
  if (i != columns) {
    HWY_ALIGN_MAX T rest[kRows * kMaxFloatLanes] = {};
    for (size_t row = 0; row < kRows; ++row) {
      memcpy(rest + row * N, rows + static_cast<ptrdiff_t>(row) * stride + i, (columns - i) * sizeof(T));
    }
    add(rest, static_cast<ptrdiff_t>(N), results + i);
  }
  return hn::GetLane(hn::MaxOfLanes(du, largest));
}

// to[i] = Combine(to[i], from[i]) in float64.
template <class Combine>
HWY_INLINE void AddStrip(const float* HWY_RESTRICT from, size_t columns, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(dd);
  size_t i = 0;
  for (; i + N <= columns; i += N) {
    hn::StoreU(Combine::Two(hn::LoadU(dd, to + i), LoadAsDouble(dd, from + i)), dd, to + i);
  }
  for (; i < columns; ++i) to[i] = Combine::Two(to[i], static_cast<double>(from[i]));
}

// One block of rows, [first, first + count). Returns whether all were ordinary; else the results mean nothing.
template <class Combine, typename T>
HWY_INLINE bool AddBlock(const kernels::TypedRows<T>& rows, size_t first, size_t count, double* HWY_RESTRICT results) {
  HWY_ALIGN_MAX float strip[kStripColumns];
  uint32_t largest = 0;
  for (size_t begin = 0; begin < rows.columns; begin += kStripColumns) {
    const size_t columns = HWY_MIN(kStripColumns, rows.columns - begin);
    memset(strip, 0, hwy::RoundUpTo(columns, kRowsPerBlock) * sizeof(float));
    size_t row = 0;
    for (; row + 4 <= count; row += 4) {
      largest = std::max(largest, AddToStrip<Combine, 4>(rows.Row(first + row) + begin, rows.stride, columns, strip));
    }
    for (; row < count; ++row) {
      largest = std::max(largest, AddToStrip<Combine, 1>(rows.Row(first + row) + begin, rows.stride, columns, strip));
    }
    AddStrip<Combine>(strip, columns, results + begin);
  }
  return largest <= kMaxFastBits;
}

// The same block where some of its rows are none that float32 can take: these come first, in float64, or are left out.
// Returns how many are.
template <class Combine, typename T>
HWY_NOINLINE size_t AddBlockWithCare(const kernels::TypedRows<T>& rows, size_t first, size_t count,
                                     double* HWY_RESTRICT results) {
  size_t invalid = 0;
  bool ordinary[kRowsPerBlock];
  for (size_t i = 0; i < count; ++i) {
    const T* row = rows.Row(first + i);
    ordinary[i] = LargestBits(row, rows.columns, row) <= kMaxFastBits;
    if (ordinary[i]) continue;
    if (!IsValidRow(row, kernels::TypeOf<T>(), rows.columns)) {
      ++invalid;
      continue;
    }
    for (size_t j = 0; j < rows.columns; ++j) {
      results[j] = Combine::Two(results[j], ElementAsDouble(row, kernels::TypeOf<T>(), j));
    }
  }
  HWY_ALIGN_MAX float strip[kStripColumns];
  for (size_t begin = 0; begin < rows.columns; begin += kStripColumns) {
    const size_t columns = HWY_MIN(kStripColumns, rows.columns - begin);
    memset(strip, 0, sizeof(strip));
    for (size_t i = 0; i < count; ++i) {
      if (ordinary[i]) AddToStrip<Combine, 1>(rows.Row(first + i) + begin, rows.stride, columns, strip);
    }
    AddStrip<Combine>(strip, columns, results + begin);
  }
  return invalid;
}

// Rows are taken for ordinary ones until one is not; then everything begins anew, with care.
template <class Combine>
HWY_INLINE size_t CombineColumns(const kernels::Rows& rows, double* results) {
  return kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    const auto rows_from = [&](size_t first) { return HWY_MIN(kRowsPerBlock, rows.rows - first); };
    bool all_ordinary = true;
    memset(results, 0, rows.columns * sizeof(double));
    for (size_t first = 0; all_ordinary && first < rows.rows; first += kRowsPerBlock) {
      all_ordinary = AddBlock<Combine>(typed, first, rows_from(first), results);
    }
    if (HWY_LIKELY(all_ordinary)) return size_t{0};
    size_t invalid = 0;
    memset(results, 0, rows.columns * sizeof(double));
    for (size_t first = 0; first < rows.rows; first += kRowsPerBlock) {
      invalid += AddBlockWithCare<Combine>(typed, first, rows_from(first), results);
    }
    return invalid;
  });
}

size_t SumColumns(const kernels::Rows& rows, double* sums) { return CombineColumns<SumOf>(rows, sums); }
size_t MaxColumns(const kernels::Rows& rows, double* max) { return CombineColumns<MaxOf>(rows, max); }

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope::kernels {

HWY_EXPORT(SumColumns);
HWY_EXPORT(MaxColumns);

Status ColumnSums(const Rows& weights, double* sums, size_t* invalid_rows) {
  if (Status status = CheckRows("weights", weights, {{"sums", sums, weights.columns}}); !status.ok()) return status;
  const size_t invalid = weights.columns == 0 ? 0 : HWY_DYNAMIC_DISPATCH(SumColumns)(weights, sums);
  if (invalid_rows != nullptr) *invalid_rows = invalid;
  return {};
}

Status ColumnMax(const Rows& weights, double* max, size_t* invalid_rows) {
  if (Status status = CheckRows("weights", weights, {{"max", max, weights.columns}}); !status.ok()) return status;
  const size_t invalid = weights.columns == 0 ? 0 : HWY_DYNAMIC_DISPATCH(MaxColumns)(weights, max);
  if (invalid_rows != nullptr) *invalid_rows = invalid;
  return {};
}

}  // namespace attnscope::kernels
#endif  // HWY_ONCE
