// SPDX-License-Identifier: Apache-2.0
//
// From what the rows of a block measured to the sums of their matrices. Included per target by weights_sweep.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_ROW_RESULTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_ROW_RESULTS_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_ROW_RESULTS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_ROW_RESULTS_INL_H_
#endif

#include <float.h>
#include <math.h>
#include <stddef.h>

#include <initializer_list>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/row_sums.h"
#include "kernels/sweep/bend_entropy-inl.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/write_outputs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// row_sums[j] += values[j][row] for rows [first, end) in order, and the swept sums j that ordinary rows have. The sums
// stay in registers meanwhile.
HWY_INLINE void AddSums(const double (*HWY_RESTRICT values)[BlockResult::kPaddedRows], size_t first, size_t end,
                        double* HWY_RESTRICT row_sums) {
  static constexpr auto kIndices = SweptSums<false>();
  if (end - first == 1) {  // as all of a decode step are
#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC unroll 16
#endif
    for (size_t i = 0; i < kIndices.size(); ++i) row_sums[kIndices[i]] += values[kIndices[i]][first];
    return;
  }
  double sums[kIndices.size()];
#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC unroll 16
#endif
  for (size_t i = 0; i < kIndices.size(); ++i) sums[i] = row_sums[kIndices[i]];
  for (size_t row = first; row < end; ++row) {
#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC unroll 16
#endif
    for (size_t i = 0; i < kIndices.size(); ++i) sums[i] += values[kIndices[i]][row];
  }
#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC unroll 16
#endif
  for (size_t i = 0; i < kIndices.size(); ++i) row_sums[kIndices[i]] = sums[i];
}

// The same for the sums that ordinary rows leave as they are, and the masses that are not usual.
HWY_NOINLINE inline void AddOddSums(const double (*HWY_RESTRICT values)[BlockResult::kPaddedRows], size_t first,
                                    size_t end, size_t num_masses, double* HWY_RESTRICT row_sums) {
  static constexpr auto kIndices = SweptSums<true>();
  for (size_t row = first; row < end; ++row) {
    for (const uint8_t i : kIndices) row_sums[i] += values[i][row];
    for (size_t i = kFirstTopMass + kUsualTopMasses; i < kFirstTopMass + num_masses; ++i) {
      row_sums[i] += values[i][row];
    }
  }
}

