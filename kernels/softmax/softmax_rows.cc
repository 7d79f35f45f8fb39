// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax/softmax_rows.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/softmax/recentre_logits.h"
#include "kernels/sweep/sweep_workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/softmax_rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/simd/exp-inl.h"
#include "kernels/softmax/exp_row-inl.h"
#include "kernels/softmax/logit_scan-inl.h"
#include "kernels/softmax/logit_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest of weights[0, keys), which are followed by zeros up to a whole vector.
HWY_INLINE float LargestWeight(size_t keys, const float* HWY_RESTRICT weights) {
  const hn::ScalableTag<float> df;
  auto max = hn::Zero(df);
  for (size_t i = 0; i < keys; i += hn::Lanes(df)) max = hn::Max(max, hn::LoadU(df, weights + i));
  return hn::GetLane(hn::MaxOfLanes(df, max));
}

// weights[0, keys) *= factor, up to a whole vector.
HWY_INLINE void Normalise(float factor, size_t keys, float* HWY_RESTRICT weights) {
  const hn::ScalableTag<float> df;
  const auto factors = hn::Set(df, factor);
  for (size_t i = 0; i < keys; i += hn::Lanes(df)) {
    hn::StoreU(hn::Mul(factors, hn::LoadU(df, weights + i)), df, weights + i);
  }
}

// A row that is not measured: zeros, and NaN first if it is invalid.
HWY_INLINE void FillUnmeasured(bool valid, size_t keys, float* weights) {
  memset(weights, 0, keys * sizeof(float));
  if (!valid) weights[0] = NAN;
}

// What ScanFinite says of a row, becomes, where it has NaN or infinities, what ScanMasked says.
template <bool kLow>
HWY_INLINE void CompleteScan(const float* logits, const float* low, size_t keys, LogitScan& scan) {
  const bool masked = !(fabs(scan.sum) <= DBL_MAX);
  if (HWY_LIKELY(!masked)) return;
  scan = ScanMasked<kLow>(logits, low, keys);
  scan.masked = true;
}

template <bool kLow, bool kFar>
HWY_NOINLINE ExpSums WeighRow(const float* logits, const float* low, size_t keys, const LogitsAhead& ahead,
                              const ExpScale& scale, const RowShift& shift, float* weights) {
  return ExpRow<kLow, kFar, true>(logits, low, keys, ahead, scale, shift, weights);
}

// What a learned sink makes of a row's measures, whose `sums` are of the keys alone. `sink` counts from the row's
// shift.
HWY_NOINLINE inline double AddSink(double sink, const ExpSums& sums, double scale, SoftmaxMeasures& measures) {
  const double all = sums.weights + exp(sink);
  // A sink that takes all that float64 can tell.
  if (!(all <= DBL_MAX)) {
    measures.entropy_nats = 0.0;
    return 0.0;
  }
  measures.entropy_nats = (sums.weights * log(all) - scale * sums.shifted) / all;
  return 1.0 / all;
}

// All but the logarithm of the row's sum, `weights_sum`, which is left for all rows together: the entropy is -`shifted`
// and log_sum_exp the largest logit until then. In place, see ScanFinite. `sink` is in the units of scale * logits +
// low.
template <bool kLow>
HWY_INLINE void MeasureRow(const LogitScan& scan, const float* logits, const float* low, size_t keys,
                           const LogitsAhead& ahead, double scale, const ExpScale& exp_scale, double sink,
                           float* weights, double& weights_sum, SoftmaxMeasures& measures) {
  weights_sum = 1.0;
  measures = SoftmaxMeasures();
  measures.valid = scan.valid;
  if (!scan.valid || scan.keys == 0) {
    FillUnmeasured(scan.valid, keys, weights);
    return;
  }
  const RowShift shift(scan.max, scale);
  const bool is_far = scan.masked || static_cast<double>(scan.min) - static_cast<double>(shift.shift) <
                                         0.9 * static_cast<double>(shift.least);
  const ExpSums sums = is_far ? WeighRow<kLow, true>(logits, low, keys, ahead, exp_scale, shift, weights)
                              : WeighRow<kLow, false>(logits, low, keys, ahead, exp_scale, shift, weights);
  double factor = 1.0 / sums.weights;
  measures.keys = scan.keys;
  measures.log_sum_exp = scale * static_cast<double>(shift.shift);
  if (HWY_LIKELY(sink == -HUGE_VAL)) {
    weights_sum = sums.weights;
    measures.entropy_nats = -scale * sums.shifted / sums.weights;
  } else {
    factor = AddSink(sink - measures.log_sum_exp, sums, scale, measures);
    measures.log_sum_exp += log(sums.weights);
  }
  // Where a sink leaves less than float32 can hold, the largest weight is still above zero: a row of zeros is empty,
  // which is a fault.
  Normalise(HWY_MAX(static_cast<float>(factor), FLT_MIN), keys, weights);
  // With `low`, the largest logit is not known to all its digits.
  const double above = scale * (static_cast<double>(scan.max) - static_cast<double>(shift.shift));  // below 1e-4
  measures.max_weight =
      kLow ? static_cast<double>(LargestWeight(keys, weights)) : (1.0 + above + 0.5 * above * above) * factor;
  measures.sum = scale * scan.sum;
  measures.squares = scale * scale * scan.squares;
  measures.max_abs = scale * static_cast<double>(HWY_MAX(scan.max, -scan.min));
  measures.max = scale * static_cast<double>(scan.max);
}

