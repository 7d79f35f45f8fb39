// SPDX-License-Identifier: Apache-2.0
//
// The exact sums of each row's 5, 10 and 50 largest weights. Weights are handled as their bit patterns, which for
// weights >= 0 order as the weights do. Included per target by weights_sweep.cc.
//
// The sweep of a row's first tile leaves the largest weight of each of 128 slots. A selection network turns these into
// a row's 50 largest so far, of which the 50th is a bound: at least 50 weights are >= it, so that weights equal to it
// need no further look (rows of equal weights cost nothing). A second look at the tile, which is still in cache, finds
// the few weights above the bound that share a slot with a larger one, the extras, and another network merges them in.
//
// The bound is then known before later tiles are swept, and the sweep leaves the places of weights above it: after m
// tiles of weights in random order, some 50 / m. All of these are extras. Where there are too many, as in ascending
// rows, the tile is treated as the first one was, and so is the next one.
//
// Whichever way the bound rose, the list is that of the 50 largest weights, in order: the sums depend on the row alone,
// not on its neighbours in a block, and so not on how rows are cut into calls.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/above_bound-inl.h"
#include "kernels/extras-inl.h"
#include "kernels/row_tile-inl.h"
#include "kernels/sweep_tags-inl.h"
#include "kernels/sweep_workspace.h"
#include "kernels/tile_vectors-inl.h"
#include "kernels/top_k_network-inl.h"
#include "kernels/top_lists-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The searches of a batch's rows.
struct Searches {
  Search of_row[kRowsPerBlock];

  size_t MostExtras(const TopLists& batch) const {
    size_t most = 0;
    for (size_t i = 0; i < batch.num_rows(); ++i) most = HWY_MAX(most, of_row[i].count);
    return most;
  }
};

// While there are too many extras for one network: treats them as another tile, whose slots raise the bound.
inline HWY_NOINLINE void ReduceExtras(TopLists& batch, Searches& searches, SweepWorkspace& workspace) {
  const size_t N = hn::Lanes(DU());
  HWY_ALIGN_MAX uint32_t bounds[kMaxFloatLanes];
  while (searches.MostExtras(batch) > kExtrasAtOnce) {
    RowVectors<float> rows[kRowsPerBlock];
    for (size_t i = 0; i < batch.num_rows(); ++i) {
      const size_t row = batch.first() + i;
      const uint32_t* HWY_RESTRICT extras = workspace.extras[row];
      memcpy(workspace.extras_before[row], extras, (searches.of_row[i].count + N) * sizeof(uint32_t));
      const uint32_t* HWY_RESTRICT from = workspace.extras_before[row];
      const size_t vectors = hwy::DivCeil(searches.of_row[i].count, N);
      rows[i] = {reinterpret_cast<const float*>(from), nullptr, 0, vectors, vectors};
      FindSlots(rows[i], workspace.extra_slots[row]);
    }
    batch.AddExtraSlots({workspace.extra_slots[batch.first()], kSlots});
    batch.Bounds(bounds);
    for (size_t i = 0; i < batch.num_rows(); ++i) {
      const size_t row = batch.first() + i;
      Search search;
      FindExtras(rows[i], workspace.extra_slots[row], bounds[i], workspace.pairs[row]);
      CollectExtras(rows[i], workspace.pairs[row], bounds[i], SIZE_MAX, search, workspace.extras[row]);
      searches.of_row[i].count = search.count;
    }
  }
}

// Merges the extras of all rows. What stands behind them is older, and cleared: at first with room for more than one
// network takes, so that the size is known when compiling.
HWY_INLINE void MergeExtras(TopLists& batch, const Searches& searches, SweepWorkspace& workspace) {
  const size_t end = hwy::RoundUpTo(searches.MostExtras(batch), kExtrasAtOnce);
  if (end == 0) return;
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    uint32_t* HWY_RESTRICT behind = workspace.extras[batch.first() + i] + searches.of_row[i].count;
    memset(behind, 0, kExtrasAtOnce * sizeof(uint32_t));
    if (HWY_UNLIKELY(end > kExtrasAtOnce)) memset(behind, 0, (end - searches.of_row[i].count) * sizeof(uint32_t));
  }
  HWY_ALIGN_MAX uint32_t sorted[kExtrasAtOnce * kMaxFloatLanes];
  for (size_t begin = 0; begin < end; begin += kExtrasAtOnce) {
    SortColumns<kExtrasAtOnce>(DU(), {workspace.extras[batch.first()], kExtrasCapacity}, begin, sorted);
    batch.AddSorted<kExtrasAtOnce>(sorted);
  }
}

