// SPDX-License-Identifier: Apache-2.0
//
// p * log2(p) for the entropy of attention rows: p * (e + log2(m)) with p = m * 2^e and m in [0.75, 1.5). Included per
// target by the sweeps.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_PLOGP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_PLOGP_INL_H_
#undef ATTNSCOPE_KERNELS_PLOGP_INL_H_
#else
#define ATTNSCOPE_KERNELS_PLOGP_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Returns accumulator + p * log2(p) for p in [0, FLT_MAX]; zero adds exactly zero, and so does one. Valid for every
// finite p >= 0; for denormals the logarithm is wrong by up to 23, which p makes vanish (under 3e-37).
//
// log2(1 + t) = t * Q(t) with Q of degree 5 by a Remez exchange on t in [-0.25, 0.5], weighted by |t| so that the value
// is exact at t = 0: weights near 1 carry no error of the approximation. The largest error of log2 is 2.18e-6, that is
// 1.51e-6 nats for a whole row, as its weights sum to 1 (PLogPTest.ErrorBound prints and checks it).
//
// The split at 0.75 needs no comparison: subtracting the bit pattern of 0.75 leaves the exponent in the upper bits.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF MulAddPLog2P(DF df, VF p, VF accumulator) {
  const hn::RebindToSigned<DF> di;
  const auto bits = hn::BitCast(di, p);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3F400000)));
  const VF mantissa = hn::BitCast(df, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const VF t = hn::Sub(mantissa, hn::Set(df, 1.0f));
  VF q = hn::Set(df, -0.1451793411f);
  q = hn::MulAdd(q, t, hn::Set(df, 0.2927267467f));
  q = hn::MulAdd(q, t, hn::Set(df, -0.3710692732f));
  q = hn::MulAdd(q, t, hn::Set(df, 0.4816455887f));
  q = hn::MulAdd(q, t, hn::Set(df, -0.7210945316f));
  q = hn::MulAdd(q, t, hn::Set(df, 1.442681607f));
  const VF log2p = hn::MulAdd(q, t, hn::ConvertTo(df, exponent));
  return hn::MulAdd(p, log2p, accumulator);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_PLOGP_INL_H_
