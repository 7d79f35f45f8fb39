// SPDX-License-Identifier: Apache-2.0
//
// The one list of what attnscope measures. JSON keys, table columns and documentation come from it; README.md's metric
// table is tested against it. All logarithms are natural, entropies are in nats, 0 log 0 = 0.
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

namespace attnscope {

// `a_ij` is the weight that query i of n_q gives key j of n_k, `H_i` a row's entropy, `c_j = sum_i a_ij`, `s_ij` a
// logit after scale and soft cap. A layer's value is the mean over the rows (or matrices, one a head and sequence) of
// all its heads unless stated. Rows are the measured ones: neither invalid nor empty.
enum class Metric : uint8_t {
  // Of each row.
  kEntropy,        // mean of H_i = -sum_j a_ij log a_ij (Shannon 1948)
  kEffectiveRank,  // mean of exp(H_i) (Roy and Vetterli 2007)
  kTop5,           // mean of the sum of the 5 largest weights
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
  kRows,              // all rows seen: measured, invalid and empty
  kInvalidRows,       // rows with NaN, infinity or a negative weight: in no mean
  kEmptyRows,         // rows of zeros, or fully masked: in no mean
  kUnnormalisedRows,  // measured rows whose sum is off 1 by more than the tolerance
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
  kGradientNorm,        // L2 norm over all gradient buffers of the layer
};
inline constexpr size_t kNumMetrics = static_cast<size_t>(Metric::kGradientNorm) + 1;

// Where a metric stands in a report.
enum class MetricGroup : uint8_t {
  kAttention,  // {"attention_stats": {"<layer>": {"<name>": value}}}
  kLogits,     // {"qk_logit_stats": {"<layer>": {"<name>": value}}}
  kLayer,      // {"<report_key>": {"<layer>": value}}, layers only
};

// What is known of a metric.
struct MetricInfo {
  Metric metric;
  MetricGroup group;
  bool per_head;                // heads have it too
  bool is_count;                // a whole number
  std::string_view name;        // as in JSON and in tables
  std::string_view report_key;  // the top-level key that holds it
  std::string_view meaning;     // one line for people
};

// Every metric, in the order of the enumeration. Thread-safe; the data is static.
ATTNSCOPE_EXPORT std::span<const MetricInfo, kNumMetrics> AllMetrics();

// The entry of one metric.
inline const MetricInfo& InfoOf(Metric metric) { return AllMetrics()[static_cast<size_t>(metric)]; }

// One value for each metric. NaN means "not measured", never zero.
class MetricValues {
 public:
  MetricValues() { values_.fill(std::numeric_limits<double>::quiet_NaN()); }

  // NaN where it was not measured.
  double operator[](Metric metric) const { return values_[static_cast<size_t>(metric)]; }
  double& operator[](Metric metric) { return values_[static_cast<size_t>(metric)]; }
  // Whether it was measured.
  bool Has(Metric metric) const { return !std::isnan((*this)[metric]); }

 private:
  std::array<double, kNumMetrics> values_;
};

// What one layer measured: the layer's own values, and each head's. `heads` is empty where only the layer is known, and
// has one entry in mean-matrix mode.
struct LayerStats {
  MetricValues layer;
  std::vector<MetricValues> heads;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_METRICS_H_
