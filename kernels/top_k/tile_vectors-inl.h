// SPDX-License-Identifier: Apache-2.0
//
// A tile of one row, which is still in cache when it is looked at again: its vectors, as bit patterns.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_TILE_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_TILE_VECTORS_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_TILE_VECTORS_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_TILE_VECTORS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DU = hn::RebindToUnsigned<SweepFloat>;

// first, first + 1 and so on, one a lane. Highway's Iota of a number that is no constant stores one lane after the
// other, and waits for them.
HWY_INLINE hn::Vec<DU> NumbersFrom(size_t first) {
  static_assert(kRowsPerBlock == 16);  // the most lanes
  HWY_ALIGN_MAX static constexpr uint32_t kLanes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return hn::Add(hn::Set(DU(), static_cast<uint32_t>(first)), hn::Load(DU(), kLanes));
}

// Vectors [begin, end) of a row, whole groups, all in one tile: those from `full` on stand in `rest`, as float32.
// Counted from the row's start.
struct RowVectors {
  const void* data;
  const float* rest;
  ElementType type;
  size_t begin;
  size_t full;
  size_t end;
};

// Bit patterns of the vector at `from`.
template <typename T>
HWY_INLINE hn::Vec<DU> LoadPatterns(const T* HWY_RESTRICT from) {
  return hn::BitCast(DU(), LoadAsFloat(SweepFloat(), from));
}

// The part of a row in the tile that begins at group `tile`.
HWY_INLINE RowVectors VectorsOfTile(const SweptRow& row, size_t tile) {
  const size_t end = HWY_MIN(row.groups, tile + kTileColumns / GroupColumns());
  return {row.data, row.rest, row.type, 4 * tile, 4 * HWY_MAX(tile, row.full_groups), 4 * HWY_MAX(tile, end)};
}

// What `largest`, a SlotMaxima or AboveBound, keeps of a tile.
template <class Largest>
HWY_NOINLINE void KeepTile(const RowVectors& row, const Largest& largest, typename Largest::Kept* HWY_RESTRICT kept) {
  const size_t N = hn::Lanes(DU());
  const auto keep = [&](const auto* from, size_t i) HWY_ATTR {
    largest.Keep(DU(), (i - row.begin) * N, LoadPatterns(from), LoadPatterns(from + N), LoadPatterns(from + 2 * N),
                 LoadPatterns(from + 3 * N), kept);
  };
  WithElements(row.data, row.type, [&](const auto* data) HWY_ATTR {
    for (size_t i = row.begin; i < HWY_MIN(row.full, row.end); i += 4) keep(data + i * N, i);
  });
  if (row.full < row.end) keep(row.rest, row.full);
}

// The slots of a tile that was not swept for them, of at least kSlots columns.
HWY_INLINE void FindSlots(const RowVectors& row, uint32_t* HWY_RESTRICT slots) {
  KeepTile(row, SlotMaxima{SlotMasks(kSlots, hn::Lanes(DU()))}, slots);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_TILE_VECTORS_INL_H_
