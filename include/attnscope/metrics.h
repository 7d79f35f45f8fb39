// SPDX-License-Identifier: Apache-2.0
//
// The one list of what attnscope measures: the table below. The sums and maxima that an accumulator keeps, saved
// states, JSON, the command's table, figures of histories and the C interface's numbers follow from it or are checked
// against it, and so is README.md's table. All logarithms are natural, entropies are in nats, 0 log 0 = 0.
#ifndef ATTNSCOPE_METRICS_H_
#define ATTNSCOPE_METRICS_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/limits.h"
#include "attnscope/top_k.h"

namespace attnscope {

// `a_ij` is the weight that query i of n_q gives key j of n_k, `H_i` a row's entropy, `c_j = sum_i a_ij`, `s_ij` a
// logit after scale and soft cap. A layer's value is the mean over the rows (or matrices, one a head and sequence) of
// all its heads unless stated. Rows are the measured ones: neither invalid nor
// empty nor masked. The values are the C interface's
// numbers as well, so they never change: a new metric comes last.
enum class Metric : uint16_t {
  // Of each row.
  kEntropy,        // mean of H_i = -sum_j a_ij log a_ij (Shannon 1948)
  kEffectiveRank,  // mean of exp(H_i) (Roy and Vetterli 2007)
  kTop5,           // mean of the sum of the 5 largest weights; that of the k largest is TopMass(k)
  kTop10,
  kTop50,
  kMaxRowWeight,  // mean of max_j a_ij
  // Of each matrix.
  kColEntropy,  // mean of -sum_j t_j log t_j, t_j = c_j / sum_k c_k
  kMaxColSum,   // mean of max_j c_j
  // What most tools lack.
  kNormalizedEntropy,  // mean of H_i / log(v_i), v_i = keys that row i may see; rows with v_i = 1 are left out
  kSinkPosition,       // the column of the largest c_j / n_q among all matrices; the first of equals
  kSinkMass,           // mean of max_j c_j / n_q
  kFirstTokenMass,     // mean of c_0 / n_q (Gu et al. 2024, arXiv 2410.10781)
  kSinkRate,           // share of heads with first_token_mass > 0.3; layers only (the same source)
  // Counts: sums over heads and sequences, `keys` the maximum.
  kRows,              // all rows seen: measured, invalid, empty and masked
  kInvalidRows,       // rows with NaN, infinity or a negative weight: in no mean
  kEmptyRows,         // rows that may see keys and give none any weight: in no mean
  kUnnormalizedRows,  // measured rows whose sum is off 1 by more than the tolerance
  kMatrices,          // matrices with at least one measured row
  kKeys,              // the largest n_k
  // Of the logits, over all unmasked s_ij; absent when only weights were given.
  kLogitMean,
  kLogitStd,         // population standard deviation
  kMaxAbsLogit,      // max |s_ij|
  kSaturationRatio,  // share of rows whose largest weight is at least 0.99: their softmax gradient has vanished
  kLogSumExp,        // mean of log sum_j exp s_ij
  // Of the layer as a whole.
  kResidualRatio,       // mean over sequences of ||x_out - x_in|| / ||x_in||, Frobenius
  kTokenResidualRatio,  // mean over tokens of the same ratio of one token's channels
  kInfiniteResiduals,   // sequences whose ratio is +inf (x_in = 0, x_out != 0) or NaN
  kGradientNorm,        // L2 norm over all gradient buffers of the layer; NaN or infinite if they hold such numbers
  // Of rows and logits, since version 0.2.
  kMaskedRows,  // rows that may see no key: in no mean, and no sign of illness
  kNullMass,    // mean of 1 - sum_j a_ij, of rows whose sums are meant to be below 1: the share of a learned sink
  kMaxLogit,    // max s_ij, with its sign: what QK-Clip watches

