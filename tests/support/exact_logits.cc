// SPDX-License-Identifier: Apache-2.0
#include "tests/support/exact_logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/support/compare.h"
#include "tests/support/elements.h"

namespace attnscope::test {
namespace {

constexpr long double kInfinity = std::numeric_limits<long double>::infinity();

long double ElementAt(const void* data, ElementType type, int64_t offset) {
  return LoadElement(type, static_cast<const uint8_t*>(data) + offset * static_cast<int64_t>(ElementBytes(type)), 0);
}

int64_t Offset(size_t index, int64_t stride) { return static_cast<int64_t>(index) * stride; }

size_t VisibleOf(const Mask& mask, size_t keys, size_t sequence, size_t row) {
  int64_t visible = static_cast<int64_t>(keys);
  if (mask.key_lengths != nullptr) visible = std::min(visible, mask.key_lengths[sequence]);
  if (mask.causal) visible = std::clamp<int64_t>(static_cast<int64_t>(row) + 1 + mask.causal_offset, 0, visible);
  return static_cast<size_t>(visible);
}

long double BiasOf(const BiasView& bias, size_t sequence, size_t head, size_t row, size_t key) {
  if (bias.data == nullptr) return 0.0L;
  return ElementAt(bias.data, bias.type,
                   Offset(sequence, bias.batch_stride) + Offset(head, bias.head_stride) +
                       Offset(row, bias.query_stride) + static_cast<int64_t>(key));
}

long double KeyElement(const QueryKeyView& view, size_t sequence, size_t kv_head, size_t key, size_t dim) {
  const void* data = view.key_data;
  int64_t offset = Offset(kv_head, view.key_head_stride) + Offset(dim, view.key_dim_stride);
  if (view.pages == nullptr) {
    offset += Offset(sequence, view.key_batch_stride);
  } else {
    const KeyPage* page = view.pages;
    while (key >= page->keys) key -= (page++)->keys;
    data = page->data;
  }
  return ElementAt(data, view.key_type, offset + Offset(key, view.key_stride));
}

// The logit metrics of some rows.
MetricValues ExactLogitMetrics(const std::vector<ExactSoftmax>& rows) {
  MetricValues values;
  long double measured = 0.0L, logits = 0.0L, sum = 0.0L, squares = 0.0L, saturated = 0.0L, log_sum_exp = 0.0L;
  long double max_abs = 0.0L;
  for (const ExactSoftmax& row : rows) {
    if (!row.valid || row.keys == 0) continue;
    measured += 1.0L;
    logits += static_cast<long double>(row.keys);
    sum += row.sum;
    squares += row.squares;
    saturated += row.max_weight >= 0.99L ? 1.0L : 0.0L;
    log_sum_exp += row.log_sum_exp;
    max_abs = std::max(max_abs, row.max_abs);
  }
  if (measured == 0.0L) return values;
  const long double mean = sum / logits;
  values[Metric::kLogitMean] = static_cast<double>(mean);
  values[Metric::kLogitStd] = static_cast<double>(std::sqrt(std::max(0.0L, squares / logits - mean * mean)));
  values[Metric::kMaxAbsLogit] = static_cast<double>(max_abs);
  values[Metric::kSaturationRatio] = static_cast<double>(saturated / measured);
  values[Metric::kLogSumExp] = static_cast<double>(log_sum_exp / measured);
  return values;
}

// What the contract allows, and `error` of each logit besides: weights are off by exp(2 error) - 1 at most, and a
// row's entropy by as much of itself.
long double BoundFromLogits(Metric metric, double exact, double keys, long double max_abs, long double error) {
  const auto magnitude = static_cast<long double>(std::abs(exact));
  const long double log_keys = std::log(static_cast<long double>(std::max(keys, 3.0)));
  switch (metric) {
    case Metric::kMaxRowWeight:
      return (2e-6L + 2.0L * error) * magnitude;
    case Metric::kEntropy:
    case Metric::kColEntropy:
    case Metric::kNormalizedEntropy:
      return static_cast<long double>(BoundOf(metric, exact, keys)) + 4.0L * error * log_keys;
    case Metric::kEffectiveRank:
      return static_cast<long double>(BoundOf(metric, exact, keys)) + 4.0L * error * log_keys * magnitude;
    case Metric::kLogitMean:
    case Metric::kLogitStd:
    case Metric::kMaxAbsLogit:
    case Metric::kLogSumExp:
      return 1e-6L * magnitude + 1e-7L * max_abs + error;
    case Metric::kSaturationRatio:
      return 1e-12L;
    default:
      // Masses and column sums; counts and positions are exact.
      return static_cast<long double>(BoundOf(metric, exact, keys)) +
             (BoundOf(metric, 1.0, keys) == 0.0 ? 0.0L : 2.0L * error * magnitude);
  }
}

void ExpectLogitMetrics(const MetricValues& actual, const MetricValues& exact, long double error,
                        const std::string& what) {
  const long double max_abs =
      exact.Has(Metric::kMaxAbsLogit) ? static_cast<long double>(exact[Metric::kMaxAbsLogit]) : 0.0L;
  for (const MetricInfo& info : AllMetrics()) {
    if (info.group == MetricGroup::kLayer) continue;
    const double expected = exact[info.metric];
    if (std::isnan(expected)) {
      EXPECT_FALSE(actual.Has(info.metric)) << info.name << " of " << what << " is " << actual[info.metric];
      continue;
    }
    EXPECT_TRUE(Within(actual[info.metric], expected,
                       BoundFromLogits(info.metric, expected, exact[Metric::kKeys], max_abs, error)))
        << info.name << " of " << what;
  }
}

void AddLogitMetrics(const std::vector<ExactSoftmax>& rows, MetricValues* values) {
  const MetricValues logits = ExactLogitMetrics(rows);
  for (const MetricInfo& info : AllMetrics()) {
    if (info.group == MetricGroup::kLogits) (*values)[info.metric] = logits[info.metric];
  }
}

}  // namespace

ExactSoftmax ExactSoftmaxOf(std::span<const long double> logits) {
  ExactSoftmax row;
  long double max = -kInfinity;
  for (const long double logit : logits) {
    row.valid = row.valid && logit < kInfinity;
    if (logit == -kInfinity) continue;
    ++row.keys;
    max = std::max(max, logit);
    row.sum += logit;
    row.squares += logit * logit;
    row.max_abs = std::max(row.max_abs, std::abs(logit));
  }
  row.weights.assign(logits.size(), 0.0L);
  if (!row.valid) row.weights.assign(logits.size(), std::numeric_limits<long double>::quiet_NaN());
  if (!row.valid || row.keys == 0) return row;
  long double z = 0.0L;
  for (const long double logit : logits) z += std::exp(logit - max);
  for (size_t i = 0; i < logits.size(); ++i) {
    const long double weight = std::exp(logits[i] - max) / z;
    row.weights[i] = weight;
    row.max_weight = std::max(row.max_weight, weight);
    if (weight != 0.0L) row.entropy -= weight * std::log(weight);
  }
  row.log_sum_exp = max + std::log(z);
  return row;
}

long double ExactLogit(const SoftmaxParams& params, long double default_scale, long double x, long double bias) {
  const long double scale = params.scale == 0.0 ? default_scale : static_cast<long double>(params.scale);
  const auto cap = static_cast<long double>(params.soft_cap);
  const long double scaled = scale * x;
  return (cap == 0.0L || std::isinf(scaled) ? scaled : cap * std::tanh(scaled / cap)) + bias;
}

std::vector<std::vector<long double>> ExactLogitsOf(const AttentionView& view, const SoftmaxParams& params,
                                                    size_t sequence, size_t head) {
  std::vector<std::vector<long double>> rows(view.queries);
  for (size_t row = 0; row < view.queries; ++row) {
    const int64_t offset =
        Offset(sequence, view.batch_stride) + Offset(head, view.head_stride) + Offset(row, view.query_stride);
    for (size_t key = 0; key < VisibleOf(params.mask, view.keys, sequence, row); ++key) {
      rows[row].push_back(ExactLogit(params, 1.0L, ElementAt(view.data, view.type, offset + static_cast<int64_t>(key)),
                                     BiasOf(params.bias, sequence, head, row, key)));
    }
  }
  return rows;
}

std::vector<std::vector<long double>> ExactLogitsOf(const QueryKeyView& view, const SoftmaxParams& params,
                                                    size_t sequence, size_t head, long double* error) {
  const long double default_scale = 1.0L / std::sqrt(static_cast<long double>(view.head_dim));
  const long double scale = params.scale == 0.0 ? default_scale : static_cast<long double>(params.scale);
  const size_t kv_head = head / (view.heads / view.kv_heads);
  std::vector<std::vector<long double>> rows(view.queries);
  for (size_t row = 0; row < view.queries; ++row) {
    const int64_t offset = Offset(sequence, view.query_batch_stride) + Offset(head, view.query_head_stride) +
                           Offset(row, view.query_stride);
    for (size_t key = 0; key < VisibleOf(params.mask, view.keys, sequence, row); ++key) {
      long double product = 0.0L, magnitude = 0.0L;
      for (size_t dim = 0; dim < view.head_dim; ++dim) {
        const long double term =
            ElementAt(view.query_data, view.query_type, offset + Offset(dim, view.query_dim_stride)) *
            KeyElement(view, sequence, kv_head, key, dim);
        product += term;
        magnitude += std::abs(term);
      }
      rows[row].push_back(ExactLogit(params, default_scale, product, BiasOf(params.bias, sequence, head, row, key)));
      *error = std::max(*error, 1e-7L * static_cast<long double>(view.head_dim) * magnitude * scale);
    }
  }
  return rows;
}

void ExactLogitLayer::AddMatrix(size_t head, const std::vector<std::vector<long double>>& logits) {
  std::vector<std::vector<long double>> weights;
  std::vector<size_t> keys;
  for (const std::vector<long double>& row : logits) {
    heads_[head].rows.push_back(ExactSoftmaxOf(row));
    weights.push_back(heads_[head].rows.back().weights);
    keys.push_back(heads_[head].rows.back().keys);
  }
  ExactMatrix matrix = ExactMatrixOf(weights);
  for (size_t i = 0; i < keys.size(); ++i) matrix.rows[i].visible = keys[i];
  heads_[head].matrices.push_back(matrix);
}

void ExactLogitLayer::Add(const AttentionView& view, const SoftmaxParams& params) {
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = 0; head < view.heads; ++head) {
      AddMatrix(view.first_head + head, ExactLogitsOf(view, params, sequence, head));
    }
  }
}

