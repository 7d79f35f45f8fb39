// SPDX-License-Identifier: Apache-2.0
//
// Sweeps one block of rows: what each measures, and column sums.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_SWEEP_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_SWEEP_BLOCK_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_SWEEP_BLOCK_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_SWEEP_BLOCK_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/add_rows-inl.h"
#include "kernels/sweep/largest_places-inl.h"
#include "kernels/sweep/own_masses.h"
#include "kernels/sweep/picked_weights.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_strip-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/top_k/top_k-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Prepares a row of a block for sweeping; `rest` is room for its last columns.
HWY_INLINE void PrepareRow(const RowBlock& block, size_t index, float* HWY_RESTRICT rest, SweptRow& row) {
  PrepareColumns(block.rows[index].data, block.type, block.rows[index].visible, rest, row);
  row.before = index == 0 ? nullptr : block.columns;
  row.columns = block.columns;
}

// Adds a row to float32 column sums where each weight has a column of its own. What weighs nothing may have none.
template <typename T>
HWY_NOINLINE void AddToPositions(const T* HWY_RESTRICT row, size_t keys, const int64_t* HWY_RESTRICT positions,
                                 float* HWY_RESTRICT columns) {
  const hn::CappedTag<float, 1> d1;
  for (size_t i = 0; i < keys; ++i) {
    const float weight = hn::GetLane(LoadAsFloat(d1, row + i));
    if (weight != 0.0f) columns[positions[i]] += weight;
  }
}

// Adds rows [first, first + count) of a block to column sums, all but the slow ones.
HWY_NOINLINE inline void AddRowsToColumns(const RowBlock& block, const BlockResult& result, size_t first, size_t count,
                                          float* HWY_RESTRICT columns) {
  for (size_t i = first; i < first + count; ++i) {
    const BlockRow& row = block.rows[i];
    if (HWY_UNLIKELY(result.slow[i])) continue;
    WithElements(row.data, block.type, [&](const auto* data) HWY_ATTR {
      if (HWY_LIKELY(row.positions == nullptr)) {
        AddToColumns(data, row.visible, columns + row.first_column);
      } else {
        AddToPositions(data, row.visible, row.positions, columns);
      }
    });
  }
}

// The block's column sums apart from the sweep: where rows begin at different columns, or some are slow.
HWY_NOINLINE inline void MakeColumns(const RowBlock& block, const BlockResult& result) {
  memset(block.columns + block.reached.begin, 0, block.reached.size() * sizeof(float));
  AddRowsToColumns(block, result, 0, block.num_rows, block.columns);
}

// Where the weights that are swept next stand, and so are prefetched meanwhile: a whole block ahead if rows are short,
// as memory then has time to answer, else the next row of the strip.
class Ahead {
 public:
  explicit Ahead(const RowBlock& block) : block_(block) {
    constexpr size_t kShortBytes = 4096;
    short_ = block.rows[0].visible * ElementBytes(block.type) <= kShortBytes;
  }

  // While `row` is swept from `strip_column` on.
  const void* operator()(size_t row, size_t strip_column, bool last_strip) const {
    const BlockRow* rows = block_.rows;
    if (short_) return At(rows[row].next, strip_column, row, strip_column);
    if (row + 1 < block_.num_rows) return At(rows[row + 1].data, strip_column, row, strip_column);
    if (!last_strip) return At(rows[0].data, strip_column + kStripColumns, row, strip_column);
    return At(rows[0].next, 0, row, strip_column);
  }

 private:
  // Without a row: what is at hand, as that costs nothing.
  const void* At(const void* data, size_t column, size_t row, size_t strip_column) const {
    if (data == nullptr) return ElementAt(block_.rows[row].data, block_.type, strip_column);
    return ElementAt(data, block_.type, column);
  }

  const RowBlock& block_;
  bool short_;
};

// Sweeps a tile of the block, strip by strip.
template <bool kEntropy, bool kColumns, typename T>
HWY_NOINLINE void SweepTile(const SweptRow* HWY_RESTRICT rows, size_t num_rows, size_t tile, size_t groups,
                            const Ahead& ahead, SweepWorkspace& workspace) {
  const size_t strip_groups = kStripColumns / GroupColumns();
  const size_t tile_end = HWY_MIN(groups, tile + kTileColumns / GroupColumns());
  for (size_t strip = tile; strip < tile_end; strip += strip_groups) {
    for (size_t i = 0; i < num_rows; ++i) {
      const void* next = ahead(i, strip * GroupColumns(), strip + strip_groups >= groups);
      SweepStrip<kEntropy, kColumns, T>(rows[i], i, tile, strip, strip + strip_groups, next, workspace);
    }
  }
}

