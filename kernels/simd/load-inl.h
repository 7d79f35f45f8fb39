// SPDX-License-Identifier: Apache-2.0
//
// Loads of float32, float16 and bfloat16 elements as float32 or float64 lanes, and the way back.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SIMD_LOAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SIMD_LOAD_INL_H_
#undef ATTNSCOPE_KERNELS_SIMD_LOAD_INL_H_
#else
#define ATTNSCOPE_KERNELS_SIMD_LOAD_INL_H_
#endif

#include "attnscope/attention_view.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls work(data) with `data` as a pointer to elements of its type, and returns what it returns.
template <class Work>
HWY_INLINE auto WithElements(const void* data, ElementType type, const Work& work) {
  switch (type) {
    case ElementType::kFloat16:
      return work(static_cast<const hwy::float16_t*>(data));
    case ElementType::kBFloat16:
      return work(static_cast<const hwy::bfloat16_t*>(data));
    case ElementType::kFloat32:
      break;
  }
  return work(static_cast<const float*>(data));
}

// Lanes(df) elements from any address as float32. Exact.
template <class DF>
HWY_INLINE hn::Vec<DF> LoadAsFloat(DF df, const float* HWY_RESTRICT from) {
  return hn::LoadU(df, from);
}
template <class DF>
HWY_INLINE hn::Vec<DF> LoadAsFloat(DF df, const hwy::bfloat16_t* HWY_RESTRICT from) {
  return hn::PromoteTo(df, hn::LoadU(hn::Rebind<hwy::bfloat16_t, DF>(), from));
}

// float16 lanes as float32. Exact.
template <class DF>
HWY_INLINE hn::Vec<DF> HalvesToFloat(DF df, hn::Vec<hn::Rebind<hwy::float16_t, DF>> halves) {
  const auto value = hn::PromoteTo(df, halves);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return value;
#else
  // Where the CPU has no conversion, Highway 1.0.3 computes one that takes the largest exponent for an ordinary one: it
  // makes infinity 65536 and NaN more, both beyond the largest float16 (65504). All ones in the exponent put them
  // right, and change nothing where they are right already. To be removed with the last Highway that does so.
  const auto special = hn::Ge(hn::Abs(value), hn::Set(df, 65536.0f));
  const auto exponent = hn::BitCast(df, hn::Set(hn::RebindToSigned<DF>(), 0x7F800000));
  return hn::Or(value, hn::IfThenElseZero(special, exponent));
#endif
}
template <class DF>
HWY_INLINE hn::Vec<DF> LoadAsFloat(DF df, const hwy::float16_t* HWY_RESTRICT from) {
  return HalvesToFloat(df, hn::LoadU(hn::Rebind<hwy::float16_t, DF>(), from));
}

// Lanes(dd) elements from any address as float64. Exact.
template <class DD, typename T>
HWY_INLINE hn::Vec<DD> LoadAsDouble(DD dd, const T* HWY_RESTRICT from) {
  const hn::Rebind<float, DD> df;
  return hn::PromoteTo(dd, LoadAsFloat(df, from));
}

// float64 to float32, where too large a number becomes infinite.
template <class DF, class VD>
HWY_INLINE hn::Vec<DF> RoundToFloat(DF df, VD value) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  // There Highway 1.0.3 makes infinity the largest float32; twice that is infinite again. To be removed with the last
  // Highway that does so.
  const hn::Rebind<double, DF> dd;
  const auto most = hn::Set(dd, 3.402823466385288598e38);
  const auto more = hn::IfThenElseZero(hn::Gt(hn::Abs(value), most), hn::CopySign(most, value));
  return hn::Add(hn::DemoteTo(df, value), hn::DemoteTo(df, more));
#else
  return hn::DemoteTo(df, value);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SIMD_LOAD_INL_H_
