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

  // values [BlockResult::kPaddedRows], NaN where a row is not measured.
  void Write(const RowBuffer& to, const double* HWY_RESTRICT values) const {
    if (to.data == nullptr) return;
    const hn::ScalableTag<double> dd;
    HWY_ALIGN_MAX double shown[BlockResult::kPaddedRows];
    for (size_t i = 0; i < block_.num_rows; i += hn::Lanes(dd)) {
      const auto is_measured = hn::Ne(hn::Load(dd, measured_ + i), hn::Zero(dd));
      hn::Store(hn::IfThenElse(is_measured, hn::Load(dd, values + i), hn::Set(dd, NAN)), dd, shown + i);
    }
    if (to.type == RowBufferType::kFloat32) {
      WriteFloats(static_cast<float*>(to.data), shown);
    } else {
      WriteAs(static_cast<double*>(to.data), shown);
    }
  }

  // The same of what each row has elsewhere: value(row).
  template <class Value>
  void WriteEach(const RowBuffer& to, const Value& value) const {
    if (to.data == nullptr) return;
    HWY_ALIGN_MAX double values[BlockResult::kPaddedRows] = {};
    for (size_t i = 0; i < block_.num_rows; ++i) values[i] = value(i);
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
  void WriteFloats(float* HWY_RESTRICT to, const double* HWY_RESTRICT values) const {
    const hn::ScalableTag<double> dd;
    const hn::Rebind<float, decltype(dd)> df;
    HWY_ALIGN_MAX float floats[BlockResult::kPaddedRows];
    for (size_t i = 0; i < block_.num_rows; i += hn::Lanes(dd)) {
      hn::StoreU(RoundToFloat(df, hn::Load(dd, values + i)), df, floats + i);
    }
    WriteAs(to, floats);
  }

  template <typename To, typename From>
  HWY_INLINE void WriteAs(To* HWY_RESTRICT to, const From* HWY_RESTRICT values) const {
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
  writer.Write(outputs.top_mass[0], of(RowSumOf<Metric::kTop5>()));
  writer.Write(outputs.top_mass[1], of(RowSumOf<Metric::kTop10>()));
  writer.Write(outputs.top_mass[2], of(RowSumOf<Metric::kTop50>()));
  writer.WriteEach(outputs.first_token_weight, [&](size_t i) { return result.picks[i].first_token; });
  writer.WriteEach(outputs.self_weight, [&](size_t i) { return result.picks[i].self; });
  writer.WriteEach(outputs.previous_weight, [&](size_t i) { return result.picks[i].previous; });
  const auto of_logits = [&](size_t i, double SoftmaxMeasures::*measure) {
    return block.rows[i].softmax == nullptr ? NAN : block.rows[i].softmax->*measure;
  };
  writer.WriteEach(outputs.logsumexp, [&](size_t i) { return of_logits(i, &SoftmaxMeasures::log_sum_exp); });
  writer.WriteEach(outputs.max_logit, [&](size_t i) { return of_logits(i, &SoftmaxMeasures::max); });
  writer.WriteWholeNumbers(outputs.argmax,
                           [&](size_t i) { return measured[i] == 0.0 ? int64_t{-1} : result.picks[i].argmax; });
  writer.WriteWholeNumbers(outputs.visible_keys, [&](size_t i) { return VisibleKeysOf(block, result, i); });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_WRITE_OUTPUTS_INL_H_