  kUnnormalisedRows = kUnnormalizedRows,  // deprecated: the old spelling
};
// Those that have a name above.
inline constexpr size_t kNumMetrics = static_cast<size_t>(Metric::kMaxLogit) + 1;

// The mean of the sum of the k largest weights, k from 1 to kMaxTopK: a metric of its own for each k.
constexpr Metric TopMass(size_t k) {
  switch (k) {
    case 5:
      return Metric::kTop5;
    case 10:
      return Metric::kTop10;
    case 50:
      return Metric::kTop50;
    default:
      return static_cast<Metric>(1024 + k);
  }
}
// The k of such a metric, 0 of any other.
constexpr size_t TopKOf(Metric metric) {
  switch (metric) {
    case Metric::kTop5:
      return 5;
    case Metric::kTop10:
      return 10;
    case Metric::kTop50:
      return 50;
    default:
      break;
  }
  const auto number = static_cast<size_t>(metric);
  const size_t k = number - 1024;
  return number > 1024 && k <= kMaxTopK && TopMass(k) == metric ? k : 0;
}
// Whether a number is that of a metric.
constexpr bool IsMetric(size_t number) {
  return number < kNumMetrics || (number <= 1024 + kMaxTopK && TopKOf(static_cast<Metric>(number)) != 0);
}

// Where a metric stands in a report.
enum class MetricGroup : uint8_t {
  kAttention,  // {"attention_stats": {"<layer>": {"<name>": value}}}
  kLogits,     // {"qk_logit_stats": {"<layer>": {"<name>": value}}}
  kLayer,      // {"<report_key>": {"<layer>": value}}, layers only
};

// How a metric's value is kept and made.
enum class MetricKind : uint8_t {
  kMean,           // a sum over units, divided by their number
  kCount,          // a sum over units that is a whole number
  kMaximum,        // the largest of all units, never negative
  kOther,          // made from other sums, see StatsOf in kernels/accumulator/state_layout.cc
  kSignedMaximum,  // the largest of all units
};

// What has one value of a metric each.
enum class MetricUnit : uint8_t {
  kRow,
  kRowOfSeveralKeys,  // a row that may see two keys or more
  kLogitRow,          // a row that came as logits, or as queries and keys
  kLogit,             // an unmasked one
  kMatrix,
  kHead,
  kSequence,  // of a residual stream, as are tokens
  kToken,
  kBuffer,           // of a gradient
  kRowWithNullMass,  // a row whose sum is meant to be below 1
};

// How values are drawn over time.
enum class MetricScale : uint8_t { kLinear, kLog, kShare };  // kShare: from 0 to 1

// What is known of a metric.
struct MetricInfo {
  Metric metric = {};
  MetricGroup group = {};
  bool per_head = true;              // heads have it too
  bool is_count = false;             // a whole number
  std::string_view name = {};        // as in JSON and in tables
  std::string_view report_key = {};  // the top-level key that holds it
  std::string_view meaning = {};     // one line for people
  MetricKind kind = {};
  MetricUnit unit = {};
  uint8_t column = 0;              // in the command's table, whose columns stand in this order; 0: none
  uint8_t digits = 3;              // behind the point, in that table
  std::string_view title = {};     // in figures over time; empty: not drawn there
  std::string_view axis = {};      // the unit of values, as figures name it
  MetricScale scale = {};          // of that axis
  std::string_view old_name = {};  // also read from JSON; empty: none
  uint16_t top_k = 0;              // of a top-k mass
};

// For the table below.
namespace metrics_internal {

using enum MetricKind;
using enum MetricScale;
using enum MetricUnit;

// Where and how a metric is shown.
struct Shown {
  uint8_t column = 0;
  uint8_t digits = 3;  // 0: a whole number
  std::string_view title = {};
  std::string_view axis = {};
  MetricScale scale = kLinear;
  std::string_view report_key = {};  // of metrics of the layer as a whole
  std::string_view old_name = {};
};

// An entry of the table; what follows from the unit is filled in.
constexpr MetricInfo Entry(Metric metric, std::string_view name, std::string_view meaning, MetricKind kind,
                           MetricUnit unit, const Shown& shown) {
  const bool of_logits = unit == kLogitRow || unit == kLogit;
  const bool of_layer = !shown.report_key.empty();
  return {.metric = metric,
          .group = of_layer    ? MetricGroup::kLayer
                   : of_logits ? MetricGroup::kLogits
                               : MetricGroup::kAttention,
          .per_head = !of_layer && unit != kHead,
          .is_count = shown.digits == 0,
          .name = name,
          .report_key = of_layer    ? shown.report_key
                        : of_logits ? "qk_logit_stats"
                                    : "attention_stats",
          .meaning = meaning,
          .kind = kind,
          .unit = unit,
          .column = shown.column,
          .digits = shown.digits,
          .title = shown.title,
          .axis = shown.axis,
          .scale = shown.scale,
          .old_name = shown.old_name,
          .top_k = static_cast<uint16_t>(TopKOf(metric))};
}

// Of a top-k mass. Those between two of the table share a column number, and stand there in the order of k.
constexpr MetricInfo TopMassEntry(Metric metric, std::string_view name, std::string_view meaning,
                                  std::string_view title) {
  const size_t k = TopKOf(metric);
  const uint8_t column = k < 5 ? 25 : k == 5 ? 30 : k < 10 ? 35 : k == 10 ? 40 : k < 50 ? 45 : k == 50 ? 50 : 55;
  return Entry(metric, name, meaning, kMean, kRow,
               {.column = column, .title = title, .axis = "Share", .scale = kShare});
}

// Of those that are not in the table. Texts are static.
ATTNSCOPE_EXPORT MetricInfo InfoOfTopMass(size_t k);

// Every metric, in the order of the enumeration.
inline constexpr std::array<MetricInfo, kNumMetrics> kTable = {
    Entry(Metric::kEntropy, "entropy", "Mean entropy of a row, in nats", kMean, kRow,
          {.column = 10, .title = "Attention Entropy", .axis = "Nats"}),
    Entry(Metric::kEffectiveRank, "effective_rank", "Mean exp(entropy) of a row: keys that are really attended to",
          kMean, kRow, {.column = 20, .digits = 2, .title = "Effective Rank", .axis = "Positions", .scale = kLog}),
    TopMassEntry(Metric::kTop5, "top5", "Mean mass of a row's 5 largest weights", "Top-5 Mass"),
    TopMassEntry(Metric::kTop10, "top10", "Mean mass of a row's 10 largest weights", "Top-10 Mass"),
    TopMassEntry(Metric::kTop50, "top50", "Mean mass of a row's 50 largest weights", "Top-50 Mass"),
    Entry(Metric::kMaxRowWeight, "max_row_weight", "Mean of a row's largest weight", kMean, kRow,
          {.column = 60, .title = "Max Row Weight", .axis = "Share", .scale = kShare}),
    Entry(Metric::kColEntropy, "col_entropy", "Entropy of the attention that keys receive, in nats", kMean, kMatrix,
          {.column = 70, .title = "Column Entropy", .axis = "Nats"}),
    Entry(Metric::kMaxColSum, "max_col_sum", "Largest attention that one key receives from all rows", kMean, kMatrix,
          {.column = 80, .digits = 2, .title = "Max Column Sum", .axis = "Sum"}),
    Entry(Metric::kNormalizedEntropy, "normalized_entropy", "Mean entropy over the log of the keys a row may see",
          kMean, kRowOfSeveralKeys, {.column = 90, .title = "Normalized Entropy", .axis = "Share", .scale = kShare}),
    Entry(Metric::kSinkPosition, "sink_position", "The key that receives the largest share of all attention", kOther,
          kMatrix, {.column = 110, .digits = 0}),
    Entry(Metric::kSinkMass, "sink_mass", "Share of all attention that the most attended key receives", kMean, kMatrix,
          {.column = 100, .title = "Sink Mass", .axis = "Share", .scale = kShare}),
    Entry(Metric::kFirstTokenMass, "first_token_mass", "Share of all attention that the first key receives", kMean,
          kMatrix, {.title = "First Token Mass", .axis = "Share", .scale = kShare}),
    Entry(Metric::kSinkRate, "sink_rate", "Share of heads whose first key receives over 0.3 of the attention", kOther,
          kHead, {.title = "Sink Rate", .axis = "Share", .scale = kShare}),
    Entry(Metric::kRows, "rows", "Rows seen", kOther, kRow, {.digits = 0}),
    Entry(Metric::kInvalidRows, "invalid_rows", "Rows with NaN, infinity or a negative weight", kCount, kRow,
          {.column = 140, .digits = 0}),
    Entry(Metric::kEmptyRows, "empty_rows", "Rows that may see keys and give none any weight", kCount, kRow,
          {.column = 150, .digits = 0}),
    Entry(Metric::kUnnormalizedRows, "unnormalized_rows", "Rows whose sum is not 1", kCount, kRow,
          {.column = 160, .digits = 0, .old_name = "unnormalised_rows"}),
    Entry(Metric::kMatrices, "matrices", "Matrices: heads times sequences", kCount, kMatrix, {.digits = 0}),
    Entry(Metric::kKeys, "keys", "The most keys of any matrix", kMaximum, kMatrix, {.digits = 0}),
    Entry(Metric::kLogitMean, "logit_mean", "Mean of the unmasked logits", kMean, kLogit,
          {.title = "Logit Mean", .axis = "Logit"}),
    Entry(Metric::kLogitStd, "logit_std", "Standard deviation of the unmasked logits", kOther, kLogit,
          {.title = "Logit Standard Deviation", .axis = "Logit"}),
    Entry(Metric::kMaxAbsLogit, "max_abs_logit", "Largest magnitude of an unmasked logit", kMaximum, kLogit,
          {.title = "Max |Logit|", .axis = "Logit", .scale = kLog}),
    Entry(Metric::kSaturationRatio, "saturation_ratio", "Share of rows whose largest weight is at least 0.99", kMean,
          kLogitRow, {.column = 120, .title = "Saturation Ratio", .axis = "Share", .scale = kShare}),
    Entry(Metric::kLogSumExp, "logsumexp", "Mean log of the sum of exp(logit) over a row's keys", kMean, kLogitRow,
          {.title = "Log-Sum-Exp", .axis = "Logit"}),
    Entry(Metric::kResidualRatio, "residual_ratio", "Mean size of a block's update over its input", kMean, kSequence,
          {.column = 130,
           .title = "Residual Update Ratio",
           .axis = "||Δx|| / ||x||",
           .scale = kLog,
           .report_key = "residual_ratios"}),
    Entry(Metric::kTokenResidualRatio, "token_residual_ratio", "The same ratio, token by token", kMean, kToken,
          {.title = "Token Residual Ratio",
           .axis = "||Δx|| / ||x||",
           .scale = kLog,
           .report_key = "token_residual_ratios"}),
    Entry(Metric::kInfiniteResiduals, "infinite_residuals", "Sequences whose ratio is infinite or no number", kCount,
          kSequence, {.digits = 0, .report_key = "infinite_residuals"}),
    Entry(Metric::kGradientNorm, "gradient_norm", "L2 norm of the layer's gradients", kOther, kBuffer,
          {.title = "Gradient Norm", .axis = "Norm", .scale = kLog, .report_key = "gradient_norms"}),
    Entry(Metric::kMaskedRows, "masked_rows", "Rows that may see no key", kCount, kRow, {.column = 170, .digits = 0}),
    Entry(Metric::kNullMass, "null_mass", "Mean share of a row that a learned sink takes", kMean, kRowWithNullMass,
          {.column = 105, .title = "Null Mass", .axis = "Share", .scale = kShare}),
    Entry(Metric::kMaxLogit, "max_logit", "Largest unmasked logit, with its sign", kSignedMaximum, kLogit,
          {.column = 115, .title = "Max Logit", .axis = "Logit"}),
};

// Each entry stands where the enumeration has its metric.
constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < kNumMetrics; ++i) {
    if (kTable[i].metric != static_cast<Metric>(i)) return false;
  }
  return true;
}
static_assert(TableIsInOrder(), "the table must list every metric, in the order of the enumeration");

}  // namespace metrics_internal

