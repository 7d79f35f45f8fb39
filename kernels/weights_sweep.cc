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
#include "kernels/sweep_tags-inl.h"
#include "kernels/top_k-inl.h"

#ifndef ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_ONCE_
#define ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_ONCE_
namespace attnscope {

// Bit pattern of 2^64. Weights above it, as unsigned numbers, are huge, infinite, NaN or have a sign; float32 sums of
// 2^31 weights below it do not overflow.
inline constexpr uint32_t kMaxFastBits = 0x5F800000u;

inline float FloatOfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// The sums that a sweep adds to: all up to this one.
inline constexpr size_t kNumSweptSums = static_cast<size_t>(RowSum::kEmpty) + 1;
inline constexpr size_t kPaddedRows = kRowsPerBlock + kMaxFloatLanes / 2;

// What a block of rows measured, before it is added to its sequence. Padded for vectors.
struct BlockResult {
  HWY_ALIGN_MAX double entropy_nats[kPaddedRows];
  HWY_ALIGN_MAX double sum[kPaddedRows];
  HWY_ALIGN_MAX double max[kPaddedRows];
  HWY_ALIGN_MAX double top5[kPaddedRows];
  HWY_ALIGN_MAX double top10[kPaddedRows];
  HWY_ALIGN_MAX double top50[kPaddedRows];
  HWY_ALIGN_MAX double valid[kPaddedRows];  // 1 or 0
  bool slow[kRowsPerBlock];                 // measured by the careful path; not in the block's column sums
};

}  // namespace attnscope
#endif  // ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_ONCE_

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Prepares a row for sweeping; `rest` is room for its last columns.
template <typename T>
HWY_INLINE SweptRow<T> PrepareRow(const void* data, size_t visible, float* columns, float* HWY_RESTRICT rest) {
  SweptRow<T> row;
  const size_t columns_of_group = GroupColumns();
  row.data = static_cast<const T*>(data);
  row.rest = reinterpret_cast<const T*>(rest);
  row.columns = columns;
  row.full_groups = visible / columns_of_group;
  row.groups = hwy::DivCeil(visible, columns_of_group);
  if (row.groups != row.full_groups) {
    const size_t done = row.full_groups * columns_of_group;
    T* to = reinterpret_cast<T*>(rest);
    memcpy(to, row.data + done, (visible - done) * sizeof(T));
    memset(reinterpret_cast<uint8_t*>(to + (visible - done)), 0, (done + columns_of_group - visible) * sizeof(T));
  }
  return row;
}