// Whether the rests of a row's s_j are too large for ExpOfScaled, or lost.
HWY_INLINE bool NeedsCare(const LogitScan& scan) {
  // Up to here, all that have a weight are below 2^20, where half of float32's last place is kMostLow.
  constexpr float kMost = kMostLow * 0x1p25f - 128.0f;
  return scan.overflows || (scan.valid && scan.keys != 0 && !(fabsf(scan.max) <= kMost));
}

// The same for the s_j that stand in `scratch`, or better ones where these are too large.
HWY_INLINE void MeasureTransformedRow(const SoftmaxRow& row, const LogitScale& scale, const SoftmaxScratch& scratch,
                                      double& weights_sum, SoftmaxMeasures& measures) {
  LogitScan scan;
  ScanFinite(scratch.high, row.keys, nullptr, scan);
  CompleteScan<true>(scratch.high, scratch.low, row.keys, scan);
  RecentredLogits recentred;
  const bool is_recentred = NeedsCare(scan);
  if (HWY_UNLIKELY(is_recentred)) {
    recentred = RecentreLogits(row, scale, scratch.high, scratch.low);
    scan = ScanMasked<true>(scratch.high, scratch.low, row.keys);
    scan.masked = true;
    scan.valid = recentred.valid;
  }
  const LogitsAhead ahead = {scratch.high, sizeof(float)};
  MeasureRow<true>(scan, scratch.high, scratch.low, row.keys, ahead, 1.0, ExpScale(1.0), row.sink - recentred.centre,
                   row.weights, weights_sum, measures);
  if (HWY_UNLIKELY(is_recentred)) {
    measures.log_sum_exp += recentred.centre;
    measures.sum = recentred.sum;
    measures.squares = recentred.squares;
    measures.max_abs = recentred.max_abs;
    measures.max = recentred.max;
  }
}

HWY_INLINE void MeasureAnyRow(const SoftmaxRow& row, const LogitScale& scale, const ExpScale& exp_scale,
                              const SoftmaxScratch& scratch, double& weights_sum, SoftmaxMeasures& measures) {
  if (row.bias == nullptr && scale.soft_cap == 0.0 && row.shown == nullptr) {
    LogitScan scan;
    WithElements(row.logits, row.type,
                 [&](const auto* elements) HWY_ATTR { ScanFinite(elements, row.keys, row.weights, scan); });
    const bool in_place = row.type == ElementType::kFloat32;
    const float* logits = in_place ? static_cast<const float*>(row.logits) : row.weights;
    CompleteScan<false>(logits, nullptr, row.keys, scan);
    // Finite logits that mask keys are made infinite below.
    if (HWY_LIKELY(scan.keys == 0 || !(static_cast<double>(scan.min) <= scale.masked_logit))) {
      // Without a next row, this one again, which costs nothing.
      const LogitsAhead ahead = {row.ahead == nullptr ? row.logits : row.ahead, ElementBytes(row.type)};
      return MeasureRow<false>(scan, logits, nullptr, row.keys, ahead, scale.scale, exp_scale, row.sink, row.weights,
                               weights_sum, measures);
    }
  }
  TransformRow(scale, row, scratch.high, scratch.low);
  MeasureTransformedRow(row, scale, scratch, weights_sum, measures);
}

void SoftmaxRows(const SoftmaxRow* rows, size_t num_rows, const LogitScale& scale, const SoftmaxScratch& scratch,
                 SoftmaxMeasures* measures) {
  const hn::ScalableTag<double> dd;
  const ExpScale exp_scale(scale.scale);
  HWY_ALIGN_MAX double log_sums[kRowsPerBlock + hn::MaxLanes(hn::ScalableTag<double>())];
  for (double& sum : log_sums) sum = 1.0;
  HWY_DASSERT(num_rows <= kRowsPerBlock);
  for (size_t i = 0; i < num_rows; ++i) {
    MeasureAnyRow(rows[i], scale, exp_scale, scratch, log_sums[i], measures[i]);
  }
  for (size_t i = 0; i < num_rows; i += hn::Lanes(dd)) {
    hn::Store(hn::Log(dd, hn::Load(dd, log_sums + i)), dd, log_sums + i);
  }
  for (size_t i = 0; i < num_rows; ++i) {
    measures[i].entropy_nats = HWY_MAX(0.0, measures[i].entropy_nats + log_sums[i]);
    measures[i].log_sum_exp += log_sums[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SoftmaxRows);

void SoftmaxRows(const SoftmaxRow* rows, size_t num_rows, const LogitScale& scale, const SoftmaxScratch& scratch,
                 SoftmaxMeasures* measures) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRows)(rows, num_rows, scale, scratch, measures);
}

}  // namespace attnscope
#endif  // HWY_ONCE
