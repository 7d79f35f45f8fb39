// SPDX-License-Identifier: Apache-2.0
//
// Entropies within their limits.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_BEND_ENTROPY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_BEND_ENTROPY_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_BEND_ENTROPY_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_BEND_ENTROPY_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whether rounding pushed the entropy of a normalised row over the logarithm of the keys that the row sees, its exact
// limit, or onto it. A sum that is off 1 by rounding may put the exact entropy above this logarithm, but no further
// than (sum - 1) * (log keys - 1): where this is beyond three quarters of the entropy's bound, it stays.
template <class DD, class VD = hn::Vec<DD>>
HWY_INLINE hn::Mask<DD> IsUniform(DD dd, VD entropy, VD sum, VD log_keys) {
  const VD one = hn::Set(dd, 1.0);
  const VD bound = hn::Mul(hn::Set(dd, 2e-6), hn::Max(one, log_keys));
  const VD beyond = hn::Mul(hn::Sub(sum, one), hn::Sub(log_keys, one));
  const auto is_normalised = hn::Le(beyond, hn::Mul(hn::Set(dd, 0.75), bound));
  return hn::And(is_normalised, hn::And(hn::Ge(entropy, log_keys), hn::Le(entropy, hn::Add(log_keys, bound))));
}

// The entropy within its limits: no entropy of a normalised row is negative, or above the logarithm of its keys.
template <class DD, class VD = hn::Vec<DD>>
HWY_INLINE VD BendEntropy(DD dd, hn::Mask<DD> is_uniform, VD entropy, VD max, VD log_keys) {
  const VD bent = hn::IfThenElse(is_uniform, log_keys, entropy);
  return hn::IfThenZeroElse(hn::And(hn::Le(bent, hn::Zero(dd)), hn::Le(max, hn::Set(dd, 1.0))), bent);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_BEND_ENTROPY_INL_H_
