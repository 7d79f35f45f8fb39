// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/shown_weights.h"

#include <stddef.h>
#include <stdint.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sweep/shown_weights.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Masks mostly show or hide long runs, so whole vectors are copied or cleared, and only mixed ones go key by key.
template <typename T>
HWY_INLINE size_t CopyShown(const T* HWY_RESTRICT row, const uint8_t* HWY_RESTRICT shown, size_t keys,
                            float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<uint8_t, decltype(df)> d8;
  const hn::CappedTag<float, 1> d1;
  const size_t N = hn::Lanes(df);
  size_t count = 0;
  const auto copy_one = [&](size_t i) HWY_ATTR {
    to[i] = shown[i] != 0 ? hn::GetLane(LoadAsFloat(d1, row + i)) : 0.0f;
    count += shown[i] != 0 ? 1 : 0;
  };
  size_t i = 0;
  for (; i + N <= keys; i += N) {
    const auto is_hidden = hn::Eq(hn::LoadU(d8, shown + i), hn::Zero(d8));
    if (HWY_LIKELY(hn::AllFalse(d8, is_hidden))) {
      hn::StoreU(LoadAsFloat(df, row + i), df, to + i);
      count += N;
    } else if (hn::AllTrue(d8, is_hidden)) {
      hn::StoreU(hn::Zero(df), df, to + i);
    } else {
      for (size_t j = i; j < i + N; ++j) copy_one(j);
    }
  }
  for (; i < keys; ++i) copy_one(i);
  return count;
}

size_t CopyShownWeights(const void* row, ElementType type, const uint8_t* shown, size_t keys, float* to) {
  return WithElements(row, type, [&](const auto* elements) HWY_ATTR { return CopyShown(elements, shown, keys, to); });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(CopyShownWeights);

size_t CopyShownWeights(const void* row, ElementType type, const uint8_t* shown, size_t keys, float* to) {
  return HWY_DYNAMIC_DISPATCH(CopyShownWeights)(row, type, shown, keys, to);
}

}  // namespace attnscope
#endif  // HWY_ONCE
