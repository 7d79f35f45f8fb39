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
// high[j] is not, low[j] is the opposite infinity. `bias` is read only with kBias. Input may stand where output goes.
// Without kInfinities no key is masked, and s_j is -infinity for none.
template <bool kSoftCap, bool kBias, bool kInfinities>
HWY_INLINE void TransformVector(const LogitScale& scale, double bias_factor, const float* logits, const float* bias,
                                float* high, float* low) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const auto x = LoadAsDouble(dd, logits);
  auto s = hn::Mul(x, hn::Set(dd, scale.scale));
  if constexpr (kSoftCap) {
    const auto cap = hn::Set(dd, scale.soft_cap);
    const auto twice_inverse_cap = hn::Set(dd, 2.0 / scale.soft_cap);
    s = scale.soft_cap < kLargeSoftCap ? SoftCap(dd, cap, twice_inverse_cap, s)
                                       : LargeSoftCap(dd, cap, twice_inverse_cap, s);
  }
  // A masked key's logit and bias may be anything.
  auto is_masked = hn::Le(x, hn::Set(dd, scale.masked_logit));
  if constexpr (kBias) {
    const auto added = LoadAsDouble(dd, bias);
    s = hn::MulAdd(added, hn::Set(dd, bias_factor), s);
    is_masked = hn::Or(is_masked, hn::Le(added, hn::Set(dd, scale.masked_bias)));
  }
  if constexpr (kInfinities) s = hn::IfThenElse(is_masked, hn::Set(dd, -HUGE_VAL), s);
  const auto rounded = RoundToFloat(df, s);
  const auto as_double = hn::PromoteTo(dd, rounded);
  auto rest = hn::Sub(s, as_double);
  // Infinities have no rest.
  if constexpr (kInfinities) rest = hn::IfThenZeroElse(hn::Eq(s, as_double), rest);
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
template <bool kSoftCap, bool kBias, bool kInfinities>
HWY_NOINLINE void TransformFloats(const LogitScale& scale_of_rows, double bias_factor, const float* logits,
                                  const float* bias, size_t keys, float* high, float* low) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(hn::ScalableTag<double>());
  // A copy whose address nobody has, so that it stays in registers while the rows are written.
  const LogitScale scale = scale_of_rows;
  size_t i = 0;
  for (; i + N <= keys; i += N) {
    TransformVector<kSoftCap, kBias, kInfinities>(scale, bias_factor, logits + i, kBias ? bias + i : nullptr, high + i,
                                                  low + i);
  }
  const size_t whole_vectors = keys / hn::Lanes(df) * hn::Lanes(df);
  if (whole_vectors == keys) return;
  float last_logits[hn::MaxLanes(hn::ScalableTag<float>())] = {};
  float last_bias[hn::MaxLanes(hn::ScalableTag<float>())] = {};
  memcpy(last_logits, logits + i, (keys - i) * sizeof(float));
  if constexpr (kBias) memcpy(last_bias, bias + i, (keys - i) * sizeof(float));
  // Whoever reads the last vector must not find there what a longer row, which may have been invalid, has left.
  for (size_t j = i; j < whole_vectors + hn::Lanes(df); ++j) low[j] = 0.0f;
  if (i == keys) return;
  TransformVector<kSoftCap, kBias, kInfinities>(scale, bias_factor, last_logits, last_bias, high + i, low + i);
}

// from[0, count) as float32: where they stand, if they are, else in `to`.
HWY_INLINE const float* AsFloats(const float* from, size_t, float*) { return from; }
template <typename T>
HWY_INLINE const float* AsFloats(const T* from, size_t count, float* to) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  size_t i = 0;
  for (; i + N <= count; i += N) hn::StoreU(LoadAsFloat(df, from + i), df, to + i);
  if (i == count) return to;
  T last[hn::MaxLanes(hn::ScalableTag<float>())] = {};
  memcpy(last, from + i, (count - i) * sizeof(T));
  hn::StoreU(LoadAsFloat(df, last), df, to + i);
  return to;
}

HWY_INLINE const float* AsFloats(ElementType type, const void* from, size_t count, float* to) {
  return WithElements(from, type, [&](const auto* elements) HWY_ATTR { return AsFloats(elements, count, to); });
}

// Whether some s_j of the row may be -infinity by its logits or its bias. May miss one in a row with NaN that neither
// masks, as minima forget what was before NaN; where one of the two masks NaN of the other, that mask comes last.
HWY_INLINE bool MayMaskKeys(const LogitScale& scale, const float* logits, const float* bias, size_t keys) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  if (keys < N) return true;
  auto least_logit = hn::Inf(df);
  auto least_bias = hn::Inf(df);
  auto largest_bias = hn::Neg(hn::Inf(df));
  const auto add = [&](size_t i) HWY_ATTR {
    least_logit = hn::Min(least_logit, hn::LoadU(df, logits + i));
    const auto added = hn::LoadU(df, bias + i);
    least_bias = hn::Min(least_bias, added);
    largest_bias = hn::Max(largest_bias, added);
  };
  for (size_t i = 0; i + N <= keys; i += N) add(i);
  add(keys - N);
  // With a factor below 0, a bias of +infinity makes an s_j of -infinity.
  return !(static_cast<double>(hn::GetLane(hn::MinOfLanes(df, least_logit))) > scale.masked_logit &&
           static_cast<double>(hn::GetLane(hn::MinOfLanes(df, least_bias))) > scale.masked_bias &&
           static_cast<double>(hn::GetLane(hn::MaxOfLanes(df, largest_bias))) < HUGE_VAL);
}

// The s_j of a row in high[0, keys) and low[0, keys), as TransformFloats writes them.
HWY_NOINLINE inline void TransformRow(const LogitScale& scale, const SoftmaxRow& row, float* high, float* low) {
  const float* logits = AsFloats(row.type, row.logits, row.keys, high);
  const float* bias = row.bias == nullptr ? nullptr : AsFloats(row.bias_type, row.bias, row.keys, low);
  const bool has_cap = scale.soft_cap != 0.0;
  auto* transform = has_cap ? &TransformFloats<true, false, true> : &TransformFloats<false, false, true>;
  if (bias != nullptr) {
    // NaN of keys that are not shown is not the row's.
    const bool may_mask = row.shown != nullptr || MayMaskKeys(scale, logits, bias, row.keys);
    transform = has_cap    ? &TransformFloats<true, true, true>
                : may_mask ? &TransformFloats<false, true, true>
                           : &TransformFloats<false, true, false>;
  }
  transform(scale, row.bias_factor, logits, bias, row.keys, high, low);
  if (row.shown != nullptr) HideKeys(row.shown, row.keys, high, low);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_TRANSFORM_INL_H_
