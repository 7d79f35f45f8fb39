// SPDX-License-Identifier: Apache-2.0
//
// Logarithms of attention weights, for p * log2(p).

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SIMD_PLOGP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SIMD_PLOGP_INL_H_
#undef ATTNSCOPE_KERNELS_SIMD_PLOGP_INL_H_
#else
#define ATTNSCOPE_KERNELS_SIMD_PLOGP_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/simd/mantissa-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Logarithms are kept in units of a float32's last mantissa bit: log2(2) is 2^23.
inline constexpr double kLog2Unit = 8388608.0;

// Replaces four vectors of weights p in [0, 2^64] by kLog2Unit * log2(p). Exactly zero at p = 1, finite at p = 0; for
// denormals wrong by up to 23 units of log2, which the factor p of p log2(p) makes vanish (under 3e-37).
//
// With p = 2^e (1 + t), t in [0, 1), the bit pattern of p less that of 1 is 2^23 (e + t), and as a float32 it carries a
// relative error of at most 2^-24. So log2(p) = (e + t) + g(t) with g(t) = log2(1 + t) - t, which is zero at both ends:
// g(t) = t (1 - t) R(t), R of degree 4 by a Remez exchange weighted by t (1 - t). This way weights next to a power of
// two, one above all, carry no error of the approximation. Its largest error is 2.22e-6, that is 1.54e-6 nats for a
// whole row, as its weights sum to 1 (PLogPTest checks both).
//
// Each vector takes 6 operations on the ports that multiply and 4 elsewhere; the exponent is never extracted. The four
// stand side by side because the chain of one is 30 cycles long, more than a CPU's scheduler can look past.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void Log2OfFour(DF df, VF& p0, VF& p1, VF& p2, VF& p3) {
  const hn::RebindToSigned<DF> di;
  const auto one = hn::Set(di, 0x3F800000);
  const VF one_float = hn::Set(df, 1.0f);
  constexpr float kUnit = static_cast<float>(kLog2Unit);
  const VF coefficient4 = hn::Set(df, 0.02584142693f * kUnit);
  const VF coefficient3 = hn::Set(df, -0.0959564223621f * kUnit);
  const VF coefficient2 = hn::Set(df, 0.181948865338f * kUnit);
  const VF coefficient1 = hn::Set(df, -0.275600311642f * kUnit);
  const VF coefficient0 = hn::Set(df, 0.442544943975f * kUnit);

  const auto bits0 = hn::BitCast(di, p0);
  const auto bits1 = hn::BitCast(di, p1);
  const auto bits2 = hn::BitCast(di, p2);
  const auto bits3 = hn::BitCast(di, p3);
  const VF t0 = hn::Sub(Mantissa(df, p0), one_float);
  const VF t1 = hn::Sub(Mantissa(df, p1), one_float);
  const VF t2 = hn::Sub(Mantissa(df, p2), one_float);
  const VF t3 = hn::Sub(Mantissa(df, p3), one_float);
  VF r0 = hn::MulAdd(coefficient4, t0, coefficient3);
  VF r1 = hn::MulAdd(coefficient4, t1, coefficient3);
  VF r2 = hn::MulAdd(coefficient4, t2, coefficient3);
  VF r3 = hn::MulAdd(coefficient4, t3, coefficient3);
  r0 = hn::MulAdd(r0, t0, coefficient2);
  r1 = hn::MulAdd(r1, t1, coefficient2);
  r2 = hn::MulAdd(r2, t2, coefficient2);
  r3 = hn::MulAdd(r3, t3, coefficient2);
  r0 = hn::MulAdd(r0, t0, coefficient1);
  r1 = hn::MulAdd(r1, t1, coefficient1);
  r2 = hn::MulAdd(r2, t2, coefficient1);
  r3 = hn::MulAdd(r3, t3, coefficient1);
  r0 = hn::MulAdd(r0, t0, coefficient0);
  r1 = hn::MulAdd(r1, t1, coefficient0);
  r2 = hn::MulAdd(r2, t2, coefficient0);
  r3 = hn::MulAdd(r3, t3, coefficient0);
  p0 = hn::MulAdd(hn::NegMulAdd(t0, t0, t0), r0, hn::ConvertTo(df, hn::Sub(bits0, one)));
  p1 = hn::MulAdd(hn::NegMulAdd(t1, t1, t1), r1, hn::ConvertTo(df, hn::Sub(bits1, one)));
  p2 = hn::MulAdd(hn::NegMulAdd(t2, t2, t2), r2, hn::ConvertTo(df, hn::Sub(bits2, one)));
  p3 = hn::MulAdd(hn::NegMulAdd(t3, t3, t3), r3, hn::ConvertTo(df, hn::Sub(bits3, one)));
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_PLOGP_INL_H_