// Adds what the rows of a block measured to their matrices, row by row, in order, with their entropies bent.
inline HWY_NOINLINE void AddRows(const RowBlock& block, BlockResult& result) {
  const hn::ScalableTag<double> dd;
  const auto zero = hn::Zero(dd);
  const auto one = hn::Set(dd, 1.0);
  const size_t num_masses = block.masses->size();
  // What a stack holds reads as denormal numbers, which are slow, where it was pointers.
  HWY_ALIGN_MAX double visible[BlockResult::kPaddedRows];
  for (size_t i = block.num_rows; i % hn::Lanes(dd) != 0; ++i) {
    for (double* of_rows : {result.entropy_nats, result.sum, result.max, result.valid, visible}) of_rows[i] = 0.0;
  }
  for (size_t i = 0; i < block.num_rows; ++i) {
    visible[i] = static_cast<double>(block.rows[i].keys);
    if (block.rows[i].softmax != nullptr) result.entropy_nats[i] = block.rows[i].softmax->entropy_nats;
  }
  HWY_ALIGN_MAX double values[kNumSweptSums][BlockResult::kPaddedRows];
  bool any_odd = block.null_mass || num_masses > kUsualTopMasses;  // so that there is more to add than usual
  for (size_t i = 0; i < block.num_rows; i += hn::Lanes(dd)) {
    const auto keys = hn::Load(dd, visible + i);
    const auto max = hn::Load(dd, result.max + i);
    const auto valid = hn::Ne(hn::Load(dd, result.valid + i), zero);
    const auto masked = hn::And(valid, hn::Eq(keys, zero));
    const auto measured = hn::And(valid, hn::Ne(max, zero));
    const auto store = [&](RowSum which, hn::Mask<decltype(dd)> rows, hn::Vec<decltype(dd)> value) HWY_ATTR {
      hn::Store(hn::IfThenElseZero(rows, value), dd, values[static_cast<size_t>(which)] + i);
    };
    const auto log_visible = hn::Log(dd, hn::Max(one, keys));
    const auto sum = hn::Load(dd, result.sum + i);
    const auto measured_entropy = hn::Load(dd, result.entropy_nats + i);
    const auto uniform = IsUniform(dd, measured_entropy, sum, log_visible);
    const auto entropy = BendEntropy(dd, uniform, measured_entropy, max, log_visible);
    const auto from_one = hn::Sub(sum, one);
    store(RowSum::kMeasured, measured, one);
    store(RowSumOf<Metric::kEntropy>(), measured, entropy);
    store(RowSumOf<Metric::kEffectiveRank>(), measured, hn::IfThenElse(uniform, keys, hn::Exp(dd, entropy)));
    const auto store_mass = [&](size_t mass)
                                HWY_ATTR { store(TopMassSum(mass), measured, hn::Load(dd, result.mass[mass] + i)); };
    for (size_t mass = 0; mass < kUsualTopMasses; ++mass) store_mass(mass);
    for (size_t mass = kUsualTopMasses; HWY_UNLIKELY(mass < num_masses); ++mass) store_mass(mass);
    store(RowSumOf<Metric::kMaxRowWeight>(), measured, max);
    const auto several = hn::And(measured, hn::Gt(keys, one));
    store(RowSumOf<Metric::kNormalizedEntropy>(), several, hn::Div(entropy, hn::IfThenElse(several, log_visible, one)));
    store(RowSum::kSeveralKeys, several, one);
    const auto most_below = hn::Set(dd, block.null_mass ? -HUGE_VAL : -block.tolerance);
    const auto unnormalized = hn::Or(hn::Gt(from_one, hn::Set(dd, block.tolerance)), hn::Lt(from_one, most_below));
    const auto with_null_mass = hn::And(measured, hn::Lt(most_below, hn::Set(dd, -DBL_MAX)));
    store(RowSumOf<Metric::kUnnormalizedRows>(), hn::And(measured, unnormalized), one);
    store(RowSumOf<Metric::kInvalidRows>(), hn::Not(valid), one);
    store(RowSumOf<Metric::kEmptyRows>(), hn::And(hn::AndNot(masked, valid), hn::Eq(max, zero)), one);
    store(RowSumOf<Metric::kMaskedRows>(), masked, one);
    store(RowSumOf<Metric::kNullMass>(), with_null_mass, hn::Neg(from_one));
    store(RowSum::kNullMassRows, with_null_mass, one);
    hn::Store(entropy, dd, result.entropy_nats + i);
    // Whose effective rank Exp gives, too.
    const auto ordinary = hn::And(hn::AndNot(unnormalized, measured), hn::Le(entropy, hn::Set(dd, 700.0)));
    const auto rows = hn::FirstN(dd, HWY_MIN(block.num_rows - i, hn::Lanes(dd)));
    any_odd |= !hn::AllFalse(dd, hn::AndNot(ordinary, rows));
  }
  if (HWY_UNLIKELY(any_odd)) {
    for (size_t i = 0; i < block.num_rows; ++i) {
      // Beyond Highway's range of Exp, and far beyond any distribution.
      const bool measured = values[static_cast<size_t>(RowSum::kMeasured)][i] != 0.0;
      if (HWY_LIKELY(!measured || !(result.entropy_nats[i] > 700.0))) continue;
      values[static_cast<size_t>(RowSumOf<Metric::kEffectiveRank>())][i] = exp(result.entropy_nats[i]);
    }
  }
  for (size_t i = 0; i < block.num_rows;) {
    double* row_sums = block.rows[i].row_sums;
    size_t end = i + 1;
    while (end < block.num_rows && block.rows[end].row_sums == row_sums) ++end;
    AddSums(values, i, end, row_sums);
    if (HWY_UNLIKELY(any_odd)) AddOddSums(values, i, end, num_masses, row_sums);
    i = end;
  }
  if (HWY_UNLIKELY(block.outputs != nullptr)) WriteOutputs(block, result, visible, values);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_ROW_RESULTS_INL_H_
