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

// A constant that its next uses take from a register. With the 16 registers of AVX2, GCC reads it from memory at each
// use, and two loads a cycle are then what bounds a loop of polynomials: four of six coefficients for four vectors are
// 16 loads.
template <class V>
HWY_INLINE V InRegister(V constant) {
#if HWY_COMPILER_GCC_ACTUAL && HWY_TARGET == HWY_AVX2
  asm volatile("" : "+x"(constant.raw));
#endif
  return constant;
}

// Four vectors of weights p in [0, 2^64] become kLog2Unit * log2(p). Exactly zero at p = 1, finite at p = 0; for
// denormals wrong by up to 23 units of log2, which the factor p of p log2(p) makes vanish (under 3e-37).
//
// With p = 2^e (1 + t), t in [0, 1), the bit pattern of p less that of 1 is 2^23 (e + t), and as a float32 it carries a
// relative error of at most 2^-24. So log2(p) = (e + t) + g(t) with g(t) = log2(1 + t) - t, which is zero at both ends;
// the exponent is never extracted. Two polynomials make g, each by a Remez exchange. PLogPTest checks the errors of
// both. The four stand side by side because the chain of one is 30 cycles long, more than a CPU's scheduler can look
// past.

// g(t) = t (1 - t) R(t), R of degree 4: weights next to a power of two, one above all, carry no error of the
// approximation. Its largest error is 2.22e-6, that is 1.54e-6 nats for a whole row, as its weights sum to 1. Each
// vector takes 6 operations on the ports that multiply and 4 elsewhere, or 5 where mantissas take two.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void Log2OfFourInShortChains(DF df, VF& p0, VF& p1, VF& p2, VF& p3) {
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

// g(t) = t Q(t), Q of degree 5: powers of two carry no error. The largest error is 2.08e-6, that is 1.44e-6 nats. The
// bits of the mantissa, as a float32, are 2^23 t, exactly, and the coefficients carry the powers of two: 6 operations
// that multiply and 4 others everywhere, but a chain that is one multiplication longer.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void Log2OfFourInTenSteps(DF df, VF& p0, VF& p1, VF& p2, VF& p3) {
  const hn::RebindToSigned<DF> di;
  const auto bits0 = hn::BitCast(di, p0);
  const auto bits1 = hn::BitCast(di, p1);
  const auto bits2 = hn::BitCast(di, p2);
  const auto bits3 = hn::BitCast(di, p3);
  const auto mantissa = InRegister(hn::Set(di, 0x007FFFFF));
  const VF t0 = hn::ConvertTo(df, hn::And(bits0, mantissa));
  const VF t1 = hn::ConvertTo(df, hn::And(bits1, mantissa));
  const VF t2 = hn::ConvertTo(df, hn::And(bits2, mantissa));
  const VF t3 = hn::ConvertTo(df, hn::And(bits3, mantissa));
  const VF coefficient5 = InRegister(hn::Set(df, -0.0264574494213f * 0x1p-115f));
  const VF coefficient4 = InRegister(hn::Set(df, 0.12345148623f * 0x1p-92f));
  VF q0 = hn::MulAdd(coefficient5, t0, coefficient4);
  VF q1 = hn::MulAdd(coefficient5, t1, coefficient4);
  VF q2 = hn::MulAdd(coefficient5, t2, coefficient4);
  VF q3 = hn::MulAdd(coefficient5, t3, coefficient4);
  const VF coefficient3 = InRegister(hn::Set(df, -0.2795381248f * 0x1p-69f));
  q0 = hn::MulAdd(q0, t0, coefficient3);
  q1 = hn::MulAdd(q1, t1, coefficient3);
  q2 = hn::MulAdd(q2, t2, coefficient3);
  q3 = hn::MulAdd(q3, t3, coefficient3);
  const VF coefficient2 = InRegister(hn::Set(df, 0.458270817995f * 0x1p-46f));
  q0 = hn::MulAdd(q0, t0, coefficient2);
  q1 = hn::MulAdd(q1, t1, coefficient2);
  q2 = hn::MulAdd(q2, t2, coefficient2);
  q3 = hn::MulAdd(q3, t3, coefficient2);
  const VF coefficient1 = InRegister(hn::Set(df, -0.718281924725f * 0x1p-23f));
  q0 = hn::MulAdd(q0, t0, coefficient1);
  q1 = hn::MulAdd(q1, t1, coefficient1);
  q2 = hn::MulAdd(q2, t2, coefficient1);
  q3 = hn::MulAdd(q3, t3, coefficient1);
  const VF coefficient0 = InRegister(hn::Set(df, 0.442553132772f));
  q0 = hn::MulAdd(q0, t0, coefficient0);
  q1 = hn::MulAdd(q1, t1, coefficient0);
  q2 = hn::MulAdd(q2, t2, coefficient0);
  q3 = hn::MulAdd(q3, t3, coefficient0);
  const auto one = InRegister(hn::Set(di, 0x3F800000));
  p0 = hn::MulAdd(t0, q0, hn::ConvertTo(df, hn::Sub(bits0, one)));
  p1 = hn::MulAdd(t1, q1, hn::ConvertTo(df, hn::Sub(bits1, one)));
  p2 = hn::MulAdd(t2, q2, hn::ConvertTo(df, hn::Sub(bits2, one)));
  p3 = hn::MulAdd(t3, q3, hn::ConvertTo(df, hn::Sub(bits3, one)));
}

// AVX2 has an operation more to do for the first, which took 1.01 to 1.03 times as long there (rows of 300 to 16384
// weights, Zen 5), and 0.97 to 1.0 on AVX-512.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void Log2OfFour(DF df, VF& p0, VF& p1, VF& p2, VF& p3) {
#if HWY_TARGET == HWY_AVX2
  Log2OfFourInTenSteps(df, p0, p1, p2, p3);
#else
  Log2OfFourInShortChains(df, p0, p1, p2, p3);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_PLOGP_INL_H_
