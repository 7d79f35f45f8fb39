// SPDX-License-Identifier: Apache-2.0
//
// Entropies and maxima of rows: the sweep's inner loop without its column sums and without its selection.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attnscope/kernels.h"
#include "attnscope/limits.h"
#include "kernels/plain_rows/finish_rows.h"
#include "kernels/plain_rows/row_checks.h"
#include "kernels/plain_rows/typed_rows.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/slow_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/plain_rows/row_entropy.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/sweep/bend_entropy-inl.h"
#include "kernels/sweep/largest_bits-inl.h"
#include "kernels/sweep/row_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the sweep keeps of a row here: the largest bit pattern of each lane.
struct LaneMaxima {
  using Kept = uint32_t;

  template <class DU, class VU = hn::Vec<DU>>
  HWY_INLINE void Keep(DU du, size_t /*column*/, VU bits0, VU bits1, VU bits2, VU bits3,
                       uint32_t* HWY_RESTRICT lanes) const {
    const auto largest = hn::Max(hn::Max(bits0, bits1), hn::Max(bits2, bits3));
    hn::Store(hn::Max(hn::Load(du, lanes), largest), du, lanes);
  }
};

// Entropy, sum and maximum of a row of a block, as row `index` of the result.
template <typename T>
HWY_INLINE void SweepRow(const kernels::TypedRows<T>& rows, size_t row, size_t index, BlockResult& result) {
  const hn::RebindToUnsigned<SweepFloat> du;
  HWY_ALIGN_MAX float rest[4 * kMaxFloatLanes];
  HWY_ALIGN_MAX uint32_t largest[kMaxFloatLanes];
  RowLanes lanes;
  hn::Store(hn::Zero(du), du, largest);
  SweptRow swept;
  PrepareColumns(rows.Row(row), kernels::TypeOf<T>(), rows.columns, rest, swept);
  if (swept.groups == 0) memset(&lanes, 0, sizeof(lanes));
  SweepGroups<true, false>(SweepFloat(), rows.Row(row), swept.full_groups, 0, true, rows.RowAhead(row), {},
                           LaneMaxima(), largest, &lanes);
  if (swept.groups != swept.full_groups) {
    SweepGroups<true, false>(SweepFloat(), static_cast<const float*>(rest), 1, 0, swept.full_groups == 0, rest, {},
                             LaneMaxima(), largest, &lanes);
  }
  SumLanes(lanes, result.entropy_nats[index], result.sum[index]);
  const uint32_t max_bits = hn::GetLane(hn::MaxOfLanes(du, hn::Load(du, largest)));
  result.max[index] = static_cast<double>(FloatOfBits(max_bits));
  result.valid[index] = 1.0;
  if (HWY_LIKELY(max_bits <= kMaxFastBits)) return;
  MeasureSlowRow(rows.Row(row), kernels::TypeOf<T>(), rows.columns, index, &result);
}

void FinishMeasures(BlockResult& result, size_t num_rows, size_t columns, double* entropy_nats, double* exp_entropy) {
  const hn::ScalableTag<double> dd;
  for (size_t i = num_rows; i % hn::Lanes(dd) != 0; ++i) result.entropy_nats[i] = result.sum[i] = result.max[i] = 0.0;
  const double keys = static_cast<double>(HWY_MAX(columns, size_t{1}));
  const auto log_keys = hn::Set(dd, log(keys));
  HWY_ALIGN_MAX double exponentials[BlockResult::kPaddedRows];
  for (size_t i = 0; i < num_rows; i += hn::Lanes(dd)) {
    const auto measured = hn::Load(dd, result.entropy_nats + i);
    const auto is_uniform = IsUniform(dd, measured, hn::Load(dd, result.sum + i), log_keys);
    const auto entropy = BendEntropy(dd, is_uniform, measured, hn::Load(dd, result.max + i), log_keys);
    hn::Store(entropy, dd, result.entropy_nats + i);
    if (exp_entropy == nullptr) continue;
    hn::Store(hn::IfThenElse(is_uniform, hn::Set(dd, keys), hn::Exp(dd, entropy)), dd, exponentials + i);
  }
  for (size_t i = 0; i < num_rows; ++i) {
    const bool is_valid = result.valid[i] != 0.0;
    const double entropy = result.entropy_nats[i];
    if (entropy_nats != nullptr) entropy_nats[i] = is_valid ? entropy : NAN;
    if (exp_entropy == nullptr) continue;
    // Beyond Highway's range of Exp, and far beyond any distribution.
    const double exponential = HWY_UNLIKELY(fabs(entropy) > 700.0) ? exp(entropy) : exponentials[i];
    exp_entropy[i] = is_valid ? exponential : NAN;
  }
}

void Entropies(const kernels::Rows& rows, double* entropy_nats, double* exp_entropy) {
  kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    for (size_t first = 0; first < rows.rows; first += kRowsPerBlock) {
      const size_t num_rows = HWY_MIN(kRowsPerBlock, rows.rows - first);
      BlockResult result;
      for (size_t i = 0; i < num_rows; ++i) SweepRow(typed, first + i, i, result);
      FinishMeasures(result, num_rows, rows.columns, entropy_nats == nullptr ? nullptr : entropy_nats + first,
                     exp_entropy == nullptr ? nullptr : exp_entropy + first);
    }
  });
}

void Maxima(const kernels::Rows& rows, double* max) {
  kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    for (size_t row = 0; row < rows.rows; ++row) {
      const uint32_t bits = LargestBits(typed.Row(row), rows.columns, typed.RowAhead(row));
      max[row] = static_cast<double>(FloatOfBits(bits));
      if (HWY_LIKELY(bits <= kMaxFastBits)) continue;
      BlockResult result;
      MeasureSlowRow(typed.Row(row), rows.type, rows.columns, 0, &result);
      max[row] = result.valid[0] != 0.0 ? result.max[0] : NAN;
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(FinishMeasures);
HWY_EXPORT(Entropies);
HWY_EXPORT(Maxima);

void FinishBlock(BlockResult& result, size_t num_rows, size_t columns, double* entropy_nats, double* exp_entropy) {
  HWY_DYNAMIC_DISPATCH(FinishMeasures)(result, num_rows, columns, entropy_nats, exp_entropy);
}

namespace kernels {

Status RowEntropy(const Rows& weights, double* entropy_nats) {
  Status status = CheckRows("weights", weights, {{"entropy_nats", entropy_nats, weights.rows}});
  if (status.ok()) HWY_DYNAMIC_DISPATCH(Entropies)(weights, entropy_nats, nullptr);
  return status;
}

Status RowExpEntropy(const Rows& weights, double* exp_entropy) {
  Status status = CheckRows("weights", weights, {{"exp_entropy", exp_entropy, weights.rows}});
  if (status.ok()) HWY_DYNAMIC_DISPATCH(Entropies)(weights, nullptr, exp_entropy);
  return status;
}

Status RowMax(const Rows& weights, double* max) {
  Status status = CheckRows("weights", weights, {{"max", max, weights.rows}});
  if (status.ok()) HWY_DYNAMIC_DISPATCH(Maxima)(weights, max);
  return status;
}

}  // namespace kernels
}  // namespace attnscope
#endif  // HWY_ONCE
