// SPDX-License-Identifier: Apache-2.0
//
// Rows to float32 column sums, apart from the sweep.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_ADD_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_ADD_ROWS_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_ADD_ROWS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_ADD_ROWS_INL_H_
#endif

#include <stddef.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// columns[0, keys) += row[0, keys), in float32; the remainder is added by single lanes.
template <typename T>
HWY_INLINE void AddToColumns(const T* HWY_RESTRICT row, size_t keys, float* HWY_RESTRICT columns) {
  const hn::ScalableTag<float> df;
  const hn::CappedTag<float, 1> d1;
  size_t i = 0;
  for (; i + hn::Lanes(df) <= keys; i += hn::Lanes(df)) {
    hn::StoreU(hn::Add(hn::LoadU(df, columns + i), LoadAsFloat(df, row + i)), df, columns + i);
  }
  for (; i < keys; ++i) hn::StoreU(hn::Add(hn::LoadU(d1, columns + i), LoadAsFloat(d1, row + i)), d1, columns + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_ADD_ROWS_INL_H_
