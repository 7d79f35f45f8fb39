// SPDX-License-Identifier: Apache-2.0
//
// Sums and maxima of columns. Rows are read in blocks of 16, strip by strip, so that a strip's results stay in the L1
// cache; a block's are added to those in float64 while its last rows are read, as the accumulator does.
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
#include "kernels/plain_rows/column_strips-inl.h"
#include "kernels/sweep/largest_bits-inl.h"
#include "kernels/sweep/row_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A block of rows, [first, end), in a cache, several rows side by side. Returns whether all were ordinary; else the
// results mean nothing.
template <class Combine, typename T>
HWY_INLINE bool AddBlock(const kernels::TypedRows<T>& rows, size_t first, size_t end, double* HWY_RESTRICT results) {
  HWY_ALIGN_MAX float block[kStripColumns];
  bool all_ordinary = true;
  for (size_t begin = 0; begin < rows.columns; begin += kStripColumns) {
    const size_t columns = HWY_MIN(kStripColumns, rows.columns - begin);
    for (size_t row = first; row < end; row += kRowsOfPass) {
      const size_t num_rows = HWY_MIN(kRowsOfPass, end - row);
      const Pass<T> pass = {rows.Row(row) + begin, rows.stride, num_rows, nullptr, row == first, row + num_rows == end};
      all_ordinary &= AddToStrip<Combine, false>(pass, columns, {block, results + begin, first != 0});
    }
  }
  return all_ordinary;
}

// The same from memory, row after row, half a strip at a time while the next half is on its way.
template <class Combine, typename T>
HWY_INLINE bool AddBlockFromMemory(const kernels::TypedRows<T>& rows, size_t first, size_t end,
                                   double* HWY_RESTRICT results) {
  HWY_ALIGN_MAX float block[kTileColumns];
  bool all_ordinary = true;
  for (size_t begin = 0; begin < rows.columns; begin += kTileColumns) {
    const size_t strip_end = HWY_MIN(begin + kTileColumns, rows.columns);
    for (size_t row = first; row < end; ++row) {
      for (size_t half = begin; half < strip_end; half += kStripColumns) {
        const T* ahead = half + kStripColumns < strip_end ? rows.Row(row) + half + kStripColumns
                         : row + 1 < end                  ? rows.Row(row + 1) + begin
                         : strip_end < rows.columns       ? rows.Row(first) + strip_end
                                                          : rows.RowAhead(row);
        const Pass<T> pass = {rows.Row(row) + half, rows.stride, 1, ahead, row == first, row + 1 == end};
        const StripResults to = {block + (half - begin), results + half, first != 0};
        all_ordinary &= AddToStrip<Combine, true>(pass, HWY_MIN(kStripColumns, strip_end - half), to);
      }
    }
  }
  return all_ordinary;
}

// The same block where some of its rows are none that float32 can take: these come first, in float64, or are left out.
// Returns how many are.
template <class Combine, typename T>
HWY_NOINLINE size_t AddBlockWithCare(const kernels::TypedRows<T>& rows, size_t first, size_t count,
                                     double* HWY_RESTRICT results) {
  size_t invalid = 0;
  bool ordinary[kRowsPerBlock];
  size_t num_ordinary = 0;
  for (size_t i = 0; i < count; ++i) {
    const T* row = rows.Row(first + i);
    ordinary[i] = LargestBits(row, rows.columns, row) <= kMaxFastBits;
    num_ordinary += ordinary[i] ? 1 : 0;
    if (ordinary[i]) continue;
    if (!IsValidRow(row, kernels::TypeOf<T>(), rows.columns)) {
      ++invalid;
      continue;
    }
    for (size_t j = 0; j < rows.columns; ++j) {
      results[j] = Combine::Two(results[j], ElementAsDouble(row, kernels::TypeOf<T>(), j));
    }
  }
  HWY_ALIGN_MAX float block[kStripColumns];
  for (size_t begin = 0; begin < rows.columns; begin += kStripColumns) {
    const size_t columns = HWY_MIN(kStripColumns, rows.columns - begin);
    const StripResults to = {block, results + begin, true};
    for (size_t i = 0, left = num_ordinary; i < count; ++i) {
      if (!ordinary[i]) continue;
      const Pass<T> pass = {rows.Row(first + i) + begin, rows.stride, 1, nullptr, left == num_ordinary, left == 1};
      AddToStrip<Combine, false>(pass, columns, to);
      --left;
    }
  }
  return invalid;
}

// More bytes than these may be in no cache.
inline constexpr size_t kCachedBytes = size_t{1} << 20;

// All rows, block by block, until one has a row that is no ordinary one: returns whether none has.
template <class Combine, typename T>
HWY_NOINLINE bool AddOrdinaryRows(const kernels::TypedRows<T>& rows, double* HWY_RESTRICT results) {
  const bool from_memory = rows.rows * rows.columns * sizeof(T) > kCachedBytes;
  bool all_ordinary = true;
  for (size_t first = 0; all_ordinary && first < rows.rows; first += kRowsPerBlock) {
    const size_t end = HWY_MIN(first + kRowsPerBlock, rows.rows);
    all_ordinary = from_memory ? AddBlockFromMemory<Combine>(rows, first, end, results)
                               : AddBlock<Combine>(rows, first, end, results);
  }
  return all_ordinary;
}

// Rows are taken for ordinary ones until one is not; then everything begins anew, with care.
template <class Combine>
HWY_INLINE size_t CombineColumns(const kernels::Rows& rows, double* results) {
  return kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    if (HWY_LIKELY(rows.rows != 0) && AddOrdinaryRows<Combine>(typed, results)) return size_t{0};
    size_t invalid = 0;
    memset(results, 0, rows.columns * sizeof(double));
    for (size_t first = 0; first < rows.rows; first += kRowsPerBlock) {
      invalid += AddBlockWithCare<Combine>(typed, first, HWY_MIN(kRowsPerBlock, rows.rows - first), results);
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
