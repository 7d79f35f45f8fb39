// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/weights_sweep.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/sweep/row_block.h"
#include "kernels/sweep/slow_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sweep/weights_sweep.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/row_results-inl.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// to[i] += from[i] for i in [0, count), in float64.
HWY_INLINE void AddFloats(const float* HWY_RESTRICT from, size_t count, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(dd);
  size_t i = 0;
  for (; i + N <= count; i += N) hn::StoreU(hn::Add(hn::LoadU(dd, to + i), LoadAsDouble(dd, from + i)), dd, to + i);
  for (; i < count; ++i) to[i] += static_cast<double>(from[i]);
}

// Adds the valid slow rows of [first, first + count) to columns [begin, end), before the block's own columns: so in
// every way of cutting rows into calls.
HWY_NOINLINE void AddSlowRows(const RowBlock& block, const BlockResult& result, size_t first, size_t count,
                              size_t begin, size_t end, double* columns) {
  for (size_t i = first; i < first + count; ++i) {
    const BlockRow& row = block.rows[i];
    if (!result.slow[i] || result.valid[i] == 0.0 || row.visible <= begin) continue;
    const void* from = static_cast<const uint8_t*>(row.data) + begin * ElementBytes(block.type);
    AddSlowRowToColumns(from, block.type, HWY_MIN(end, row.visible) - begin, columns + begin);
  }
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
      if (block_.num_rows + num_rows > kRowsPerBlock) Flush();
      const size_t old_keys = keys;
      keys = HWY_MAX(keys, matrix.range.visible(first + num_rows - 1));
      block_.columns = num_rows == kRowsPerBlock ? scratch_.columns : nullptr;
      parts_[num_parts_++] = {&matrix, block_.num_rows, num_rows, done, old_keys, keys};
      block_.Append(matrix.range, first, num_rows, matrix.row_sums);
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

  // Adds a part's column sums to its matrix's: to the finished blocks, or to the one in progress.
  HWY_INLINE void CommitColumns(const Part& part, const BlockResult& result) {
    double* HWY_RESTRICT finished = part.matrix->columns;
    if (HWY_UNLIKELY(result.any_slow)) {
      AddSlowRows(block_, result, part.first, part.num_rows, 0, part.keys, finished);
    }
    if (block_.columns != nullptr) return AddFloats(block_.columns, block_.Keys(), finished);
    float* HWY_RESTRICT columns = part.matrix->block;
    const size_t zeros_from = part.done == 0 ? 0 : part.old_keys;
    memset(columns + zeros_from, 0, (part.keys - zeros_from) * sizeof(float));
    for (size_t i = part.first; i < part.first + part.num_rows; ++i) {
      if (HWY_UNLIKELY(result.slow[i])) continue;
      AddToColumns(static_cast<const T*>(block_.rows[i].data), block_.rows[i].visible, columns);
    }
    if (part.done + part.num_rows == kRowsPerBlock) AddFloats(columns, part.keys, finished);
  }

  const SweepScratch& scratch_;
  RowBlock block_;
  size_t num_parts_ = 0;
  Part parts_[kRowsPerBlock];
};

template <typename T, bool kEntropy = true>
HWY_INLINE void SweepTyped(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch) {
  Sweeper<T, kEntropy> sweeper(scratch);
  for (size_t i = 0; i < count; ++i) sweeper.Add(matrices[i]);
  sweeper.Flush();
}

void SweepWeights(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch) {
  if (count == 0) return;
  switch (matrices[0].range.type) {
    case ElementType::kFloat32:
      if (matrices[0].range.softmax != nullptr) return SweepTyped<float, false>(matrices, count, scratch);
      return SweepTyped<float>(matrices, count, scratch);
    case ElementType::kFloat16:
      return SweepTyped<hwy::float16_t>(matrices, count, scratch);
    case ElementType::kBFloat16:
      return SweepTyped<hwy::bfloat16_t>(matrices, count, scratch);
  }
}

void SweepDetached(const RowBlock& block, SweepWorkspace* workspace, BlockResult* result) {
  switch (block.type) {
    case ElementType::kFloat32:
      if (block.rows[0].softmax != nullptr) return SweepRows<float, false>(block, *workspace, *result);
      return SweepRows<float, true>(block, *workspace, *result);
    case ElementType::kFloat16:
      return SweepRows<hwy::float16_t, true>(block, *workspace, *result);
    case ElementType::kBFloat16:
      return SweepRows<hwy::bfloat16_t, true>(block, *workspace, *result);
  }
}

void AddDetachedRows(const RowBlock& block, BlockResult* result) { AddRows(block, *result); }

void AddDetachedColumns(const RowBlock& block, const BlockResult& result, size_t begin, size_t end, double* columns) {
  end = HWY_MIN(end, block.Keys());
  if (begin >= end) return;
  if (HWY_UNLIKELY(result.any_slow)) AddSlowRows(block, result, 0, block.num_rows, begin, end, columns);
  AddFloats(block.columns + begin, end - begin, columns + begin);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SweepWeights);
HWY_EXPORT(SweepDetached);
HWY_EXPORT(AddDetachedRows);
HWY_EXPORT(AddDetachedColumns);

void SweepWeights(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(SweepWeights)(matrices, count, scratch);
}

void SweepDetached(const RowBlock& block, SweepWorkspace* workspace, BlockResult* result) {
  HWY_DYNAMIC_DISPATCH(SweepDetached)(block, workspace, result);
}

void AddDetachedRows(const RowBlock& block, BlockResult* result) {
  HWY_DYNAMIC_DISPATCH(AddDetachedRows)(block, result);
}

void AddDetachedColumns(const RowBlock& block, const BlockResult& result, size_t begin, size_t end, double* columns) {
  HWY_DYNAMIC_DISPATCH(AddDetachedColumns)(block, result, begin, end, columns);
}

}  // namespace attnscope
#endif  // HWY_ONCE
