// SPDX-License-Identifier: Apache-2.0
//
// One reading of a row's logits: their extremes and moments. Included per target by softmax_rows.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_SCAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_SCAN_INL_H_
#undef ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_SCAN_INL_H_
#else
#define ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_SCAN_INL_H_
#endif

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What one reading of a row's logits x_j tells, all but the masked ones (-infinity).
struct LogitScan {
  bool valid = true;
  size_t keys = 0;
  float max = 0.0f;
  float min = 0.0f;
  double sum = 0.0;
  double squares = 0.0;
  bool masked = false;     // some x_j are infinite or NaN
  bool overflows = false;  // an s_j is finite, but no float32 is
};

// Scans a row without NaN and infinities: with one, the sum is none or infinite, and ScanMasked must look again. Leaves
// halves in `floats` as float32, up to a vector more; of float32, the row is where it stands, and nothing is written.
// `scan` is in place, as GCC copies a structure that is returned by loads that are wider than the stores before them,
// which wait for each other: 5 ns a row.
template <typename T>
HWY_NOINLINE void ScanFinite(const T* logits, size_t keys, float* floats, LogitScan& scan) {
  const hn::ScalableTag<float> df;
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(df);
  auto max = hn::Set(df, -INFINITY);
  auto min = hn::Set(df, INFINITY);
  auto sum0 = hn::Zero(dd);
  auto sum1 = hn::Zero(dd);
  auto squares0 = hn::Zero(dd);
  auto squares1 = hn::Zero(dd);
  const auto add = [&](const T* HWY_RESTRICT from) HWY_ATTR {
    const auto x0 = LoadAsDouble(dd, from);
    sum0 = hn::Add(sum0, x0);
    squares0 = hn::MulAdd(x0, x0, squares0);
    if (hn::Lanes(df) == hn::Lanes(dd)) return;
    const auto x1 = LoadAsDouble(dd, from + hn::Lanes(dd));
    sum1 = hn::Add(sum1, x1);
    squares1 = hn::MulAdd(x1, x1, squares1);
  };
  size_t i = 0;
  for (; i + N <= keys; i += N) {
    const auto x = LoadAsFloat(df, logits + i);
    max = hn::Max(max, x);
    min = hn::Min(min, x);
    if constexpr (!hwy::IsSame<T, float>()) hn::StoreU(x, df, floats + i);
    add(logits + i);
  }
  if (i != keys) {
    T last[hn::MaxLanes(hn::ScalableTag<float>())] = {};
    memcpy(last, logits + i, (keys - i) * sizeof(T));
    const auto x = LoadAsFloat(df, last);
    const auto inside = hn::FirstN(df, keys - i);
    max = hn::IfThenElse(inside, hn::Max(max, x), max);
    min = hn::IfThenElse(inside, hn::Min(min, x), min);
    if constexpr (!hwy::IsSame<T, float>()) hn::StoreU(x, df, floats + i);
    add(last);
  }
  scan.valid = true;
  scan.keys = keys;
  scan.max = hn::GetLane(hn::MaxOfLanes(df, max));
  scan.min = hn::GetLane(hn::MinOfLanes(df, min));
  scan.sum = hn::GetLane(hn::SumOfLanes(dd, hn::Add(sum0, sum1)));
  scan.squares = hn::GetLane(hn::SumOfLanes(dd, hn::Add(squares0, squares1)));
  scan.masked = false;
  scan.overflows = false;
}

// Scans any row; logits of -infinity are masked. With kLow, the rest of one that is infinite tells whether s_j is
// (TransformVector).
template <bool kLow>
HWY_NOINLINE LogitScan ScanMasked(const float* HWY_RESTRICT logits, const float* HWY_RESTRICT low, size_t keys) {
  const hn::ScalableTag<float> df;
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(df);
  auto max = hn::Set(df, -INFINITY);
  auto min = hn::Set(df, INFINITY);
  auto sum = hn::Zero(dd);
  auto squares = hn::Zero(dd);
  LogitScan scan;
  for (size_t i = 0; i < keys; i += N) {
    float last[hn::MaxLanes(hn::ScalableTag<float>())] = {};
    const size_t count = HWY_MIN(N, keys - i);
    memcpy(last, logits + i, count * sizeof(float));
    const auto x = hn::LoadU(df, last);
    scan.valid &= hn::AllTrue(df, hn::Lt(x, hn::Inf(df)));
    const auto seen = hn::And(hn::FirstN(df, count), hn::Gt(x, hn::Set(df, -INFINITY)));
    scan.keys += hn::CountTrue(df, seen);
    if constexpr (kLow) scan.overflows |= !hn::AllFalse(df, hn::Eq(hn::Abs(hn::LoadU(df, low + i)), hn::Inf(df)));
    max = hn::IfThenElse(seen, hn::Max(max, x), max);
    min = hn::IfThenElse(seen, hn::Min(min, x), min);
    HWY_ALIGN_MAX float lanes[kMaxFloatLanes];
    hn::Store(hn::IfThenElseZero(seen, x), df, lanes);
    for (size_t j = 0; j < N; j += hn::Lanes(dd)) {
      const auto one = LoadAsDouble(dd, lanes + j);
      sum = hn::Add(sum, one);
      squares = hn::MulAdd(one, one, squares);
    }
  }
  scan.max = hn::GetLane(hn::MaxOfLanes(df, max));
  scan.min = hn::GetLane(hn::MinOfLanes(df, min));
  scan.sum = hn::GetLane(hn::SumOfLanes(dd, sum));
  scan.squares = hn::GetLane(hn::SumOfLanes(dd, squares));
  return scan;
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_LOGIT_SCAN_INL_H_
