// SPDX-License-Identifier: Apache-2.0
#include "kernels/column_stats.h"

#include <math.h>
#include <stddef.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/column_stats.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// accumulator + c log c, where 0 log 0 = 0.
template <class DD, class VD>
HWY_INLINE VD AddCLogC(DD dd, VD column, VD accumulator) {
  const auto is_zero = hn::Eq(column, hn::Zero(dd));
  return hn::MulAdd(column, hn::IfThenZeroElse(is_zero, hn::Log(dd, column)), accumulator);
}

// From -sum_j (c_j / S) log (c_j / S) = log S - (sum_j c_j log c_j) / S.
ColumnStats MeasureColumns(const double* HWY_RESTRICT columns, const double* HWY_RESTRICT more, size_t keys) {
  const hn::ScalableTag<double> dd;
  const hn::CappedTag<double, 1> d1;
  const size_t N = hn::Lanes(dd);
  auto sums = hn::Zero(dd);
  auto c_log_c = hn::Zero(dd);
  auto maxima = hn::Zero(dd);
  size_t i = 0;
  for (; i + N <= keys; i += N) {
    const auto column = hn::Add(hn::LoadU(dd, columns + i), hn::LoadU(dd, more + i));
    sums = hn::Add(sums, column);
    maxima = hn::Max(maxima, column);
    c_log_c = AddCLogC(dd, column, c_log_c);
  }
  ColumnStats stats;
  stats.sum = hn::GetLane(hn::SumOfLanes(dd, sums));
  stats.max = hn::GetLane(hn::MaxOfLanes(dd, maxima));
  double c_log_c_sum = hn::GetLane(hn::SumOfLanes(dd, c_log_c));
  for (; i < keys; ++i) {
    const double column = columns[i] + more[i];
    stats.sum += column;
    stats.max = HWY_MAX(stats.max, column);
    c_log_c_sum = hn::GetLane(AddCLogC(d1, hn::Set(d1, column), hn::Set(d1, c_log_c_sum)));
  }
  if (stats.sum > 0.0) {
    const double entropy = log(stats.sum) - c_log_c_sum / stats.sum;
    stats.entropy_nats = HWY_MIN(HWY_MAX(entropy, 0.0), log(static_cast<double>(keys)));
  }
  while (stats.max_position < keys && columns[stats.max_position] + more[stats.max_position] < stats.max) {
    ++stats.max_position;
  }
  return stats;
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(MeasureColumns);

ColumnStats MeasureColumns(const double* columns, const double* more, size_t keys) {
  return HWY_DYNAMIC_DISPATCH(MeasureColumns)(columns, more, keys);
}

}  // namespace attnscope
#endif  // HWY_ONCE
