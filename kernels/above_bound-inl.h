// SPDX-License-Identifier: Apache-2.0
//
// A row's weights above a bound that was known when their tile was swept (AboveBound); or, where they are too many, the
// tile's slots. Included per target by top_k-inl.h.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_ABOVE_BOUND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_ABOVE_BOUND_INL_H_
#undef ATTNSCOPE_KERNELS_ABOVE_BOUND_INL_H_
#else
#define ATTNSCOPE_KERNELS_ABOVE_BOUND_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/row_tile-inl.h"
#include "kernels/sweep_workspace.h"
#include "kernels/tile_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Appends the weights of the group of vectors from vector i on that are above the bound, as unsigned numbers.
template <typename T>
HWY_INLINE size_t AppendAbove(const RowVectors<T>& row, size_t i, hn::Vec<DU> bound, uint32_t* HWY_RESTRICT to) {
  const DU du;
#if ATTNSCOPE_HAVE_COMPRESS
  size_t count = 0;
  for (size_t j = i; j < i + 4; ++j) {
    const auto weights = row.Load(j);
    count += Append(weights, hn::RebindMask(DI(), hn::Gt(hn::BitCast(du, weights), bound)), to + count);
  }
  return count;
#else
  const size_t N = hn::Lanes(du);
  HWY_ALIGN_MAX uint32_t lanes[4 * kRowsPerBlock];
  uint64_t bits = 0;
  for (size_t j = 0; j < 4; ++j) {
    const auto weights = hn::BitCast(du, row.Load(i + j));
    hn::Store(weights, du, lanes + j * N);
    bits |= BitsOf(hn::RebindMask(DI(), hn::Gt(weights, bound))) << (j * N);
  }
  return AppendBits(lanes, bits, to);
#endif
}

// Weights above the bound of a later tile, up to which all are merged. Slots of the tile and their networks take as
// long as three or four merges of 32.
inline constexpr size_t kMostAbove = 128;

// Appends the weights above the bound that AboveBound has seen in a later tile; returns how many there are. Stops soon
// after kMostAbove.
template <typename T>
HWY_INLINE size_t CollectAbove(const RowVectors<T>& row, GroupBits& bits, uint32_t bound,
                               uint32_t* HWY_RESTRICT extras) {
  const auto bound_vector = hn::Set(DU(), bound);
  const size_t bytes = (row.end - row.begin) / 4 * kMaskBytes;
  const hn::CappedTag<uint8_t, 64> d8;
  hn::StoreU(hn::Zero(d8), d8, bits.above + bytes);
  size_t count = 0;
  VisitMasks(bits.above, bytes, [&](size_t group) HWY_ATTR {
    count += AppendAbove(row, row.begin + 4 * group, bound_vector, extras + count);
    return count <= kMostAbove;
  });
  return count;
}

// What `largest`, a SlotMaxima or AboveBound, keeps of a tile.
template <typename T, class Largest>
HWY_INLINE void KeepTile(const RowVectors<T>& row, const Largest& largest, typename Largest::Kept* HWY_RESTRICT kept) {
  const DU du;
  for (size_t i = row.begin; i < row.end; i += 4) {
    largest.Keep(du, (i - row.begin) * hn::Lanes(du), hn::BitCast(du, row.Load(i)), hn::BitCast(du, row.Load(i + 1)),
                 hn::BitCast(du, row.Load(i + 2)), hn::BitCast(du, row.Load(i + 3)), kept);
  }
}

// The slots of a tile that was not swept for them.
template <typename T>
HWY_INLINE void FindSlots(const RowVectors<T>& row, uint32_t* HWY_RESTRICT slots) {
  memset(slots, 0, kSlots * sizeof(uint32_t));
  KeepTile(row, SlotMaxima{SlotMasks(kSlots, hn::Lanes(DU()))}, slots);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_ABOVE_BOUND_INL_H_
