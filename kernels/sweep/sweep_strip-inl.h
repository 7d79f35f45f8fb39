// SPDX-License-Identifier: Apache-2.0
//
// One row's part of a strip of columns: which of the instances of the inner loop sweeps it. They are most of the
// library's code, so each is there once. Included per target by weights_sweep.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_SWEEP_STRIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_SWEEP_STRIP_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_SWEEP_STRIP_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_SWEEP_STRIP_INL_H_
#endif

#include <stddef.h>
#include "hwy/highway.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/sweep/zero_columns.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Groups of a row that are swept by one call, all in one tile.
struct StripPart {
  const void* from;      // the first of them
  const void* ahead;     // as many bytes to prefetch
  size_t count;          // of the groups
  size_t column;         // of the tile, the first group's first
  StripColumns columns;  // if they are made
  bool first;            // of the row
};

// Sweeps a part of row `row`, whose elements have type T, and keeps of it what `largest` says.
template <bool kEntropy, bool kColumns, typename T, class Largest>
HWY_INLINE void SweepPart(const StripPart& part, const Largest& largest, typename Largest::Kept* HWY_RESTRICT kept,
                          RowLanes* HWY_RESTRICT lanes) {
  SweepGroups<kEntropy, kColumns>(SweepFloat(), static_cast<const T*>(part.from), part.count, part.column, part.first,
                                  static_cast<const T*>(part.ahead), part.columns, largest, kept, lanes);
}
template <bool kEntropy, bool kColumns, typename T>
HWY_INLINE void SweepForSlots(const StripPart& part, size_t row, SweepWorkspace& workspace) {
  const SlotMaxima slots = {SlotMasks(workspace.selections[row].NumSlots(), hn::Lanes(SweepFloat()))};
  SweepPart<kEntropy, kColumns, T>(part, slots, workspace.slot_max[row], &workspace.lanes[row]);
}
// A function of its own, and the part by value, so that the compiler keeps in registers what short rows need.
template <bool kEntropy, bool kColumns, typename T>
HWY_NOINLINE void SweepAboveBound(StripPart part, size_t row, SweepWorkspace& workspace) {
  const AboveBound above = {workspace.selections[row].bound};
  SweepPart<kEntropy, kColumns, T>(part, above, workspace.above[row].bytes, &workspace.lanes[row]);
}

// The column sums of at most a strip from group `group` on, if they are made.
HWY_INLINE StripColumns ColumnsFrom(const SweptRow& row, size_t group) {
  if (row.columns == nullptr) return {nullptr, nullptr};
  const size_t column = group * GroupColumns();
  return {row.before == nullptr ? ZeroColumns() : row.before + column, row.columns + column};
}

// The full groups of a row from `begin` to `end`, all in one tile, which begins at group `tile`.
HWY_INLINE StripPart FullPart(const SweptRow& row, size_t tile, size_t begin, size_t end, const void* ahead) {
  const size_t columns = GroupColumns();
  return {ElementAt(row.data, row.type, begin * columns),
          ahead,
          end - begin,
          (begin - tile) * columns,
          ColumnsFrom(row, begin),
          begin == 0};
}
// A row's last columns, which are float32.
HWY_INLINE StripPart RestPart(const SweptRow& row, size_t tile) {
  return {row.rest,
          row.rest,
          1,
          (row.full_groups - tile) * GroupColumns(),
          ColumnsFrom(row, row.full_groups),
          row.full_groups == 0};
}

// Sweeps the last columns of row `index`: the same function for all types.
template <bool kEntropy, bool kColumns>
HWY_NOINLINE void SweepRest(const SweptRow& row, size_t index, size_t tile, SweepWorkspace& workspace) {
  const StripPart part = RestPart(row, tile);
  if (HWY_LIKELY(workspace.selections[index].KeepsSlots())) {
    SweepForSlots<kEntropy, kColumns, float>(part, index, workspace);
  } else {
    SweepAboveBound<kEntropy, kColumns, float>(part, index, workspace);
  }
}

// Sweeps groups [begin, end) of row `index`.
template <bool kEntropy, bool kColumns, typename T>
HWY_INLINE void SweepStrip(const SweptRow& row, size_t index, size_t tile, size_t begin, size_t end, const void* ahead,
                           SweepWorkspace& workspace) {
  const size_t full = HWY_MIN(end, row.full_groups);
  const bool has_full = begin < full;
  const bool has_rest = row.groups != row.full_groups && begin <= row.full_groups && row.full_groups < end;
  if (has_full) {
    const StripPart part = FullPart(row, tile, begin, full, ahead);
    if (HWY_LIKELY(workspace.selections[index].KeepsSlots())) {
      SweepForSlots<kEntropy, kColumns, T>(part, index, workspace);
    } else {
      SweepAboveBound<kEntropy, kColumns, T>(part, index, workspace);
    }
  }
  if (has_rest) SweepRest<kEntropy, kColumns>(row, index, tile, workspace);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_SWEEP_STRIP_INL_H_