// Entropy and sum of a row whose columns have all been swept.
HWY_INLINE void SumLanes(const RowLanes& lanes, double& entropy_nats, double& sum) {
  constexpr double kLn2 = 0.69314718055994530942;
  const SweepDouble dd;
  entropy_nats = -kLn2 / kLog2Unit * hn::GetLane(hn::SumOfLanes(dd, hn::Load(dd, lanes.p_log2_p)));
  sum = hn::GetLane(hn::SumOfLanes(dd, hn::Load(dd, lanes.sum)));
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

// Measures slow rows by the careful path, and the columns of the block without them.
template <typename T>
HWY_NOINLINE void RemeasureSlowRows(const RowRange& range, size_t first, size_t num_rows, const OpenColumns& open,
                                    float* HWY_RESTRICT columns, BlockResult& result) {
  LoadPartial(open, range.visible(first + num_rows - 1), columns);
  for (size_t i = 0; i < num_rows; ++i) {
    if (!result.slow[i]) {
      AddToColumns(static_cast<const T*>(range.Row(first + i)), range.visible(first + i), columns);
      continue;
    }
    RowMeasures row;
    result.valid[i] = MeasureSlowRow(range.Row(first + i), range.type, range.visible(first + i), &row) ? 1.0 : 0.0;
    result.entropy_nats[i] = row.entropy_nats;
    result.sum[i] = row.sum;
    result.max[i] = row.max;
    result.top5[i] = row.top5;
    result.top10[i] = row.top10;
    result.top50[i] = row.top50;
  }
}

// Where the rows that are swept next stand, and so are prefetched meanwhile: a whole block ahead if rows are short, as
// memory then has time to answer, else the next row of the strip.
template <typename T>
class Ahead {
 public:
  Ahead(const RowRange& range, size_t first, size_t num_rows) : range_(range), first_(first), num_rows_(num_rows) {
    constexpr size_t kShortBytes = 4096;
    short_ = range.visible(first) * sizeof(T) <= kShortBytes;
  }

  const T* operator()(size_t row, size_t strip_column, bool last_strip) const {
    size_t next = short_ ? row + num_rows_ : row + 1;
    size_t column = strip_column;
    if (!short_ && row + 1 == num_rows_) {
      next = last_strip ? num_rows_ : 0;
      column = last_strip ? 0 : strip_column + kStripColumns;
    }
    next += first_;
    if (next >= range_.rows) {  // nothing: what is at hand costs nothing
      next = first_ + row;
      column = strip_column;
    }
    return static_cast<const T*>(range_.Row(next)) + column;
  }

 private:
  const RowRange& range_;
  size_t first_;
  size_t num_rows_;
  bool short_;
};

// Sweeps a tile of the block, strip by strip.
template <bool kEntropy, typename T>
HWY_INLINE void SweepTile(const SweptRow<T>* HWY_RESTRICT rows, size_t num_rows, size_t tile, size_t groups,
                          const Ahead<T>& ahead, SweepWorkspace& workspace) {
  const size_t strip_groups = kStripColumns / GroupColumns();
  const size_t tile_end = HWY_MIN(groups, tile + kTileColumns / GroupColumns());
  for (size_t strip = tile; strip < tile_end; strip += strip_groups) {
    for (size_t i = 0; i < num_rows; ++i) {
      SweepStrip<kEntropy>(rows[i], tile, strip, strip + strip_groups,
                           ahead(i, strip * GroupColumns(), strip + strip_groups >= groups), workspace.slot_max[i],
                           &workspace.lanes[i]);
    }
  }
  // Slots that no column of this tile has.
  for (size_t i = 0; i < num_rows; ++i) {
    const size_t columns = HWY_MAX(tile, HWY_MIN(rows[i].groups, tile_end)) - tile;
    const size_t used = HWY_MIN(columns * GroupColumns(), kSlots);
    if (used < kSlots) memset(workspace.slot_max[i] + used, 0, (kSlots - used) * sizeof(uint32_t));
  }
}

// Sweeps rows [first, first + num_rows) of the range, at most a block. `columns` holds the block's column sums so far.
template <typename T, bool kEntropy>
HWY_INLINE void SweepBlock(const RowRange& range, size_t first, size_t num_rows, const OpenColumns& open,
                           float* HWY_RESTRICT columns, SweepWorkspace& workspace, BlockResult& result) {
  const size_t N = hn::Lanes(DU());
  SweptRow<T> rows[kRowsPerBlock];
  size_t groups = 0;
  for (size_t i = 0; i < num_rows; ++i) {
    rows[i] = PrepareRow<T>(range.Row(first + i), range.visible(first + i), columns, workspace.rest[i]);
    groups = HWY_MAX(groups, rows[i].groups);
    if (rows[i].groups == 0) memset(&workspace.lanes[i], 0, sizeof(workspace.lanes[i]));
  }
  const size_t num_batches = hwy::DivCeil(num_rows, N);
  TopLists batches[kRowsPerBlock];
  for (size_t i = 0; i < num_batches; ++i) batches[i].Init(i * N, HWY_MIN(N, num_rows - i * N), workspace);
  const Ahead<T> ahead(range, first, num_rows);
  const size_t tile_groups = kTileColumns / GroupColumns();
  for (size_t tile = 0; tile == 0 || tile < groups; tile += tile_groups) {
    SweepTile<kEntropy>(rows, num_rows, tile, groups, ahead, workspace);
    const bool half = (groups - tile) * GroupColumns() <= kSlots / 2;
    for (size_t i = 0; i < num_batches; ++i) {
      batches[i].AddSlots({workspace.slot_max[i * N], kSlots}, tile == 0, half);
      if ((groups - tile) * GroupColumns() > kSlots) AddExtras(rows, tile, batches[i], workspace);
    }
  }
  TopSums sums;
  HWY_ALIGN_MAX uint32_t max_bits[kMaxFloatLanes];
  for (size_t i = 0; i < num_batches; ++i) {
    batches[i].Sum(sums);
    hn::Store(batches[i].Largest(), DU(), max_bits + i * N);
  }

  bool any_slow = false;
  for (size_t i = 0; i < num_rows; ++i) {
    result.top5[i] = static_cast<double>(sums.top5[i]);
    result.top10[i] = static_cast<double>(sums.top10[i]);
    result.top50[i] = static_cast<double>(sums.top50[i]);
    result.max[i] = static_cast<double>(FloatOfBits(max_bits[i]));
    SumLanes(workspace.lanes[i], result.entropy_nats[i], result.sum[i]);
    result.valid[i] = 1.0;
    result.slow[i] = max_bits[i] > kMaxFastBits;
    any_slow |= result.slow[i];
  }
  if (HWY_UNLIKELY(any_slow)) RemeasureSlowRows<T>(range, first, num_rows, open, columns, result);
}

// Adds what the rows of a block measured to their head, row by row, in order. Also bends what rounding pushed over an
// exact limit: no entropy of a normalised row is negative or above the logarithm of the keys that the row sees.
HWY_NOINLINE void AddRows(const RowRange& range, size_t first, size_t num_rows, BlockResult& result,
                          double* HWY_RESTRICT row_sums) {
  const hn::ScalableTag<double> dd;
  const auto zero = hn::Zero(dd);
  const auto one = hn::Set(dd, 1.0);
  HWY_ALIGN_MAX double visible[kPaddedRows] = {};
  for (size_t i = 0; i < num_rows; ++i) {
    visible[i] = static_cast<double>(range.Keys(first + i));
    if (range.softmax != nullptr) result.entropy_nats[i] = range.softmax[first + i].entropy_nats;
  }
  HWY_ALIGN_MAX double values[kNumSweptSums][kPaddedRows];
  for (size_t i = 0; i < num_rows; i += hn::Lanes(dd)) {
    const auto keys = hn::Load(dd, visible + i);
    const auto max = hn::Load(dd, result.max + i);
    const auto valid = hn::Ne(hn::Load(dd, result.valid + i), zero);
    const auto measured = hn::And(valid, hn::Ne(max, zero));
    const auto store = [&](RowSum which, hn::Mask<decltype(dd)> rows, hn::Vec<decltype(dd)> value) HWY_ATTR {
      hn::Store(hn::IfThenElseZero(rows, value), dd, values[static_cast<size_t>(which)] + i);
    };
    const auto log_visible = hn::Log(dd, hn::Max(one, keys));
    auto entropy = hn::Load(dd, result.entropy_nats + i);
    const auto limit = hn::MulAdd(hn::Set(dd, 2e-6), hn::Max(one, log_visible), log_visible);
    const auto uniform = hn::And(hn::Ge(entropy, log_visible), hn::Le(entropy, limit));
    entropy = hn::IfThenElse(uniform, log_visible, entropy);
    entropy = hn::IfThenZeroElse(hn::And(hn::Le(entropy, zero), hn::Le(max, one)), entropy);
    store(RowSum::kMeasured, measured, one);
    store(RowSum::kEntropy, measured, entropy);
    store(RowSum::kEffectiveRank, measured, hn::IfThenElse(uniform, keys, hn::Exp(dd, entropy)));
    store(RowSum::kTop5, measured, hn::Load(dd, result.top5 + i));
    store(RowSum::kTop10, measured, hn::Load(dd, result.top10 + i));
    store(RowSum::kTop50, measured, hn::Load(dd, result.top50 + i));
    store(RowSum::kMaxWeight, measured, max);
    const auto several = hn::And(measured, hn::Gt(keys, one));
    store(RowSum::kNormalizedEntropy, several, hn::Div(entropy, hn::IfThenElse(several, log_visible, one)));
    store(RowSum::kNormalizedRows, several, one);
    const auto error = hn::Abs(hn::Sub(hn::Load(dd, result.sum + i), one));
    store(RowSum::kUnnormalised, hn::And(measured, hn::Gt(error, hn::Set(dd, range.tolerance))), one);
    store(RowSum::kInvalid, hn::Not(valid), one);
    store(RowSum::kEmpty, hn::And(valid, hn::Eq(max, zero)), one);
    hn::Store(entropy, dd, result.entropy_nats + i);
  }
  for (size_t i = 0; i < num_rows; ++i) {
    // Beyond Highway's range of Exp, and far beyond any distribution.
    const bool measured = values[static_cast<size_t>(RowSum::kMeasured)][i] != 0.0;
    if (HWY_UNLIKELY(measured && result.entropy_nats[i] > 700.0)) {
      values[static_cast<size_t>(RowSum::kEffectiveRank)][i] = exp(result.entropy_nats[i]);
    }
    for (size_t j = 0; j < kNumSweptSums; ++j) row_sums[j] += values[j][i];
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

// Without kEntropy rows are a softmax's, which knows their entropies.
template <typename T, bool kEntropy = true>
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
    SweepBlock<T, kEntropy>(range, first, num_rows, open, columns, workspace, result);
    open.keys = HWY_MAX(open.keys, keys);

    AddRows(range, first, num_rows, result, row_sums);
    for (size_t i = 0; i < num_rows; ++i) {
      // Before the block's own columns, in every way of cutting rows into calls.
      if (HWY_UNLIKELY(result.slow[i] && result.valid[i] != 0.0)) {
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
      if (range.softmax != nullptr) return SweepAllBlocks<float, false>(range, open, row_sums, columns, *workspace);
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
