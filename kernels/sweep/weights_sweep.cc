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

// Adds the valid slow rows of [first, first + count) to their columns within a range, before the block's own columns:
// so in every way of cutting rows into calls.
HWY_NOINLINE void AddSlowRows(const RowBlock& block, const BlockResult& result, size_t first, size_t count,
                              const KeyRange& range, double* columns) {
  for (size_t i = first; i < first + count; ++i) {
    if (!result.slow[i] || result.valid[i] == 0.0) continue;
    AddSlowRowToColumns(block.rows[i], block.type, range, columns);
  }
}

// Makes `block` [keys] hold `more` columns besides those it has: new ones are zero.
HWY_INLINE void ExtendColumns(const KeyRange& more, KeyRange& has, float* HWY_RESTRICT block) {
  if (more.empty()) return;
  if (has.empty()) has = {more.begin, more.begin};
  if (more.begin < has.begin) {
    memset(block + more.begin, 0, (has.begin - more.begin) * sizeof(float));
    has.begin = more.begin;
  }
  if (more.end > has.end) {
    memset(block + has.end, 0, (more.end - has.end) * sizeof(float));
    has.end = more.end;
  }
}

// Adds a part's column sums to its matrix's: to the finished blocks, or to the one in progress.
HWY_INLINE void AddColumns(const RowBlock& block, const BlockPart& part, const BlockResult& result) {
  double* HWY_RESTRICT finished = part.columns;
  if (HWY_UNLIKELY(finished == nullptr)) return;
  if (HWY_UNLIKELY(result.any_slow)) AddSlowRows(block, result, part.first, part.num_rows, part.reached, finished);
  if (block.columns != nullptr) {
    AddFloats(block.columns + part.reached.begin, part.reached.size(), finished + part.reached.begin);
    return;
  }
  KeyRange& in_progress = *part.block_columns;
  if (part.done == 0) in_progress = {};
  ExtendColumns(part.reached, in_progress, part.block);
  AddRowsToColumns(block, result, part.first, part.num_rows, part.block);
  if (part.done + part.num_rows != kRowsPerBlock) return;
  AddFloats(part.block + in_progress.begin, in_progress.size(), finished + in_progress.begin);
  in_progress = {};
}

void SweepBlock(const RowBlock& block, const BlockPart* parts, size_t num_parts, SweepWorkspace* workspace) {
  BlockResult result;
  SweepRows(block, *workspace, result);
  AddRows(block, result);
  for (size_t i = 0; i < num_parts; ++i) AddColumns(block, parts[i], result);
}

void SweepDetached(const RowBlock& block, SweepWorkspace* workspace, BlockResult* result) {
  SweepRows(block, *workspace, *result);
}

void AddDetachedRows(const RowBlock& block, BlockResult* result) { AddRows(block, *result); }

void AddDetachedColumns(const RowBlock& block, const BlockResult& result, const KeyRange& range, double* columns) {
  const size_t begin = HWY_MAX(range.begin, block.reached.begin);
  const size_t end = HWY_MIN(range.end, block.reached.end);
  if (begin >= end) return;
  if (HWY_UNLIKELY(result.any_slow)) AddSlowRows(block, result, 0, block.num_rows, {begin, end}, columns);
  AddFloats(block.columns + begin, end - begin, columns + begin);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SweepBlock);
HWY_EXPORT(SweepDetached);
HWY_EXPORT(AddDetachedRows);
HWY_EXPORT(AddDetachedColumns);

void SweepBlock(const RowBlock& block, const BlockPart* parts, size_t num_parts, SweepWorkspace* workspace) {
  HWY_DYNAMIC_DISPATCH(SweepBlock)(block, parts, num_parts, workspace);
}

void SweepDetached(const RowBlock& block, SweepWorkspace* workspace, BlockResult* result) {
  HWY_DYNAMIC_DISPATCH(SweepDetached)(block, workspace, result);
}

void AddDetachedRows(const RowBlock& block, BlockResult* result) {
  HWY_DYNAMIC_DISPATCH(AddDetachedRows)(block, result);
}

void AddDetachedColumns(const RowBlock& block, const BlockResult& result, const KeyRange& range, double* columns) {
  HWY_DYNAMIC_DISPATCH(AddDetachedColumns)(block, result, range, columns);
}

}  // namespace attnscope
#endif  // HWY_ONCE
