// SPDX-License-Identifier: Apache-2.0
//
// The k largest numbers of each row.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attnscope/kernels.h"
#include "kernels/plain_rows/row_checks.h"
#include "kernels/plain_rows/typed_rows.h"
#include "kernels/sweep/slow_row.h"
#include "kernels/top_k/top_candidates.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/plain_rows/top_rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/top_k/running_top-inl.h"
#include "kernels/top_k/sort_top-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of float32 patterns keys[0, count), in float64; zeros follow up to a whole vector.
HWY_INLINE double SumOfWeights(const uint32_t* HWY_RESTRICT keys, size_t count) {
  const hn::ScalableTag<double> dd;
  const float* weights = reinterpret_cast<const float*>(keys);
  auto sum = hn::Zero(dd);
  for (size_t i = 0; i < count; i += hn::Lanes(dd)) sum = hn::Add(sum, LoadAsDouble(dd, weights + i));
  return hn::GetLane(hn::SumOfLanes(dd, sum));
}

// Of a row with what is no ordinary weight: NaN if that is none at all, else as of others, by numbers instead of
// patterns.
template <typename T>
HWY_NOINLINE double SlowMass(const T* HWY_RESTRICT row, size_t columns, size_t k, TopCandidates& candidates) {
  if (!IsValidRow(row, kernels::TypeOf<T>(), columns)) return NAN;
  RunningTop<NumberOrder, false> top(k, candidates);
  top.Add(row, columns, 0);
  const size_t count = top.Finish();
  for (size_t i = 0; i < count; ++i) candidates.keys[i] = NumberOrder::Pattern(candidates.keys[i]);
  return SumOfWeights(candidates.keys, count);
}

void TopMasses(const kernels::Rows& rows, size_t k, double* mass) {
  kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    TopCandidates candidates;
    for (size_t row = 0; row < rows.rows; ++row) {
      RunningTop<WeightOrder, false> top(k, candidates);
      top.Add(typed.Row(row), rows.columns, 0);
      const size_t count = top.Finish();
      const uint32_t largest = count == 0 ? 0 : ExtremesOf({candidates.keys, count}).largest;
      mass[row] = HWY_LIKELY(largest <= kMaxFastBits) ? SumOfWeights(candidates.keys, count)
                                                      : SlowMass(typed.Row(row), rows.columns, k, candidates);
    }
  });
}

void TopNumbers(const kernels::Rows& rows, size_t k, float* values, uint32_t* indices) {
  kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    TopCandidates candidates;
    for (size_t row = 0; row < rows.rows; ++row) {
      RunningTop<NumberOrder, true> top(k, candidates);
      top.Add(typed.Row(row), rows.columns, 0);
      const size_t count = top.has_nan() ? 0 : top.Finish();
      WriteTop(candidates, count, k, values == nullptr ? nullptr : values + row * k,
               indices == nullptr ? nullptr : indices + row * k);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope::kernels {

HWY_EXPORT(TopMasses);
HWY_EXPORT(TopNumbers);

Status TopKMass(const Rows& weights, size_t k, double* mass) {
  Status status = CheckTopK("k", k, 1);
  if (status.ok()) status = CheckRows("weights", weights, {{"mass", mass, weights.rows}});
  if (status.ok()) HWY_DYNAMIC_DISPATCH(TopMasses)(weights, k, mass);
  return status;
}

Status TopK(const Rows& numbers, size_t k, float* values, uint32_t* indices) {
  Status status = CheckTopK("k", k, 1);
  if (status.ok()) status = CheckRows("numbers", numbers, {});
  if (status.ok()) HWY_DYNAMIC_DISPATCH(TopNumbers)(numbers, k, values, indices);
  return status;
}

}  // namespace attnscope::kernels
#endif  // HWY_ONCE