// With kColumns, column sums are made. Rows of a softmax, which are float32, bring their entropies along.
template <bool kColumns>
HWY_INLINE decltype(&SweepTile<true, true, float>) ChooseSweep(const RowBlock& block) {
  if (block.rows[0].softmax != nullptr) return &SweepTile<false, kColumns, float>;
  switch (block.type) {
    case ElementType::kFloat16:
      return &SweepTile<true, kColumns, hwy::float16_t>;
    case ElementType::kBFloat16:
      return &SweepTile<true, kColumns, hwy::bfloat16_t>;
    case ElementType::kFloat32:
      break;
  }
  return &SweepTile<true, kColumns, float>;
}

// Sweeps a block; its column sums, if it makes some, are those of the rows that are not slow: all that block.reached
// has. Not inlined, as two functions call it.
HWY_NOINLINE inline void SweepRows(const RowBlock& block, SweepWorkspace& workspace, BlockResult& result) {
  SweptRow rows[kRowsPerBlock];
  size_t groups = 0;
  for (size_t i = 0; i < block.num_rows; ++i) {
    PrepareRow(block, i, workspace.rest[i], rows[i]);
    groups = HWY_MAX(groups, rows[i].groups);
    if (rows[i].groups == 0) memset(&workspace.lanes[i], 0, sizeof(workspace.lanes[i]));
  }
  const bool make_columns = block.columns != nullptr && block.from_first_column;
  if (make_columns) {  // beyond what the first row sees
    const size_t begin = rows[0].groups * GroupColumns();
    const size_t end = groups * GroupColumns();
    memset(block.columns + begin, 0, (end - begin) * sizeof(float));
  }
  const auto sweep_tile = make_columns ? ChooseSweep<true>(block) : ChooseSweep<false>(block);
  const Ahead ahead(block);
  Selection selection(block, rows, workspace);
  LargestPlaces largest;
  const size_t tile_groups = kTileColumns / GroupColumns();
  for (size_t tile = 0; tile == 0 || tile < groups; tile += tile_groups) {
    sweep_tile(rows, block.num_rows, tile, groups, ahead, workspace);
    selection.AddTile(tile);
    if (HWY_UNLIKELY(block.outputs != nullptr))
      FindLargest(block, selection, workspace, tile * GroupColumns(), largest);
  }
  TopSums sums;
  selection.Sum(sums);
  const SweepDouble dd;
  for (size_t mass = 0; mass < block.masses->listed; ++mass) {
    for (size_t i = 0; i < block.num_rows; i += hn::Lanes(dd)) {
      hn::Store(LoadAsDouble(dd, sums.mass[mass] + i), dd, result.mass[mass] + i);
    }
  }

  result.any_slow = false;
  for (size_t i = 0; i < block.num_rows; ++i) SumLanes(workspace.lanes[i], result.entropy_nats[i], result.sum[i]);
  for (size_t i = 0; i < block.num_rows; ++i) {
    result.max[i] = static_cast<double>(FloatOfBits(sums.max_bits[i]));
    result.valid[i] = 1.0;
    result.slow[i] = sums.max_bits[i] > kMaxFastBits;
    result.any_slow |= result.slow[i];
  }
  if (HWY_UNLIKELY(!block.masses->all_listed)) {
    const size_t listed = block.masses->listed;
    memset(result.mass[listed], 0, (kMaxTopMasses - listed) * sizeof(result.mass[0]));
    if (!block.masses->unlisted().empty()) SetMasses(block, 0, block.num_rows, listed, &result);
  }
  if (HWY_UNLIKELY(result.any_slow)) MeasureSlowRows(block, &result);
  if (block.columns != nullptr && (!make_columns || result.any_slow)) MakeColumns(block, result);
  if (HWY_UNLIKELY(block.outputs != nullptr)) PickWeights(block, largest, &result);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_SWEEP_BLOCK_INL_H_
