// SPDX-License-Identifier: Apache-2.0
//
// Loads of float32, float16 and bfloat16 elements as float32 or float64 lanes. Included per target by the sweeps.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_LOAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_LOAD_INL_H_
#undef ATTNSCOPE_KERNELS_LOAD_INL_H_
#else
#define ATTNSCOPE_KERNELS_LOAD_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lanes(df) elements from any address as float32. Exact.
template <class DF>
HWY_INLINE hn::Vec<DF> LoadAsFloat(DF df, const float* HWY_RESTRICT from) {
  return hn::LoadU(df, from);
}
template <class DF, typename Half>
HWY_INLINE hn::Vec<DF> LoadAsFloat(DF df, const Half* HWY_RESTRICT from) {
  return hn::PromoteTo(df, hn::LoadU(hn::Rebind<Half, DF>(), from));
}

// Lanes(dd) elements from any address as float64. Exact.
template <class DD, typename T>
HWY_INLINE hn::Vec<DD> LoadAsDouble(DD dd, const T* HWY_RESTRICT from) {
  const hn::Rebind<float, DD> df;
  return hn::PromoteTo(dd, LoadAsFloat(df, from));
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_LOAD_INL_H_
