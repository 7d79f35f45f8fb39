// SPDX-License-Identifier: Apache-2.0
#include "attnscope/metrics.h"

namespace attnscope {
namespace {

constexpr MetricInfo Row(Metric metric, std::string_view name, std::string_view meaning) {
  return {metric, MetricGroup::kAttention, true, false, name, "attention_stats", meaning};
}
constexpr MetricInfo Count(Metric metric, std::string_view name, std::string_view meaning) {
  return {metric, MetricGroup::kAttention, true, true, name, "attention_stats", meaning};
}
constexpr MetricInfo Logit(Metric metric, std::string_view name, std::string_view meaning) {
  return {metric, MetricGroup::kLogits, true, false, name, "qk_logit_stats", meaning};
}
constexpr MetricInfo Layer(Metric metric, bool is_count, std::string_view name, std::string_view report_key,
                           std::string_view meaning) {
  return {metric, MetricGroup::kLayer, false, is_count, name, report_key, meaning};
}

constexpr std::array<MetricInfo, kNumMetrics> kMetrics = {
    Row(Metric::kEntropy, "entropy", "Mean entropy of a row, in nats"),
    Row(Metric::kEffectiveRank, "effective_rank", "Mean exp(entropy) of a row: keys that are really attended to"),
    Row(Metric::kTop5, "top5", "Mean mass of a row's 5 largest weights"),
    Row(Metric::kTop10, "top10", "Mean mass of a row's 10 largest weights"),
    Row(Metric::kTop50, "top50", "Mean mass of a row's 50 largest weights"),
    Row(Metric::kMaxRowWeight, "max_row_weight", "Mean of a row's largest weight"),
    Row(Metric::kColEntropy, "col_entropy", "Entropy of the attention that keys receive, in nats"),
    Row(Metric::kMaxColSum, "max_col_sum", "Largest attention that one key receives from all rows"),
    Row(Metric::kNormalizedEntropy, "normalized_entropy", "Mean entropy over the log of the keys a row may see"),
    {Metric::kSinkPosition, MetricGroup::kAttention, true, true, "sink_position", "attention_stats",
     "The key that receives the largest share of all attention"},
    Row(Metric::kSinkMass, "sink_mass", "Share of all attention that the most attended key receives"),
    Row(Metric::kFirstTokenMass, "first_token_mass", "Share of all attention that the first key receives"),
    {Metric::kSinkRate, MetricGroup::kAttention, false, false, "sink_rate", "attention_stats",
     "Share of heads whose first key receives over 0.3 of the attention"},
    Count(Metric::kRows, "rows", "Rows seen"),
    Count(Metric::kInvalidRows, "invalid_rows", "Rows with NaN, infinity or a negative weight"),
    Count(Metric::kEmptyRows, "empty_rows", "Rows of zeros, or fully masked"),
    Count(Metric::kUnnormalisedRows, "unnormalised_rows", "Rows whose sum is not 1"),
    Count(Metric::kMatrices, "matrices", "Matrices: heads times sequences"),
    Count(Metric::kKeys, "keys", "The most keys of any matrix"),
    Logit(Metric::kLogitMean, "logit_mean", "Mean of the unmasked logits"),
    Logit(Metric::kLogitStd, "logit_std", "Standard deviation of the unmasked logits"),
    Logit(Metric::kMaxAbsLogit, "max_abs_logit", "Largest magnitude of an unmasked logit"),
    Logit(Metric::kSaturationRatio, "saturation_ratio", "Share of rows whose largest weight is at least 0.99"),
    Logit(Metric::kLogSumExp, "logsumexp", "Mean log of a row's softmax denominator"),
    Layer(Metric::kResidualRatio, false, "residual_ratio", "residual_ratios",
          "Mean size of a block's update over its input"),
    Layer(Metric::kTokenResidualRatio, false, "token_residual_ratio", "token_residual_ratios",
          "The same ratio, token by token"),
    Layer(Metric::kInfiniteResiduals, true, "infinite_residuals", "infinite_residuals",
          "Sequences whose ratio is infinite or no number"),
    Layer(Metric::kGradientNorm, false, "gradient_norm", "gradient_norms", "L2 norm of the layer's gradients"),
};

constexpr bool InOrder() {
  for (size_t i = 0; i < kNumMetrics; ++i) {
    if (kMetrics[i].metric != static_cast<Metric>(i)) return false;
  }
  return true;
}
static_assert(InOrder(), "the table must list the metrics in the order of the enumeration");

}  // namespace

std::span<const MetricInfo, kNumMetrics> AllMetrics() { return kMetrics; }

}  // namespace attnscope