// Finds and merges the extras of one tile, of those rows whose search has not ended.
template <typename T>
HWY_NOINLINE void AddExtras(const SweptRow<T>* HWY_RESTRICT rows, size_t tile, TopLists& batch, Searches& searches,
                            SweepWorkspace& workspace) {
  HWY_ALIGN_MAX uint32_t bounds[kMaxFloatLanes];
  bool finished = false;
  while (!finished) {
    finished = true;
    batch.Bounds(bounds);
    for (size_t i = 0; i < batch.num_rows(); ++i) {
      const size_t row = batch.first() + i;
      searches.of_row[i].count = 0;
      if (searches.of_row[i].next == SIZE_MAX) continue;
      FindExtras(VectorsOfTile(rows[row], tile), workspace.slot_max[row], bounds[i], workspace.pairs[row]);
    }
    // Apart from the above, as bits that were stored one by one are loaded together: they must have left the store
    // buffer, or the load waits.
    for (size_t i = 0; i < batch.num_rows(); ++i) {
      const size_t row = batch.first() + i;
      if (searches.of_row[i].next == SIZE_MAX) continue;
      CollectExtras(VectorsOfTile(rows[row], tile), workspace.pairs[row], bounds[i], kMostExtras, searches.of_row[i],
                    workspace.extras[row]);
      finished &= searches.of_row[i].next == SIZE_MAX;
    }
    ReduceExtras(batch, searches, workspace);
    MergeExtras(batch, searches, workspace);
  }
}

// Whether so many slots are above the bound that the next tile is likely to have too many weights above it.
HWY_INLINE bool ManySlotsAbove(const uint32_t* HWY_RESTRICT slots, uint32_t bound) {
  const DU du;
  const auto bound_vector = hn::Set(du, bound);
  size_t above = 0;
  for (size_t i = 0; i < kSlots; i += hn::Lanes(du)) {
    above += hn::CountTrue(du, hn::Gt(hn::Load(du, slots + i), bound_vector));
  }
  return above > kSlots / 2;
}

// Zeroes the slots that no column of a tile has, of `end` slots.
template <typename T>
HWY_INLINE void ClearUnusedSlots(const SweptRow<T>& row, size_t tile, size_t end, uint32_t* HWY_RESTRICT slots) {
  const size_t groups = HWY_MAX(tile, HWY_MIN(row.groups, tile + kTileColumns / GroupColumns())) - tile;
  const size_t used = HWY_MIN(groups * GroupColumns(), NumSlots(row.groups * GroupColumns()));
  if (used < end) memset(slots + used, 0, (end - used) * sizeof(uint32_t));
}

// Adds the first tile. The longest row of the block has `columns`, the longest of its short rows `short_columns`.
template <typename T>
HWY_INLINE void AddFirstTile(const SweptRow<T>* HWY_RESTRICT rows, size_t columns, size_t short_columns,
                             TopLists& batch, SweepWorkspace& workspace) {
  const bool second_lap = short_columns > kSlots;
  Searches searches;
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    const size_t row = batch.first() + i;
    ClearUnusedSlots(rows[row], 0, second_lap ? kShortColumns : kSlots, workspace.slot_max[row]);
    // All weights of short rows are in the lists.
    if (rows[row].groups * GroupColumns() <= kShortColumns) searches.of_row[i].next = SIZE_MAX;
  }
  const RowsInMemory slots = {workspace.slot_max[batch.first()], kShortColumns};
  batch.SetSlots(slots, columns);
  if (second_lap) batch.AddSecondLap(slots, short_columns);
  if (columns > kShortColumns) AddExtras(rows, 0, batch, searches, workspace);
}

// Adds a later tile, and decides what the sweep of the next one finds. All of this depends on single rows: so do the
// lists, and thus the order in which their sums are added.
template <typename T>
HWY_NOINLINE void AddLaterTile(const SweptRow<T>* HWY_RESTRICT rows, size_t tile, TopLists& batch,
                               SweepWorkspace& workspace) {
  Searches searches;
  bool any_slots = false;
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    const size_t row = batch.first() + i;
    const RowVectors<T> vectors = VectorsOfTile(rows[row], tile);
    if (workspace.finds_slots[row]) {
      ClearUnusedSlots(rows[row], tile, kSlots, workspace.slot_max[row]);
    } else {
      Search& search = searches.of_row[i];
      search.count = CollectAbove(vectors, workspace.groups[row], workspace.bounds[row], workspace.extras[row]);
      search.next = SIZE_MAX;
      if (HWY_LIKELY(search.count <= kMostAbove)) continue;
      search = Search();
      FindSlots(vectors, workspace.slot_max[row]);
    }
    any_slots = true;
  }
  MergeExtras(batch, searches, workspace);
  if (HWY_LIKELY(!any_slots)) return;
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    const size_t row = batch.first() + i;
    uint32_t* HWY_RESTRICT slots = workspace.slot_max[row];
    if (searches.of_row[i].next == SIZE_MAX) memset(slots, 0, kSlots * sizeof(uint32_t));
    workspace.finds_slots[row] = ManySlotsAbove(slots, workspace.bounds[row]);
  }
  batch.AddSlots({workspace.slot_max[batch.first()], kShortColumns});
  AddExtras(rows, tile, batch, searches, workspace);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_INL_H_
