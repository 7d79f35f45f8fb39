// SPDX-License-Identifier: Apache-2.0
//
// A tile of one row, which is still in cache when it is looked at again: its vectors, as bit patterns, and what is
// picked out of them. Included per target by the selection's headers.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TILE_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TILE_VECTORS_INL_H_
#undef ATTNSCOPE_KERNELS_TILE_VECTORS_INL_H_
#else
#define ATTNSCOPE_KERNELS_TILE_VECTORS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/load-inl.h"
#include "kernels/row_tile-inl.h"
#include "kernels/sweep_tags-inl.h"
#include "kernels/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DI = hn::RebindToSigned<SweepFloat>;
using DU = hn::RebindToUnsigned<SweepFloat>;

// Vectors [begin, end) of a row, all in one tile: those from `full` on stand in `rest`. Counted from the row's start.
template <typename T>
struct RowVectors {
  const T* data;
  const T* rest;
  size_t begin;
  size_t full;
  size_t end;

  // Bit patterns of vector i, zeros from `end` on.
  HWY_INLINE hn::Vec<DI> Load(size_t i) const {
    const SweepFloat df;
    if (i >= end) return hn::Zero(DI());
    const T* from = i < full ? data + i * hn::Lanes(df) : rest + (i - full) * hn::Lanes(df);
    return hn::BitCast(DI(), LoadAsFloat(df, from));
  }
  HWY_INLINE hn::Vec<DI> LoadFull(size_t i) const {
    const SweepFloat df;
    return hn::BitCast(DI(), LoadAsFloat(df, data + i * hn::Lanes(df)));
  }
};

// The part of a row in the tile that begins at group `tile`.
template <typename T>
HWY_INLINE RowVectors<T> VectorsOfTile(const SweptRow<T>& row, size_t tile) {
  const size_t end = HWY_MIN(row.groups, tile + kTileColumns / GroupColumns());
  return {row.data, row.rest, 4 * tile, 4 * row.full_groups, HWY_MAX(4 * tile, 4 * end)};
}

// Whether Compress is one instruction. Else it looks up a table, which GCC 12 copies to the stack each time: 1 KiB on
// AVX2, which took a third of the time of rows of 512 weights.
#undef ATTNSCOPE_HAVE_COMPRESS
#if HWY_TARGET <= HWY_AVX3 || HWY_HAVE_SCALABLE
#define ATTNSCOPE_HAVE_COMPRESS 1
#else
#define ATTNSCOPE_HAVE_COMPRESS 0
#endif

#if !ATTNSCOPE_HAVE_COMPRESS
HWY_INLINE uint64_t BitsOf(hn::Mask<DI> mask) {
  uint64_t bits = 0;
  hn::StoreMaskBits(DI(), mask, reinterpret_cast<uint8_t*>(&bits));
  return bits;
}

// Appends those values whose bits are set, few of them.
HWY_INLINE size_t AppendBits(const uint32_t* HWY_RESTRICT values, uint64_t bits, uint32_t* HWY_RESTRICT to) {
  size_t count = 0;
  for (; bits != 0; bits &= bits - 1) to[count++] = values[hwy::Num0BitsBelowLS1Bit_Nonzero64(bits)];
  return count;
}
#endif

// Appends the values of a mask at `to`; may write up to Lanes values more than it returns. Compress and an ordinary
// store: CompressStore is microcoded on some CPUs (Zen 4).
HWY_INLINE size_t Append(hn::Vec<DI> values, hn::Mask<DI> which, uint32_t* HWY_RESTRICT to) {
#if ATTNSCOPE_HAVE_COMPRESS
  hn::StoreU(hn::BitCast(DU(), hn::Compress(values, which)), DU(), to);
  return hn::CountTrue(DI(), which);
#else
  HWY_ALIGN_MAX uint32_t lanes[kRowsPerBlock];
  hn::Store(hn::BitCast(DU(), values), DU(), lanes);
  return AppendBits(lanes, BitsOf(which), to);
#endif
}

// Calls visit(i) for each mask i of the first `bytes` bytes that has a bit, until it returns false. 64 bytes behind are
// zero or belong to masks without a bit.
template <class Visit>
HWY_INLINE void VisitMasks(const uint8_t* HWY_RESTRICT masks, size_t bytes, const Visit& visit) {
  const hn::CappedTag<uint8_t, 64> d8;
  for (size_t begin = 0; begin < bytes; begin += hn::Lanes(d8)) {
    uint64_t word = 0;
    hn::StoreMaskBits(d8, hn::Ne(hn::LoadU(d8, masks + begin), hn::Zero(d8)), reinterpret_cast<uint8_t*>(&word));
    while (word != 0) {
      const size_t i = (begin + hwy::Num0BitsBelowLS1Bit_Nonzero64(word)) / kMaskBytes;
      word &= ~(((uint64_t{1} << kMaskBytes) - 1) << (i * kMaskBytes - begin));
      if (!visit(i)) return;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TILE_VECTORS_INL_H_
