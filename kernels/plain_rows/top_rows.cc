// SPDX-License-Identifier: Apache-2.0
//
// The k largest numbers of each row.
#include <stddef.h>
#include <stdint.h>

#include <algorithm>

#include "attnscope/kernels.h"
#include "kernels/plain_rows/row_checks.h"
#include "kernels/plain_rows/typed_rows.h"
#include "kernels/top_k/largest_sums.h"
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

HWY_EXPORT(TopNumbers);

namespace {

void SumRows(const Rows& weights, uint32_t k, double* mass) {
  constexpr size_t kRowsAtOnce = 64;
  WeightsRow rows[kRowsAtOnce];
  const auto bytes = static_cast<int64_t>(ElementBytes(weights.type));
  for (size_t first = 0; first < weights.rows; first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, weights.rows - first);
    for (size_t i = 0; i < count; ++i) {
      const int64_t offset = static_cast<int64_t>(first + i) * weights.row_stride * bytes;
      rows[i] = {static_cast<const uint8_t*>(weights.data) + offset, weights.columns};
    }
    SumLargest(weights.type, {rows, count}, {&k, 1}, mass + first);
  }
}

}  // namespace

Status TopKMass(const Rows& weights, size_t k, double* mass) {
  Status status = CheckTopK("k", k, 1);
  if (status.ok()) status = CheckRows("weights", weights, {{"mass", mass, weights.rows}});
  if (status.ok()) SumRows(weights, static_cast<uint32_t>(k), mass);
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
