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

// Writes rows of a block to buffers.
class OutputWriter {
 public:
  // `measured` [BlockResult::kPaddedRows]: not 0 for rows that are.
  OutputWriter(const RowBlock& block, const double* HWY_RESTRICT measured) : block_(block), measured_(measured) {
    for (size_t i = 0; i < block.num_rows; ++i) {
      contiguous_ &= block.places[i].element == block.places[0].element + static_cast<int64_t>(i);
    }
  }

  // values [BlockResult::kPaddedRows]; NaN is written where a row is not measured.
  void Write(const RowBuffer& to, const double* HWY_RESTRICT values) const {
    if (to.data == nullptr) return;
    if (to.type == RowBufferType::kFloat32) {
      WriteNumbers<float>(to, values);
    } else {
      WriteNumbers<double>(to, values);
    }
  }

  // The same of what each row has elsewhere: value(row).
  template <class Value>
  void WriteEach(const RowBuffer& to, const Value& value) const {
    if (to.data == nullptr) return;
    HWY_ALIGN_MAX double values[BlockResult::kPaddedRows];
    size_t i = 0;
    for (; i < block_.num_rows; ++i) values[i] = value(i);
    for (; i % hn::Lanes(hn::ScalableTag<double>()) != 0; ++i) values[i] = 0.0;
    Write(to, values);
  }

  // Whole numbers, value(row).
  template <class Value>
  void WriteWholeNumbers(const RowBuffer& to, const Value& value) const {
    if (to.data == nullptr) return;
    int64_t values[kRowsPerBlock];
    for (size_t i = 0; i < block_.num_rows; ++i) values[i] = value(i);
    if (to.type == RowBufferType::kInt32) {
      WriteAs(static_cast<int32_t*>(to.data), values);
    } else {
      WriteAs(static_cast<int64_t*>(to.data), values);
    }
  }

 private:
  // A vector of values, NaN where a row is not measured.
  HWY_INLINE hn::Vec<hn::ScalableTag<double>> Shown(const double* HWY_RESTRICT values, size_t i) const {
    const hn::ScalableTag<double> dd;
    const auto is_measured = hn::Ne(hn::Load(dd, measured_ + i), hn::Zero(dd));
    return hn::IfThenElse(is_measured, hn::Load(dd, values + i), hn::Set(dd, NAN));
  }
  HWY_INLINE static void Store(hn::Vec<hn::ScalableTag<double>> values, double* HWY_RESTRICT to) {
    hn::StoreU(values, hn::ScalableTag<double>(), to);
  }
  HWY_INLINE static void Store(hn::Vec<hn::ScalableTag<double>> values, float* HWY_RESTRICT to) {
    const hn::Rebind<float, hn::ScalableTag<double>> df;
    hn::StoreU(RoundToFloat(df, values), df, to);
  }

  // Whole vectors straight to where they belong; others, and rows with gaps between them, by way of the stack.
  template <typename To>
  HWY_NOINLINE void WriteNumbers(const RowBuffer& buffer, const double* HWY_RESTRICT values) const {
    To* to = static_cast<To*>(buffer.data);
    const size_t N = hn::Lanes(hn::ScalableTag<double>());
    if (HWY_LIKELY(contiguous_ && block_.num_rows % N == 0)) {
      to += block_.places[0].element;
      for (size_t i = 0; i < block_.num_rows; i += N) Store(Shown(values, i), to + i);
      return;
    }
    HWY_ALIGN_MAX To numbers[BlockResult::kPaddedRows];
    for (size_t i = 0; i < block_.num_rows; i += N) Store(Shown(values, i), numbers + i);
    WriteAs(to, numbers);
  }

  template <typename To, typename From>
  HWY_NOINLINE void WriteAs(To* HWY_RESTRICT to, const From* HWY_RESTRICT values) const {
    if (HWY_LIKELY(contiguous_)) {
      To* HWY_RESTRICT first = to + block_.places[0].element;
      for (size_t i = 0; i < block_.num_rows; ++i) first[i] = static_cast<To>(values[i]);
      return;
    }
    for (size_t i = 0; i < block_.num_rows; ++i) to[block_.places[i].element] = static_cast<To>(values[i]);
  }

  const RowBlock& block_;
  const double* HWY_RESTRICT measured_;
  bool contiguous_ = true;  // each row behind the one before it, in every buffer
};

// The keys that a row sees.
HWY_INLINE int64_t VisibleKeysOf(const RowBlock& block, const BlockResult& result, size_t row) {
  return result.valid[row] == 0.0 ? -1 : static_cast<int64_t>(block.rows[row].keys);
}

// All outputs of a block, whose rows have `values`, by swept sum.
inline HWY_NOINLINE void WriteOutputs(const RowBlock& block, const BlockResult& result,
                                      const double (*HWY_RESTRICT values)[BlockResult::kPaddedRows]) {
  const RowOutputs& outputs = *block.outputs;
  const auto of = [values](RowSum which) { return values[static_cast<size_t>(which)]; };
  const double* measured = of(RowSum::kMeasured);
  const OutputWriter writer(block, measured);
  writer.Write(outputs.entropy, of(RowSumOf<Metric::kEntropy>()));
  writer.Write(outputs.effective_rank, of(RowSumOf<Metric::kEffectiveRank>()));
  writer.Write(outputs.max_weight, of(RowSumOf<Metric::kMaxRowWeight>()));
  writer.Write(outputs.row_sum, result.sum);
  for (size_t i = 0; i < block.masses->size(); ++i) writer.Write(outputs.top_mass[i], of(TopMassSum(i)));
  writer.Write(outputs.first_token_weight, result.first_token);
  writer.Write(outputs.self_weight, result.self);
  writer.Write(outputs.previous_weight, result.previous);
  const auto of_logits = [&](size_t i, double SoftmaxMeasures::*measure) {
    return block.rows[i].softmax == nullptr ? NAN : block.rows[i].softmax->*measure;
  };
  writer.WriteEach(outputs.logsumexp, [&](size_t i) { return of_logits(i, &SoftmaxMeasures::log_sum_exp); });
  writer.WriteEach(outputs.max_logit, [&](size_t i) { return of_logits(i, &SoftmaxMeasures::max); });
  writer.WriteWholeNumbers(outputs.argmax,
                           [&](size_t i) { return measured[i] == 0.0 ? int64_t{-1} : result.argmax[i]; });
  writer.WriteWholeNumbers(outputs.visible_keys, [&](size_t i) { return VisibleKeysOf(block, result, i); });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_