// Every metric that has a name in the enumeration, in its order. Thread-safe; the data is static.
constexpr std::span<const MetricInfo, kNumMetrics> AllMetrics() { return metrics_internal::kTable; }

// The entry of one metric; its texts are static. Of a number that is no metric (IsMetric), one without a name.
// Thread-safe.
constexpr MetricInfo InfoOf(Metric metric) {
  const auto number = static_cast<size_t>(metric);
  return number < kNumMetrics ? AllMetrics()[number] : metrics_internal::InfoOfTopMass(TopKOf(metric));
}

// "top128" to 128, as masses are called in JSON, in states and in arrays; 0 for what is no such name.
ATTNSCOPE_EXPORT size_t TopKNamed(std::string_view name);

// One value for each metric. NaN means "not measured", never zero; but for what somebody else had measured and gave as
// NaN, and for the norm of a gradient with NaN, which are bad numbers and no missing ones.
//
// Besides the metrics of AllMetrics there is room for the masses of kMaxTopMasses other k, which take a place when they
// are written to first.
class MetricValues {
 public:
  MetricValues() { values_.fill(std::numeric_limits<double>::quiet_NaN()); }

  // NaN where it was not measured.
  double operator[](Metric metric) const {
    const size_t place = PlaceOf(metric);
    return place < kNowhere ? values_[place] : std::numeric_limits<double>::quiet_NaN();
  }
  // To be written to. What there is no room for (HasRoomFor), or is no metric, is lost.
  double& operator[](Metric metric) {
    size_t place = PlaceOf(metric);
    if (place == kNowhere && HasRoomFor(metric)) {
      place = kNumMetrics + num_others_;
      other_k_[num_others_++] = static_cast<uint16_t>(TopKOf(metric));
    }
    return values_[place];
  }
  // Whether it was measured.
  bool Has(Metric metric) const { return !std::isnan((*this)[metric]); }
  bool HasRoomFor(Metric metric) const {
    return PlaceOf(metric) != kNowhere || (TopKOf(metric) != 0 && num_others_ < kMaxTopMasses);
  }

