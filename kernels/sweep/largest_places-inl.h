// SPDX-License-Identifier: Apache-2.0
//
// Where the largest weight of each row stands. Only where a block has outputs; while its weights are there.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_LARGEST_PLACES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_LARGEST_PLACES_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_LARGEST_PLACES_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_LARGEST_PLACES_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/picked_weights.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/marked_place-inl.h"
#include "kernels/top_k/top_k-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The bits of the half that has a weight's bit pattern as float32: the weight is one.
HWY_INLINE uint16_t HalfBits(ElementType type, uint32_t float_bits) {
  if (type == ElementType::kBFloat16) return static_cast<uint16_t>(float_bits >> 16);
  if (float_bits >= uint32_t{113} << 23) return static_cast<uint16_t>((float_bits >> 13) - (112u << 10));
  float value;  // below 2^-14, of 2^-24 each
  memcpy(&value, &float_bits, sizeof(value));
  return static_cast<uint16_t>(value * 0x1p24f);
}

// Lanes(d) float32 or halves from any address as unsigned numbers.
template <class D>
HWY_INLINE hn::Vec<D> LoadBits(D d, const float* HWY_RESTRICT from) {
  return hn::BitCast(d, hn::LoadU(hn::RebindToFloat<D>(), from));
}
template <class D>
HWY_INLINE hn::Vec<D> LoadBits(D d, const uint16_t* HWY_RESTRICT from) {
  return hn::LoadU(d, from);
}

// The larger lanes of kVectors vectors, a power of two.
template <size_t kVectors, class D, typename T>
HWY_INLINE hn::Vec<D> LargestOf(D d, const T* HWY_RESTRICT from) {
  if constexpr (kVectors == 1) {
    return LoadBits(d, from);
  } else {
    constexpr size_t kHalf = kVectors / 2;
    return hn::Max(LargestOf<kHalf>(d, from), LargestOf<kHalf>(d, from + kHalf * hn::Lanes(d)));
  }
}

// Raises i by kVectors vectors at a time while none of them has an element that equals `wanted`; none is larger.
template <size_t kVectors, class D, typename T>
HWY_INLINE void SkipOthers(D d, const T* HWY_RESTRICT from, size_t count, hn::Vec<D> wanted, size_t& i) {
  const size_t step = kVectors * hn::Lanes(d);
  while (i + step <= count && hn::AllFalse(d, hn::Eq(LargestOf<kVectors>(d, from + i), wanted))) i += step;
}

// The first of the elements at `from` that, as an unsigned number, equals `number`; `count` if there is none. None is
// larger.
template <typename T, typename TU>
HWY_NOINLINE size_t FindLargestNumber(const T* HWY_RESTRICT from, size_t count, TU number) {
  const hn::CappedTag<TU, 64 / sizeof(TU)> d;
  const auto wanted = hn::Set(d, number);
  size_t i = 0;
  SkipOthers<16>(d, from, count, wanted, i);
  SkipOthers<4>(d, from, count, wanted, i);
  SkipOthers<1>(d, from, count, wanted, i);
  if (HWY_LIKELY(i + hn::Lanes(d) <= count)) {
    return i + static_cast<size_t>(hn::FindFirstTrue(d, hn::Eq(LoadBits(d, from + i), wanted)));
  }
  for (; i < count; ++i) {
    TU bits;
    hwy::CopyBytes<sizeof(T)>(from + i, &bits);
    if (bits == number) break;
  }
  return i;
}

// The first of a row's weights [column, column + count) that has this bit pattern, as float32; none has a larger one.
HWY_INLINE size_t FindBits(const BlockRow& row, ElementType type, size_t column, size_t count, uint32_t bits) {
  const void* from = ElementAt(row.data, type, column);
  if (type == ElementType::kFloat32) return FindLargestNumber(static_cast<const float*>(from), count, bits);
  return FindLargestNumber(static_cast<const uint16_t*>(from), count, HalfBits(type, bits));
}

// Finds the largest weight of each row where the tile that begins at `column` has raised it: among those that were
// picked for the row's list, or else in the row.
HWY_NOINLINE inline void FindLargest(const RowBlock& block, const Selection& selection, const SweepWorkspace& workspace,
                                     size_t column, LargestPlaces& largest) {
  if (block.outputs->argmax.data == nullptr) return;
  HWY_ALIGN_MAX uint32_t bits[kMaxFloatLanes];
  selection.StoreLargest(bits);
  for (size_t i = 0; i < block.num_rows; ++i) {
    const BlockRow& row = block.rows[i];
    if (column == 0) largest.bits[i] = 0;
    if (bits[i] <= largest.bits[i] || row.visible <= column) continue;
    largest.bits[i] = bits[i];
    const size_t count = HWY_MIN(kTileColumns, row.visible - column);
    const size_t picked = PlaceOfPicked(workspace, i, count, bits[i]);
    const size_t place = HWY_LIKELY(picked != kNowhere) ? picked : FindBits(row, block.type, column, count, bits[i]);
    largest.index[i] = column + place;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_LARGEST_PLACES_INL_H_
