// SPDX-License-Identifier: Apache-2.0
//
// Exponentials of shifted logits.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SIMD_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SIMD_EXP_INL_H_
#undef ATTNSCOPE_KERNELS_SIMD_EXP_INL_H_
#else
#define ATTNSCOPE_KERNELS_SIMD_EXP_INL_H_
#endif

#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"

// Whether MulAdd rounds once.
#undef ATTNSCOPE_HAVE_FMA
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128 || (HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2) || HWY_ARCH_WASM
#define ATTNSCOPE_HAVE_FMA 0
#else
#define ATTNSCOPE_HAVE_FMA 1
#endif

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Below this exponent of two, weights count as zero: also their products with a row's factor are no denormals then, but
// for rows of many millions of keys.
inline constexpr float kLeastExponent = -125.0f;

// scale * log2(e) as a sum of float32: `whole` has all its digits, `head` the first 12.
struct ExpScale {
  float whole;
  float rest;  // of `whole`
  float head;
  float tail;  // of `head`

  explicit ExpScale(double scale) {
    const double log2_scale = scale * 1.4426950408889634074;
    whole = static_cast<float>(log2_scale);
    rest = static_cast<float>(log2_scale - static_cast<double>(whole));
    head = FirstHalf(whole);
    tail = static_cast<float>(log2_scale - static_cast<double>(head));
  }

  static float FirstHalf(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bits &= 0xFFFFF000u;
    memcpy(&value, &bits, sizeof(bits));
    return value;
  }
};

// The largest |low * scale| that ExpOfScaled takes.
inline constexpr float kMostLow = 0x1p-5f;

// exp(scale * (x + low)) for |low * scale| <= kMostLow and x <= 1e-3 / scale: one at zero, and with kFar zero below
// 2^kLeastExponent; without, x must not be so far below.
// Relative error below 1e-7: 6.9e-9 of the polynomial (Remez exchange, its coefficients rounded one after another), the
// rest of float32 arithmetic (ExpTest walks it). With |low * scale| beyond 1e-3 the polynomial is left at its ends, and
// the error is below 2e-7. The product of x and the scale carries all its digits, so large differences lose none.
template <bool kFar, class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF ExpOfScaled(DF df, const ExpScale& scale, VF x, VF low) {
  const hn::RebindToSigned<DF> di;
  // Adding it rounds to a whole number, which stands in the last bits.
  const VF magic = hn::Set(df, 12582912.0f);  // 1.5 * 2^23
  const VF whole = hn::Set(df, scale.whole);
#if ATTNSCOPE_HAVE_FMA
  const VF shifted = hn::MulAdd(x, whole, magic);
  const VF integer = hn::Sub(shifted, magic);
  const VF fraction = hn::MulAdd(x, hn::Set(df, scale.rest), hn::MulSub(x, whole, integer));
#else
  // Halves of 12 bits have exact products.
  const VF head = hn::BitCast(df, hn::And(hn::BitCast(di, x), hn::Set(di, static_cast<int32_t>(0xFFFFF000u))));
  const VF product = hn::Mul(head, hn::Set(df, scale.head));
  const VF shifted = hn::Add(hn::Mul(x, whole), magic);
  const VF integer = hn::Sub(shifted, magic);
  const VF small = hn::Add(hn::Mul(hn::Sub(x, head), whole), hn::Mul(head, hn::Set(df, scale.tail)));
  const VF fraction = hn::Add(hn::Sub(product, integer), small);
#endif
  const VF f = hn::MulAdd(low, whole, fraction);
  VF power = hn::MulAdd(hn::Set(df, 0x1.4b107ep-13f), f, hn::Set(df, 0x1.5fb504p-10f));
  power = hn::MulAdd(power, f, hn::Set(df, 0x1.3b21cap-7f));
  power = hn::MulAdd(power, f, hn::Set(df, 0x1.c6ada8p-5f));
  power = hn::MulAdd(power, f, hn::Set(df, 0x1.ebfbe6p-3f));
  power = hn::MulAdd(power, f, hn::Set(df, 0x1.62e432p-1f));
  power = hn::MulAdd(power, f, hn::Set(df, 1.0f));
  const VF result = hn::BitCast(df, hn::Add(hn::BitCast(di, power), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
  if constexpr (!kFar) return result;
  return hn::IfThenElseZero(hn::Ge(shifted, hn::Set(df, 12582912.0f + kLeastExponent)), result);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_EXP_INL_H_