  // Makes it NaN that was given.
  void SetGivenAsNaN(Metric metric) {
    (*this)[metric] = std::numeric_limits<double>::quiet_NaN();
    given_as_nan_ |= uint64_t{1} << PlaceOf(metric);
  }
  // As if it had been neither measured nor given.
  void Remove(Metric metric) {
    const size_t place = PlaceOf(metric);
    values_[place] = std::numeric_limits<double>::quiet_NaN();
    given_as_nan_ &= ~(uint64_t{1} << place);
  }
  // Whether it is NaN because it was given as such.
  bool IsGivenAsNaN(Metric metric) const {
    const size_t place = PlaceOf(metric);
    return place != kNowhere && !Has(metric) && (given_as_nan_ >> place & 1) != 0;
  }

  // The k of the masses that have a place and are none of AllMetrics, in any order.
  std::span<const uint16_t> other_top_k() const { return {other_k_.data(), num_others_}; }

 private:
  // Behind all others: written to in vain.
  static constexpr size_t kNowhere = kNumMetrics + kMaxTopMasses;
  static_assert(kNowhere < 64);

  size_t PlaceOf(Metric metric) const {
    const auto number = static_cast<size_t>(metric);
    if (number < kNumMetrics) return number;
    const size_t k = TopKOf(metric);
    for (size_t i = 0; i < num_others_; ++i) {
      if (other_k_[i] == k) return kNumMetrics + i;
    }
    return kNowhere;
  }

  std::array<double, kNowhere + 1> values_;
  uint64_t given_as_nan_ = 0;  // a bit for each place
  uint32_t num_others_ = 0;
  std::array<uint16_t, kMaxTopMasses> other_k_ = {};
};

// What one layer measured: the layer's own values, and each head's. `heads` is empty where only the layer is known, and
// has one entry in mean-matrix mode.
struct LayerStats {
  MetricValues layer;
  std::vector<MetricValues> heads;
};

// Every metric that values may have: AllMetrics, and the masses of the other k that have a place in some of them, in
// the order in which they are shown, masses by k. Throws std::bad_alloc where memory is refused, and nothing else.
// Thread-safe.
ATTNSCOPE_EXPORT std::vector<MetricInfo> MetricsOf(const MetricValues& values);
ATTNSCOPE_EXPORT std::vector<MetricInfo> MetricsOf(const LayerStats& stats);

}  // namespace attnscope

#endif  // ATTNSCOPE_METRICS_H_
