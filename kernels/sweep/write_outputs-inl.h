// SPDX-License-Identifier: Apache-2.0
//
// Writes what the rows of a block measured to the caller's buffers, one measure after the other.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/row_sums.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/row_block.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of float64 as an output's numbers, at any address.
HWY_INLINE void StoreNumbers(hn::Vec<hn::ScalableTag<double>> values, double* HWY_RESTRICT to) {
  hn::StoreU(values, hn::ScalableTag<double>(), to);
}
HWY_INLINE void StoreNumbers(hn::Vec<hn::ScalableTag<double>> values, float* HWY_RESTRICT to) {
  const hn::Rebind<float, hn::ScalableTag<double>> df;
  hn::StoreU(RoundToFloat(df, values), df, to);
}
HWY_INLINE void StoreNumbers(hn::Vec<hn::ScalableTag<double>> values, int32_t* HWY_RESTRICT to) {
  const hn::Rebind<int32_t, hn::ScalableTag<double>> di;
  hn::StoreU(hn::DemoteTo(di, values), di, to);
}
HWY_INLINE void StoreNumbers(hn::Vec<hn::ScalableTag<double>> values, int64_t* HWY_RESTRICT to) {
  const hn::Rebind<int64_t, hn::ScalableTag<double>> di;
  hn::StoreU(hn::ConvertTo(di, values), di, to);
}

// What the rows of a block have of one measure.
struct BlockValues {
  const double* HWY_RESTRICT values;  // [BlockResult::kPaddedRows]
  const double* HWY_RESTRICT shown;   // the same; 0 for rows that get `missing` instead
  double missing;
};

// Writes them: whole vectors straight to where they belong, others, and rows that are not in order, by way of the
// stack.
template <typename To>
HWY_NOINLINE void WriteNumbers(const RowBlock& block, const RowBuffer& buffer, const BlockValues& from) {
  const hn::ScalableTag<double> dd;
  const size_t N = hn::Lanes(dd);
  const auto missing = hn::Set(dd, from.missing);
  const bool straight = block.outputs_in_order && block.num_rows % N == 0;
  HWY_ALIGN_MAX To numbers[BlockResult::kPaddedRows];
  To* const rows = static_cast<To*>(buffer.data);
  To* HWY_RESTRICT to = HWY_LIKELY(straight) ? rows + block.places[0].element : numbers;
  for (size_t i = 0; i < block.num_rows; i += N) {
    const auto is_shown = hn::Ne(hn::Load(dd, from.shown + i), hn::Zero(dd));
    StoreNumbers(hn::IfThenElse(is_shown, hn::Load(dd, from.values + i), missing), to + i);
  }
  if (HWY_LIKELY(straight)) return;
  for (size_t i = 0; i < block.num_rows; ++i) rows[block.places[i].element] = numbers[i];
}

// Nothing, if the buffer is not there.
HWY_NOINLINE inline void WriteValues(const RowBlock& block, const RowBuffer& buffer, const BlockValues& from) {
  if (buffer.data == nullptr) return;
  switch (buffer.type) {
    case RowBufferType::kFloat64:
      return WriteNumbers<double>(block, buffer, from);
    case RowBufferType::kInt32:
      return WriteNumbers<int32_t>(block, buffer, from);
    case RowBufferType::kInt64:
      return WriteNumbers<int64_t>(block, buffer, from);
    case RowBufferType::kFloat32:
      break;
  }
  WriteNumbers<float>(block, buffer, from);
}

// What softmaxes have measured of the rows' logits; NaN of weights.
inline HWY_NOINLINE void WriteLogitOutputs(const RowBlock& block, const double* HWY_RESTRICT measured) {
  const RowOutputs& outputs = *block.outputs;
  if (block.rows[0].softmax == nullptr) {
    HWY_ALIGN_MAX static constexpr double kNone[BlockResult::kPaddedRows] = {};
    WriteValues(block, outputs.logsumexp, {kNone, kNone, NAN});
    WriteValues(block, outputs.max_logit, {kNone, kNone, NAN});
    return;
  }
  HWY_ALIGN_MAX double logsumexp[BlockResult::kPaddedRows];
  HWY_ALIGN_MAX double max[BlockResult::kPaddedRows];
  for (size_t i = 0; i < block.num_rows; ++i) {
    logsumexp[i] = block.rows[i].softmax->log_sum_exp;
    max[i] = block.rows[i].softmax->max;
  }
  // A vector may read further.
  for (size_t i = block.num_rows; i % hn::Lanes(hn::ScalableTag<double>()) != 0; ++i) logsumexp[i] = max[i] = 0.0;
  WriteValues(block, outputs.logsumexp, {logsumexp, measured, NAN});
  WriteValues(block, outputs.max_logit, {max, measured, NAN});
}

// All outputs of a block, whose rows see `visible` keys and have `values`, by swept sum.
inline HWY_NOINLINE void WriteOutputs(const RowBlock& block, BlockResult& result, const double* HWY_RESTRICT visible,
                                      const double (*HWY_RESTRICT values)[BlockResult::kPaddedRows]) {
  const RowOutputs& outputs = *block.outputs;
  const auto of = [values](RowSum which) { return values[static_cast<size_t>(which)]; };
  const double* measured = of(RowSum::kMeasured);
  // A vector may read further.
  for (size_t i = block.num_rows; i % hn::Lanes(hn::ScalableTag<double>()) != 0; ++i) {
    for (double* of_rows : {result.argmax, result.first_token, result.self, result.previous}) of_rows[i] = 0.0;
  }
  const auto write = [&](const RowBuffer& to, const double* HWY_RESTRICT numbers) HWY_ATTR {
    WriteValues(block, to, {numbers, measured, NAN});
  };
  write(outputs.entropy, of(RowSumOf<Metric::kEntropy>()));
  write(outputs.effective_rank, of(RowSumOf<Metric::kEffectiveRank>()));
  write(outputs.max_weight, of(RowSumOf<Metric::kMaxRowWeight>()));
  write(outputs.row_sum, result.sum);
  for (size_t i = 0; i < block.masses->size(); ++i) write(outputs.top_mass[i], of(TopMassSum(i)));
  write(outputs.first_token_weight, result.first_token);
  write(outputs.self_weight, result.self);
  write(outputs.previous_weight, result.previous);
  if (outputs.logsumexp.data != nullptr || outputs.max_logit.data != nullptr) WriteLogitOutputs(block, measured);
  WriteValues(block, outputs.argmax, {result.argmax, measured, -1.0});
  WriteValues(block, outputs.visible_keys, {visible, result.valid, -1.0});
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_
