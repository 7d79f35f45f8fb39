// SPDX-License-Identifier: Apache-2.0
//
// What one row of attention contributes to its head: a fixed list of numbers that are only ever added. Shared by the
// sweeps, which fill them, and the accumulator, which keeps their totals.
#ifndef ATTNSCOPE_KERNELS_ROW_SUMS_H_
#define ATTNSCOPE_KERNELS_ROW_SUMS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attnscope/limits.h"
#include "attnscope/metrics.h"
#include "attnscope/top_k.h"
#include "kernels/kept_numbers.h"

namespace attnscope {

inline constexpr std::array<std::string_view, 3> kSharedSweptNames = {"measured_rows", "rows_of_several_keys",
                                                                      "null_mass_rows"};
inline constexpr std::array<std::string_view, 3> kSharedLogitNames = {"logit_rows", "logits", "logit_squares"};

// Filled by the sweep, of every row. Behind them stand the top-k masses, one for each k that the layer measures.
inline constexpr KeptNumbers kSweptSums = {
    kSharedSweptNames, [](const MetricInfo& info) {
      return info.top_k == 0 && (info.kind == MetricKind::kMean || info.kind == MetricKind::kCount) &&
             (info.unit == MetricUnit::kRow || info.unit == MetricUnit::kRowOfSeveralKeys ||
              info.unit == MetricUnit::kRowWithNullMass);
    }};
// Behind those: of measured rows that came as logits. Filled by the softmax.
inline constexpr KeptNumbers kLogitSums = {
    kSharedLogitNames, [](const MetricInfo& info) {
      return (info.kind == MetricKind::kMean || info.kind == MetricKind::kCount) &&
             (info.unit == MetricUnit::kLogitRow || info.unit == MetricUnit::kLogit);
    }};
inline constexpr size_t kFirstTopMass = kSweptSums.size();
inline constexpr size_t kNumSweptSums = kFirstTopMass + kMaxTopMasses;
inline constexpr size_t kNumRowSums = kNumSweptSums + kLogitSums.size();

// Index of a row sum: one of these, or of a metric, see RowSumOf.
enum class RowSum : uint8_t {
  kMeasured,      // 1 if the row is neither invalid, empty nor masked; the sums of metrics are 0 otherwise, but their
                  // counts
  kSeveralKeys,   // 1 if it also sees two keys or more
  kNullMassRows,  // 1 if its sum is also meant to be below 1
  kLogitRows = kNumSweptSums,
  kLogits,  // unmasked logits
  kLogitSquares,
};

// The sum of a metric of rows or logits: RowSumOf<Metric::kEntropy>(). consteval: GCC 12 searched the table at run
// time otherwise.
template <Metric kMetric>
consteval RowSum RowSumOf() {
  constexpr bool kIsSwept = kSweptSums.holds(InfoOf(kMetric));
  static_assert(kIsSwept || kLogitSums.holds(InfoOf(kMetric)), "no metric that is a sum over rows or logits");
  return static_cast<RowSum>(kIsSwept ? kSweptSums.IndexOf(kMetric) : kNumSweptSums + kLogitSums.IndexOf(kMetric));
}

// The sum of the masses of the layer's i-th k.
constexpr RowSum TopMassSum(size_t i) { return static_cast<RowSum>(kFirstTopMass + i); }
// Layers rarely measure more masses: so many are always added, zeros where there are fewer.
inline constexpr size_t kUsualTopMasses = kDefaultTopK.size();

// Swept sums that are zero of ordinary rows: counts of those that are none, and of rows with a sink.
consteval bool IsOfOddRows(size_t index) {
  if (index == static_cast<size_t>(RowSum::kNullMassRows)) return true;
  for (const MetricInfo& info : AllMetrics()) {
    if (!kSweptSums.holds(info) || kSweptSums.IndexOf(info.metric) != index) continue;
    return info.kind == MetricKind::kCount || info.unit == MetricUnit::kRowWithNullMass;
  }
  return false;
}
template <bool kOfOddRows>
consteval size_t CountSweptSums() {
  size_t count = 0;
  for (size_t i = 0; i < kFirstTopMass + kUsualTopMasses; ++i) count += IsOfOddRows(i) == kOfOddRows ? 1 : 0;
  return count;
}
// Their indices, or those of the others, without the masses that are not usual.
template <bool kOfOddRows>
consteval std::array<uint8_t, CountSweptSums<kOfOddRows>()> SweptSums() {
  std::array<uint8_t, CountSweptSums<kOfOddRows>()> indices = {};
  size_t count = 0;
  for (size_t i = 0; i < kFirstTopMass + kUsualTopMasses; ++i) {
    if (IsOfOddRows(i) == kOfOddRows) indices[count++] = static_cast<uint8_t>(i);
  }
  return indices;
}

// What saved states call a row sum, of a layer that measures these masses; empty for masses that it does not.
inline std::string_view RowSumName(size_t index, const TopKValues& top_k) {
  if (index >= kFirstTopMass && index < kNumSweptSums) {
    const size_t mass = index - kFirstTopMass;
    return mass < top_k.size() ? InfoOf(TopMass(top_k[mass])).name : std::string_view();
  }
  return index < kNumSweptSums ? kSweptSums.Name(index) : kLogitSums.Name(index - kNumSweptSums);
}

// Rows that were added to row sums [kNumRowSums]. Older states counted masked rows as empty ones, and did not keep
// them.
inline double NumRows(const double* row_sums) {
  const double masked = row_sums[static_cast<size_t>(RowSumOf<Metric::kMaskedRows>())];
  return row_sums[static_cast<size_t>(RowSum::kMeasured)] +
         row_sums[static_cast<size_t>(RowSumOf<Metric::kInvalidRows>())] +
         row_sums[static_cast<size_t>(RowSumOf<Metric::kEmptyRows>())] + (masked > 0.0 ? masked : 0.0);
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ROW_SUMS_H_
