// SPDX-License-Identifier: Apache-2.0
//
// The exponentials of a row's logits, and their sums.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SOFTMAX_EXP_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SOFTMAX_EXP_ROW_INL_H_
#undef ATTNSCOPE_KERNELS_SOFTMAX_EXP_ROW_INL_H_
#else
#define ATTNSCOPE_KERNELS_SOFTMAX_EXP_ROW_INL_H_
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/simd/exp-inl.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/load-inl.h"
#include "kernels/softmax/row_shift.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors whose exponentials stay in float32 before they move to float64: at worst 7 roundings, 4.2e-7 relative.
inline constexpr size_t kVectorsPerFlush = 8;

// One vector of weights exp(scale * (x + low - shift)); adds it, and its product with the difference, to the sums.
// `low` is read only with kLow; without kFar, no logit is further from the shift than shift.least.
template <bool kLow, bool kFar, class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF ExpVector(DF df, VF x, const float* low, const ExpScale& scale, const RowShift& shift, VF& sum,
                        VF& shifted) {
  const VF row_shift = hn::Set(df, shift.shift);
  VF difference = hn::Sub(x, row_shift);
  VF rest = hn::Sub(x, hn::Add(difference, row_shift));
  if constexpr (kFar) difference = hn::Max(difference, hn::Set(df, shift.least));
  if constexpr (kLow) rest = hn::Add(rest, hn::LoadU(df, low));
  const VF weight = ExpOfScaled<kFar>(df, scale, difference, rest);
  if constexpr (kLow) difference = hn::Add(difference, hn::LoadU(df, low));
  sum = hn::Add(sum, weight);
  shifted = hn::MulAdd(difference, weight, shifted);
  return weight;
}

// to += the lanes of `from`, which become zero.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void FlushSum(DF df, VF& from, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  HWY_ALIGN_MAX float lanes[kMaxFloatLanes];
  hn::Store(from, df, lanes);
  for (size_t i = 0; i < hn::Lanes(df); i += hn::Lanes(dd)) {
    hn::Store(hn::Add(hn::Load(dd, to), LoadAsDouble(dd, lanes + i)), dd, to);
  }
  from = hn::Zero(df);
}

// What is read next: its bytes are prefetched, `element_bytes` for each logit.
struct LogitsAhead {
  const void* data;
  size_t element_bytes;
};

// The sums over exp(scale * (logits + low - shift)). With kWeights, these are weights[0, keys), zeros up to a whole
// vector; they may stand where the logits do.
template <bool kLow, bool kFar, bool kWeights, typename T>
HWY_INLINE ExpSums ExpRow(const T* logits, const float* low, size_t keys, const LogitsAhead& ahead,
                          const ExpScale& scale, const RowShift& shift, float* weights) {
  const hn::ScalableTag<float> df;
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(df);
  HWY_ALIGN_MAX double sums[hn::MaxLanes(hn::ScalableTag<float>())] = {};
  HWY_ALIGN_MAX double shifted_sums[hn::MaxLanes(hn::ScalableTag<float>())] = {};
  auto sum = hn::Zero(df);
  auto shifted = hn::Zero(df);
  const uint8_t* next = static_cast<const uint8_t*>(ahead.data);
  const size_t next_step = N * ahead.element_bytes;
  size_t i = 0;
  while (i + N <= keys) {
    const size_t end = HWY_MIN(i + kVectorsPerFlush * N, keys / N * N);
    for (; i < end; i += N) {
      hwy::Prefetch(next);
      next += next_step;
      const auto x = LoadAsFloat(df, logits + i);
      const auto weight = ExpVector<kLow, kFar>(df, x, kLow ? low + i : nullptr, scale, shift, sum, shifted);
      if constexpr (kWeights) hn::StoreU(weight, df, weights + i);
    }
    FlushSum(df, sum, sums);
    FlushSum(df, shifted, shifted_sums);
  }
  if (i != keys) {
    // Lanes beyond the row weigh nothing: they are as far below as can be.
    T last[hn::MaxLanes(hn::ScalableTag<float>())] = {};
    memcpy(last, logits + i, (keys - i) * sizeof(T));
    const auto inside = hn::FirstN(df, keys - i);
    const auto x = hn::IfThenElse(inside, LoadAsFloat(df, last), hn::Set(df, -INFINITY));
    const auto weight = ExpVector<kLow, true>(df, x, kLow ? low + i : nullptr, scale, shift, sum, shifted);
    if constexpr (kWeights) hn::StoreU(weight, df, weights + i);
    FlushSum(df, sum, sums);
    FlushSum(df, shifted, shifted_sums);
  }
  return {hn::GetLane(hn::SumOfLanes(dd, hn::Load(dd, sums))),
          hn::GetLane(hn::SumOfLanes(dd, hn::Load(dd, shifted_sums)))};
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_EXP_ROW_INL_H_
