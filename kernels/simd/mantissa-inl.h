// SPDX-License-Identifier: Apache-2.0
//
// The mantissas of float32 weights. The one place with an instruction that Highway has no call for.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SIMD_MANTISSA_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SIMD_MANTISSA_INL_H_
#undef ATTNSCOPE_KERNELS_SIMD_MANTISSA_INL_H_
#else
#define ATTNSCOPE_KERNELS_SIMD_MANTISSA_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// m in [1, 2) of p = 2^e m; for denormals, anything in [1, 2), and 1 for zero.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF PortableMantissa(DF df, VF p) {
  const hn::RebindToSigned<DF> di;
  const auto fraction = hn::And(hn::BitCast(di, p), hn::Set(di, 0x007FFFFF));
  return hn::BitCast(df, hn::Or(fraction, hn::Set(di, 0x3F800000)));
}

// The same, by AVX-512's own instruction where there is one: on Zen 4 it runs on the ports that FMA leaves alone, while
// logic of three operands takes FMA's (the sweep's loop 8.7 instead of 9.4 cycles a vector).
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF Mantissa(DF df, VF p) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  if constexpr (sizeof(VF) == 64) return VF{_mm512_getmant_ps(p.raw, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero)};
#endif
  return PortableMantissa(df, p);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_MANTISSA_INL_H_
