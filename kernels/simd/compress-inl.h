// SPDX-License-Identifier: Apache-2.0
//
// Moves the lanes that are chosen to the front.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SIMD_COMPRESS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SIMD_COMPRESS_INL_H_
#undef ATTNSCOPE_KERNELS_SIMD_COMPRESS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SIMD_COMPRESS_INL_H_
#endif

#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/simd/compress_table.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX2

// GCC 12 copies Highway's table, 1 KiB, to the stack for each vector. This one is static.
HWY_INLINE hn::Vec256<uint32_t> CompressByTable(hn::Vec256<uint32_t> words, uint32_t bits) {
  const __m256i packed = _mm256_set1_epi32(static_cast<int>(kCompressTable.indices[bits]));
  // The permutation takes the lowest three bits of each lane.
  const __m256i indices = _mm256_srlv_epi32(packed, _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
  return hn::Vec256<uint32_t>{_mm256_permutevar8x32_epi32(words.raw, indices)};
}

#endif

// The lanes of 32 bits that the mask has, in order; anything behind them.
template <class DU, class VU = hn::Vec<DU>>
HWY_INLINE VU CompressWords(DU /*du*/, VU words, hn::Mask<DU> mask) {
#if HWY_TARGET == HWY_AVX2
  if constexpr (hn::MaxLanes(DU()) == 8) {
    return CompressByTable(words, static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(mask.raw))));
  }
#endif
  return hn::Compress(words, mask);
}

// The same for a mask in memory, one bit a lane, whole bytes.
template <class DU, class VU = hn::Vec<DU>>
HWY_INLINE VU CompressWords(DU du, VU words, const uint8_t* HWY_RESTRICT bits) {
#if HWY_TARGET == HWY_AVX2
  if constexpr (hn::MaxLanes(DU()) == 8) return CompressByTable(words, *bits);
#endif
  return hn::Compress(words, hn::LoadMaskBits(du, bits));
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_COMPRESS_INL_H_
