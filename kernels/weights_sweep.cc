// SPDX-License-Identifier: Apache-2.0
#include "kernels/weights_sweep.h"

#include <stddef.h>
#include <string.h>

#include "kernels/slow_row.h"
#include "kernels/sweep_block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/weights_sweep.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/load-inl.h"
#include "kernels/row_results-inl.h"
#include "kernels/row_tile-inl.h"
#include "kernels/sweep_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

// to[i] += from[i] for i in [0, count), in float64.
HWY_INLINE void AddFloats(const float* HWY_RESTRICT from, size_t count, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(dd);
  size_t i = 0;
  for (; i + N <= count; i += N) hn::StoreU(hn::Add(hn::LoadU(dd, to + i), LoadAsDouble(dd, from + i)), dd, to + i);
  for (; i < count; ++i) to[i] += static_cast<double>(from[i]);
}

// Cuts the rows of matrices into blocks and sweeps these. Blocks of a matrix are aligned to its sequence; parts of
// blocks, of different matrices, are swept together.
template <typename T, bool kEntropy>
class Sweeper {
 public:
  explicit Sweeper(const SweepScratch& scratch) : scratch_(scratch) {}

  void Add(const OpenMatrix& matrix) {
    size_t keys = matrix.keys;
    for (size_t first = 0; first < matrix.range.rows;) {
      const size_t done = (matrix.rows + first) % kRowsPerBlock;
      const size_t num_rows = HWY_MIN(kRowsPerBlock - done, matrix.range.rows - first);
      if (first != 0 || block_.num_rows + num_rows > kRowsPerBlock) Flush();
      AddPart(matrix, first, num_rows, done, &keys);
      first += num_rows;
    }
  }

  // Sweeps the rows that wait.
  void Flush() {
    if (block_.num_rows == 0) return;
    BlockResult result;
    SweepRows<T, kEntropy>(block_, *scratch_.workspace, result);
    AddRows(block_, result);
    for (size_t i = 0; i < num_parts_; ++i) CommitColumns(parts_[i], result);
    block_.num_rows = 0;
    num_parts_ = 0;
  }

 private:
  // Rows of one matrix in the block.
  struct Part {
    const OpenMatrix* matrix;
    size_t first;  // in the block
    size_t num_rows;
    size_t done;      // rows of the matrix's block before these
    size_t old_keys;  // the most so far, without and with these
    size_t keys;
  };

  // Appends rows [first, first + num_rows) of a matrix, `done` rows after the beginning of its block.
  HWY_INLINE void AddPart(const OpenMatrix& matrix, size_t first, size_t num_rows, size_t done, size_t* keys) {
    const RowRange& range = matrix.range;
    const size_t old_keys = *keys;
    *keys = HWY_MAX(*keys, range.visible(first + num_rows - 1));
    block_.type = range.type;
    block_.tolerance = range.tolerance;
    block_.columns = num_rows == kRowsPerBlock ? scratch_.columns : nullptr;
    parts_[num_parts_++] = {&matrix, block_.num_rows, num_rows, done, old_keys, *keys};
    for (size_t i = first; i < first + num_rows; ++i) {
      BlockRow& row = block_.rows[block_.num_rows++];
      row.data = range.Row(i);
      row.next = i + num_rows < range.rows ? range.Row(i + num_rows) : nullptr;
      row.visible = range.visible(i);
      row.softmax = range.softmax == nullptr ? nullptr : range.softmax + i;
      row.row_sums = matrix.row_sums;
    }
  }

  // Adds a part's column sums to its matrix's: to the finished blocks, or to the one in progress.
  HWY_INLINE void CommitColumns(const Part& part, const BlockResult& result) {
    if (HWY_UNLIKELY(result.any_slow)) CommitSlowRows(part, result);
    if (block_.columns != nullptr && HWY_LIKELY(!result.any_slow)) {
      return AddFloats(block_.columns, block_.rows[part.num_rows - 1].visible, part.matrix->columns);
    }
    float* HWY_RESTRICT columns = part.matrix->block;
    const size_t zeros_from = part.done == 0 ? 0 : part.old_keys;
    memset(columns + zeros_from, 0, (part.keys - zeros_from) * sizeof(float));
    for (size_t i = part.first; i < part.first + part.num_rows; ++i) {
      if (HWY_UNLIKELY(result.slow[i])) continue;
      AddToColumns(static_cast<const T*>(block_.rows[i].data), block_.rows[i].visible, columns);
    }
    if (part.done + part.num_rows == kRowsPerBlock) AddFloats(columns, part.keys, part.matrix->columns);
  }

  // Before the block's own columns, in every way of cutting rows into calls.
  HWY_NOINLINE void CommitSlowRows(const Part& part, const BlockResult& result) {
    for (size_t i = part.first; i < part.first + part.num_rows; ++i) {
      if (!result.slow[i] || result.valid[i] == 0.0) continue;
      AddSlowRowToColumns(block_.rows[i].data, block_.type, block_.rows[i].visible, part.matrix->columns);
    }
  }

  const SweepScratch& scratch_;
  SweepBlock block_;
  size_t num_parts_ = 0;
  Part parts_[kRowsPerBlock];
};

template <typename T, bool kEntropy = true>
HWY_INLINE void SweepMatrices(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch) {
  Sweeper<T, kEntropy> sweeper(scratch);
  for (size_t i = 0; i < count; ++i) sweeper.Add(matrices[i]);
  sweeper.Flush();
}

void SweepWeights(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch) {
  if (count == 0) return;
  switch (matrices[0].range.type) {
    case ElementType::kFloat32:
      if (matrices[0].range.softmax != nullptr) return SweepMatrices<float, false>(matrices, count, scratch);
      return SweepMatrices<float>(matrices, count, scratch);
    case ElementType::kFloat16:
      return SweepMatrices<hwy::float16_t>(matrices, count, scratch);
    case ElementType::kBFloat16:
      return SweepMatrices<hwy::bfloat16_t>(matrices, count, scratch);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SweepWeights);

void SweepWeights(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(SweepWeights)(matrices, count, scratch);
}

}  // namespace attnscope
#endif  // HWY_ONCE
