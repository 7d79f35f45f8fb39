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

long double BiasOf(const BiasView& bias, size_t sequence, size_t head, size_t row, size_t key) {
  if (bias.data == nullptr) return 0.0L;
  return ElementAt(bias.data, bias.type,
                   Offset(sequence, bias.batch_stride) + Offset(head, bias.head_stride) +
                       Offset(row, bias.query_stride) + static_cast<int64_t>(key));
}

// -infinity where the row does not see the key, or a bias hides it.
template <class LogitOf>
std::vector<std::vector<long double>> RowsOf(const MatrixSizes& sizes, const SoftmaxParams& params, size_t sequence,
                                             size_t head, const LogitOf& logit_of) {
  std::vector<std::vector<long double>> rows(sizes.queries);
  for (size_t row = 0; row < sizes.queries; ++row) {
    for (const size_t key : SeenKeysOf(params.mask, sizes, sequence, head, row).keys) {
      rows[row].resize(key + 1, -kInfinity);
      const long double bias = BiasOf(params.bias, sequence, head, row, key);
      if (params.bias.data != nullptr && MasksKey(params, params.bias.type, bias)) continue;
      const float* factors = params.bias.head_factors;
      rows[row][key] = logit_of(row, key, factors == nullptr ? bias : static_cast<long double>(factors[head]) * bias);
    }
  }
  return rows;
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
  long double max_abs = 0.0L, max = -kInfinity;
  for (const ExactSoftmax& row : rows) {
    if (!row.valid || row.keys == 0) continue;
    measured += 1.0L;
    logits += static_cast<long double>(row.keys);
    sum += row.sum;
    squares += row.squares;
    saturated += row.max_weight >= 0.99L ? 1.0L : 0.0L;
    log_sum_exp += row.log_sum_exp;
    max_abs = std::max(max_abs, row.max_abs);
    max = std::max(max, row.max);
  }
  if (measured == 0.0L) return values;
  const long double mean = sum / logits;
  values[Metric::kLogitMean] = static_cast<double>(mean);
  values[Metric::kLogitStd] = static_cast<double>(std::sqrt(std::max(0.0L, squares / logits - mean * mean)));
  values[Metric::kMaxAbsLogit] = static_cast<double>(max_abs);
  values[Metric::kMaxLogit] = static_cast<double>(max);
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
    case Metric::kMaxLogit:
    case Metric::kLogSumExp:
      return 1e-6L * magnitude + 1e-7L * max_abs + error;
    case Metric::kSaturationRatio:
      return 1e-12L;
    case Metric::kNullMass:
      return 2e-6L + 2.0L * error;
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

ExactSoftmax ExactSoftmaxOf(std::span<const long double> logits, long double sink) {
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
  row.max = max;
  const long double shift = std::max(max, sink);
  long double z = std::exp(sink - shift), keys_z = 0.0L;
  for (const long double logit : logits) {
    z += std::exp(logit - shift);
    keys_z += std::exp(logit - max);
  }
  for (size_t i = 0; i < logits.size(); ++i) {
    const long double weight = std::exp(logits[i] - shift) / z;
    row.weights[i] = weight;
    row.max_weight = std::max(row.max_weight, weight);
    if (weight != 0.0L) row.entropy -= weight * std::log(weight);
  }
  row.log_sum_exp = max + std::log(keys_z);
  return row;
}

bool MasksKey(const SoftmaxParams& params, ElementType type, long double value) {
  const auto below = static_cast<long double>(params.masked_below);
  if (value <= below) return true;  // also -infinity, which is at or below anything
  return below > -kInfinity && type == ElementType::kFloat16 && value == -65504.0L;
}

long double ExactLogit(const SoftmaxParams& params, long double default_scale, long double x, long double bias) {
  const long double scale = params.scale == 0.0 ? default_scale : static_cast<long double>(params.scale);
  const auto cap = static_cast<long double>(params.soft_cap);
  const long double scaled = scale * x;
  return (cap == 0.0L || std::isinf(scaled) ? scaled : cap * std::tanh(scaled / cap)) + bias;
}

std::vector<std::vector<long double>> ExactLogitsOf(const AttentionView& view, const SoftmaxParams& params,
                                                    size_t sequence, size_t head) {
  const int64_t first = Offset(sequence, view.batch_stride) + Offset(head, view.head_stride);
  return RowsOf({view.queries, view.keys}, params, sequence, head, [&](size_t row, size_t key, long double bias) {
    const long double x =
        ElementAt(view.data, view.type, first + Offset(row, view.query_stride) + static_cast<int64_t>(key));
    return MasksKey(params, view.type, x) ? -kInfinity : ExactLogit(params, 1.0L, x, bias);
  });
}

std::vector<std::vector<long double>> ExactLogitsOf(const QueryKeyView& view, const SoftmaxParams& params,
                                                    size_t sequence, size_t head, long double* error) {
  const long double default_scale = 1.0L / std::sqrt(static_cast<long double>(view.head_dim));
  const long double scale = params.scale == 0.0 ? default_scale : static_cast<long double>(params.scale);
  const size_t kv_head = head / (view.heads / view.kv_heads);
  const int64_t first = Offset(sequence, view.query_batch_stride) + Offset(head, view.query_head_stride);
  return RowsOf({view.queries, view.keys}, params, sequence, head, [&](size_t row, size_t key, long double bias) {
    long double product = 0.0L, magnitude = 0.0L;
    for (size_t dim = 0; dim < view.head_dim; ++dim) {
      const long double term = ElementAt(view.query_data, view.query_type,
                                         first + Offset(row, view.query_stride) + Offset(dim, view.query_dim_stride)) *
                               KeyElement(view, sequence, kv_head, key, dim);
      product += term;
      magnitude += std::abs(term);
    }
    *error = std::max(*error, 1e-7L * static_cast<long double>(view.head_dim) * magnitude * scale);
    return ExactLogit(params, default_scale, product, bias);
  });
}

std::vector<ExactWeights> ExactWeightsOf(const MatrixSizes& sizes, const SoftmaxParams& params, size_t sequence,
                                         size_t head, const std::vector<std::vector<long double>>& logits,
                                         std::vector<ExactSoftmax>* rows) {
  std::vector<ExactWeights> all;
  const long double sink = params.sinks == nullptr ? -kInfinity : static_cast<long double>(params.sinks[head]);
  for (size_t row = 0; row < logits.size(); ++row) {
    const ExactSoftmax softmax = ExactSoftmaxOf(logits[row], sink);
    ExactWeights weights;
    weights.end = SeenKeysOf(params.mask, sizes, sequence, head, row).end;
    weights.null_mass = params.sinks != nullptr;
    for (size_t key = 0; key < logits[row].size(); ++key) {
      if (logits[row][key] == -kInfinity) continue;
      weights.weights.push_back(softmax.weights[key]);
      weights.columns.push_back(static_cast<size_t>(ColumnOf(params.mask, sequence, key)));
    }
    all.push_back(weights);
    if (rows != nullptr) rows->push_back(softmax);
  }
  return all;
}

void ExactLogitLayer::Add(const AttentionView& view, const SoftmaxParams& params) {
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = 0; head < view.heads; ++head) {
      Head& to = heads_[view.first_head + head];
      to.matrices.push_back(ExactMatrixOf(ExactWeightsOf({view.queries, view.keys}, params, sequence, head,
                                                         ExactLogitsOf(view, params, sequence, head), &to.rows),
                                          FirstColumnOf(params.mask, sequence)));
    }
  }
}

void ExactLogitLayer::Add(const QueryKeyView& view, const SoftmaxParams& params) {
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = 0; head < view.heads; ++head) {
      Head& to = heads_[view.first_head + head];
      to.matrices.push_back(
          ExactMatrixOf(ExactWeightsOf({view.queries, view.keys}, params, sequence, head,
                                       ExactLogitsOf(view, params, sequence, head, &error_), &to.rows),
                        FirstColumnOf(params.mask, sequence)));
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
