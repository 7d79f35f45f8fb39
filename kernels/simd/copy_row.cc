// SPDX-License-Identifier: Apache-2.0
#include "kernels/simd/copy_row.h"

#include <stddef.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/copy_row.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void CopyRow(const void* row, ElementType type, size_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> df;
  const hn::CappedTag<float, 1> d1;
  const size_t N = hn::Lanes(df);
  WithElements(row, type, [&](const auto* from) HWY_ATTR {
    size_t i = 0;
    for (; i + N <= count; i += N) hn::StoreU(LoadAsFloat(df, from + i), df, to + i);
    for (; i < count; ++i) hn::StoreU(LoadAsFloat(d1, from + i), d1, to + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(CopyRow);

void CopyRow(const void* row, ElementType type, size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(CopyRow)(row, type, count, to);
}

}  // namespace attnscope
#endif  // HWY_ONCE
