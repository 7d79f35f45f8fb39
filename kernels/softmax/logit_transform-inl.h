// SPDX-License-Identifier: Apache-2.0
//
// Soft cap, bias and masks, for the rows of logits that have one. Included per target by softmax_rows.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_TRANSFORM_INL_H_
#undef ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_TRANSFORM_INL_H_
#else
#define ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_TRANSFORM_INL_H_
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// cap * tanh(x / cap) to an absolute error below 1e-15 * cap. NaN and infinities stay what they are, so that masked
// keys stay masked and invalid rows invalid.
template <class DD, class VD = hn::Vec<DD>>
HWY_INLINE VD SoftCap(DD dd, VD cap, VD twice_inverse_cap, VD x) {
  const VD one = hn::Set(dd, 1.0);
  // tanh is 1 from here on, in float64.
  const VD exponent = hn::Min(hn::Mul(hn::Abs(x), twice_inverse_cap), hn::Set(dd, 40.0));
  const VD tanh = hn::Sub(one, hn::Div(hn::Set(dd, 2.0), hn::Add(hn::Exp(dd, exponent), one)));
  const auto is_finite = hn::Lt(hn::Abs(x), hn::Inf(dd));
  return hn::IfThenElse(is_finite, hn::CopySign(hn::Mul(cap, tanh), x), x);
}

// From this soft cap on, the error of SoftCap shows in logits that are far smaller than the cap.
inline constexpr double kLargeSoftCap = 0x1p29;

// The same for large caps, to a relative error below 1e-12: where x is far below the cap, the first terms of tanh's
// Taylor series, whose next is below 2^-58 of them.
template <class DD, class VD = hn::Vec<DD>>
HWY_INLINE VD LargeSoftCap(DD dd, VD cap, VD twice_inverse_cap, VD x) {
  const VD ratio = hn::Mul(hn::Mul(x, twice_inverse_cap), hn::Set(dd, 0.5));
  const VD square = hn::Mul(ratio, ratio);
  const VD change = hn::Mul(square, hn::MulAdd(square, hn::Set(dd, 2.0 / 15.0), hn::Set(dd, -1.0 / 3.0)));
  const auto is_small = hn::Lt(hn::Abs(ratio), hn::Set(dd, 0x1p-9));
  return hn::IfThenElse(is_small, hn::MulAdd(x, change, x), SoftCap(dd, cap, twice_inverse_cap, x));
}

// The s_j of one row, in float64, as sums of two float32: high[j] + low[j]. One vector of each. Where s_j is finite and
// high[j] is not, low[j] is the opposite infinity.
template <typename T, typename TBias>
HWY_INLINE void TransformVector(const LogitScale& scale, double bias_factor, const T* HWY_RESTRICT logits,
                                const TBias* HWY_RESTRICT bias, float* HWY_RESTRICT high, float* HWY_RESTRICT low) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const auto x = LoadAsDouble(dd, logits);
  auto s = hn::Mul(x, hn::Set(dd, scale.scale));
  if (scale.soft_cap != 0.0) {
    const auto cap = hn::Set(dd, scale.soft_cap);
    const auto twice_inverse_cap = hn::Set(dd, 2.0 / scale.soft_cap);
    s = scale.soft_cap < kLargeSoftCap ? SoftCap(dd, cap, twice_inverse_cap, s)
                                       : LargeSoftCap(dd, cap, twice_inverse_cap, s);
  }
  // A masked key's logit and bias may be anything.
  auto is_masked = hn::Le(x, hn::Set(dd, scale.masked_logit));
  if (bias != nullptr) {
    const auto added = LoadAsDouble(dd, bias);
    s = hn::MulAdd(added, hn::Set(dd, bias_factor), s);
    is_masked = hn::Or(is_masked, hn::Le(added, hn::Set(dd, scale.masked_bias)));
  }
  s = hn::IfThenElse(is_masked, hn::Set(dd, -HUGE_VAL), s);
  const auto rounded = RoundToFloat(df, s);
  const auto as_double = hn::PromoteTo(dd, rounded);
  // Infinities have no rest.
  const auto rest = hn::IfThenZeroElse(hn::Eq(s, as_double), hn::Sub(s, as_double));
  hn::StoreU(rounded, df, high);
  hn::StoreU(RoundToFloat(df, rest), df, low);
}

// Makes the s_j of keys that are not shown -infinity, whatever they are.
HWY_INLINE void HideKeys(const uint8_t* HWY_RESTRICT shown, size_t keys, float* HWY_RESTRICT high,
                         float* HWY_RESTRICT low) {
  const hn::ScalableTag<float> df;
  const hn::RebindToUnsigned<decltype(df)> du;
  const hn::Rebind<uint8_t, decltype(df)> d8;
  const size_t N = hn::Lanes(df);
  size_t i = 0;
  for (; i + N <= keys; i += N) {
    const auto words = hn::PromoteTo(du, hn::LoadU(d8, shown + i));
    const auto is_hidden = hn::RebindMask(df, hn::Eq(words, hn::Zero(du)));
    hn::StoreU(hn::IfThenElse(is_hidden, hn::Set(df, -INFINITY), hn::LoadU(df, high + i)), df, high + i);
    hn::StoreU(hn::IfThenZeroElse(is_hidden, hn::LoadU(df, low + i)), df, low + i);
  }
  for (; i < keys; ++i) {
    if (shown[i] != 0) continue;
    high[i] = -INFINITY;
    low[i] = 0.0f;
  }
}

// high[0, keys) and low[0, keys); up to a vector more is written, of `low` zeros up to a whole vector of float32.
template <typename T, typename TBias>
HWY_INLINE void TransformRow(const LogitScale& scale, const SoftmaxRow& row, float* high, float* low) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(hn::ScalableTag<double>());
  const T* logits = static_cast<const T*>(row.logits);
  const TBias* bias = static_cast<const TBias*>(row.bias);
  // Whoever reads the last vector must not find there what a longer row, which may have been invalid, has left.
  const size_t last = row.keys / hn::Lanes(df) * hn::Lanes(df);
  if (last != row.keys) hn::StoreU(hn::Zero(df), df, low + last);
  size_t i = 0;
  for (; i + N <= row.keys; i += N) {
    TransformVector(scale, row.bias_factor, logits + i, bias == nullptr ? bias : bias + i, high + i, low + i);
  }
  if (i != row.keys) {
    T last_logits[kMaxFloatLanes] = {};
    TBias last_bias[kMaxFloatLanes] = {};
    memcpy(last_logits, logits + i, (row.keys - i) * sizeof(T));
    if (bias != nullptr) memcpy(last_bias, bias + i, (row.keys - i) * sizeof(TBias));
    TransformVector(scale, row.bias_factor, last_logits, bias == nullptr ? bias : last_bias, high + i, low + i);
  }
  if (row.shown != nullptr) HideKeys(row.shown, row.keys, high, low);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_TRANSFORM_INL_H_