void ExactLogitLayer::Add(const QueryKeyView& view, const SoftmaxParams& params) {
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = 0; head < view.heads; ++head) {
      AddMatrix(view.first_head + head, ExactLogitsOf(view, params, sequence, head, &error_));
    }
  }
}

void ExactLogitLayer::ExpectEqual(const LayerStats& stats, const std::string& what) const {
  ASSERT_EQ(stats.heads.size(), heads_.size()) << what;
  std::vector<ExactMatrix> matrices;
  std::vector<ExactSoftmax> rows;
  double sinks = 0.0;
  double measured_heads = 0.0;
  for (size_t i = 0; i < heads_.size(); ++i) {
    const Head& head = heads_[i];
    MetricValues exact = ExactMetrics(head.matrices, 1e-3);
    AddLogitMetrics(head.rows, &exact);
    ExpectLogitMetrics(stats.heads[i], exact, error_, what + ", head " + std::to_string(i));
    matrices.insert(matrices.end(), head.matrices.begin(), head.matrices.end());
    rows.insert(rows.end(), head.rows.begin(), head.rows.end());
    if (!exact.Has(Metric::kFirstTokenMass)) continue;
    measured_heads += 1.0;
    sinks += exact[Metric::kFirstTokenMass] > 0.3 ? 1.0 : 0.0;
  }
  MetricValues exact = ExactMetrics(matrices, 1e-3);
  AddLogitMetrics(rows, &exact);
  exact[Metric::kSinkRate] = sinks / measured_heads;
  ExpectLogitMetrics(stats.layer, exact, error_, what + ", layer");
}

}  // namespace attnscope::test
