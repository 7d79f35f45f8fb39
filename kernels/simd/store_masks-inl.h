// SPDX-License-Identifier: Apache-2.0
//
// Stores the bits of four masks at once.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SIMD_STORE_MASKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SIMD_STORE_MASKS_INL_H_
#undef ATTNSCOPE_KERNELS_SIMD_STORE_MASKS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SIMD_STORE_MASKS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Bits of masks of 32-bit lanes, whole bytes of them a mask, one mask behind the other.
template <class DU, class M = hn::Mask<DU>>
HWY_INLINE void StoreFourMasks(DU du, M mask0, M mask1, M mask2, M mask3, uint8_t* HWY_RESTRICT to) {
#if HWY_TARGET == HWY_AVX2
  // Highway's way moves each mask to a general register, and puts the bytes together there: 20 instructions. Here the
  // masks are narrowed to bytes of one vector; as packing works within halves, these are put in order before they move.
  if constexpr (hn::MaxLanes(DU()) == 8) {
    const auto lower = _mm256_packs_epi32(hn::VecFromMask(du, mask0).raw, hn::VecFromMask(du, mask1).raw);
    const auto upper = _mm256_packs_epi32(hn::VecFromMask(du, mask2).raw, hn::VecFromMask(du, mask3).raw);
    const auto bytes =
        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(lower, upper), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const int32_t bits = _mm256_movemask_epi8(bytes);
    hwy::CopyBytes<sizeof(bits)>(&bits, to);
    return;
  }
#endif
  constexpr size_t kBytes = HWY_MAX(size_t{1}, hn::MaxLanes(DU()) / 8);
  hn::StoreMaskBits(du, mask0, to);
  hn::StoreMaskBits(du, mask1, to + kBytes);
  hn::StoreMaskBits(du, mask2, to + 2 * kBytes);
  hn::StoreMaskBits(du, mask3, to + 3 * kBytes);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_STORE_MASKS_INL_H_
