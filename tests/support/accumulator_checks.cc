// SPDX-License-Identifier: Apache-2.0
#include "tests/support/accumulator_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tests/support/compare.h"
#include "tests/support/elements.h"

namespace attnscope::test {

LayerAccumulator CreateLayer(const LayerConfig& config) {
  LayerAccumulator layer;
  const Status status = LayerAccumulator::Create(config, &layer);
  EXPECT_TRUE(status.ok()) << status.message();
  return layer;
}

std::vector<double> NumbersOf(const LayerStats& stats) {
  std::vector<double> numbers;
  const auto append = [&numbers](const MetricValues& values) {
    for (const MetricInfo& info : AllMetrics()) numbers.push_back(values[info.metric]);
  };
  append(stats.layer);
  for (const MetricValues& head : stats.heads) append(head);
  return numbers;
}

std::vector<double> StateOf(const LayerAccumulator& layer) {
  std::vector<double> state(layer.sums().begin(), layer.sums().end());
  state.insert(state.end(), layer.maxima().begin(), layer.maxima().end());
  return state;
}

AttentionView ViewOf(const std::vector<float>& values, size_t batch, size_t heads, size_t queries, size_t keys) {
  EXPECT_EQ(values.size(), batch * heads * queries * keys);
  return ContiguousAttention(values.data(), ElementType::kFloat32, batch, heads, queries, keys);
}

AttentionView RowsOfView(const AttentionView& view, size_t first, size_t count) {
  AttentionView rows = view;
  rows.data = static_cast<const uint8_t*>(view.data) +
              static_cast<int64_t>(first) * view.query_stride * static_cast<int64_t>(ElementBytes(view.type));
  rows.queries = count;
  return rows;
}

std::vector<ExactWeights> ExactWeightsOf(const AttentionView& view, const Visibility& visibility, size_t sequence,
                                         size_t head) {
  std::vector<ExactWeights> rows;
  for (size_t row = 0; row < view.queries; ++row) {
    const SeenKeys seen = SeenKeysOf(visibility, {view.queries, view.keys}, sequence, head, row);
    const int64_t offset = static_cast<int64_t>(sequence) * view.batch_stride +
                           static_cast<int64_t>(head) * view.head_stride +
                           static_cast<int64_t>(row) * view.query_stride;
    ExactWeights weights = {.columns = seen.columns, .end = seen.end, .null_mass = view.null_mass};
    for (const size_t key : seen.keys) {
      const int64_t element = (offset + static_cast<int64_t>(key)) * static_cast<int64_t>(ElementBytes(view.type));
      weights.weights.push_back(LoadElement(view.type, static_cast<const uint8_t*>(view.data) + element, 0));
    }
    rows.push_back(weights);
  }
  return rows;
}

ExactMatrix ExactMeanOf(const AttentionView& view, const Visibility& visibility) {
  std::vector<std::vector<ExactWeights>> matrices;
  for (size_t i = 0; i < view.batch * view.heads; ++i) {
    matrices.push_back(ExactWeightsOf(view, visibility, i / view.heads, i % view.heads));
  }
  return ExactMeanOf(matrices);
}

void ExactLayer::Add(const AttentionView& view, const Visibility& visibility) {
  if (view.type != ElementType::kFloat32) tolerance_ = 2e-2;
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = 0; head < view.heads; ++head) {
      matrices_[view.first_head + head].push_back(
          ExactMatrixOf(ExactWeightsOf(view, visibility, sequence, head), FirstColumnOf(visibility, sequence)));
    }
  }
}

void ExactLayer::ExpectEqual(const LayerStats& stats, const std::string& what) const {
  std::vector<ExactMatrix> all;
  double sinks = 0.0;
  double measured_heads = 0.0;
  ASSERT_EQ(stats.heads.size(), matrices_.size()) << what;
  for (size_t head = 0; head < matrices_.size(); ++head) {
    const MetricValues exact = ExactMetrics(matrices_[head], tolerance_);
    ExpectMetrics(stats.heads[head], exact, what + ", head " + std::to_string(head));
    all.insert(all.end(), matrices_[head].begin(), matrices_[head].end());
    if (!exact.Has(Metric::kFirstTokenMass)) continue;
    measured_heads += 1.0;
    sinks += exact[Metric::kFirstTokenMass] > 0.3 ? 1.0 : 0.0;
  }
  MetricValues exact = ExactMetrics(all, tolerance_);
  exact[Metric::kSinkRate] = sinks / measured_heads;
  ExpectMetrics(stats.layer, exact, what + ", layer");
}

void ExpectMetrics(const MetricValues& actual, const MetricValues& exact, const std::string& what) {
  for (const MetricInfo& info : AllMetrics()) {
    if (info.group != MetricGroup::kAttention) continue;
    const double expected = exact[info.metric];
    if (std::isnan(expected)) {
      EXPECT_FALSE(actual.Has(info.metric)) << info.name << " of " << what << " is " << actual[info.metric];
      continue;
    }
    EXPECT_TRUE(Within(actual[info.metric], expected, BoundOf(info.metric, expected, exact[Metric::kKeys])))
        << info.name << " of " << what;
  }
}

void ExpectMean(const LayerStats& stats, const ExactMatrix& exact, double tolerance, const std::string& what) {
  MetricValues expected = ExactMetrics(std::span(&exact, 1), tolerance);
  ASSERT_EQ(stats.heads.size(), 1u);
  // Each element of the mean is a float32 that is off by up to 5e-7, and so is the largest one.
  if (expected.Has(Metric::kMaxRowWeight)) {
    const double max = expected[Metric::kMaxRowWeight];
    EXPECT_TRUE(Within(stats.layer[Metric::kMaxRowWeight], max, 5e-7 * max)) << what;
    expected[Metric::kMaxRowWeight] = stats.heads[0][Metric::kMaxRowWeight];
  }
  ExpectMetrics(stats.heads[0], expected, what);
  if (expected.Has(Metric::kFirstTokenMass)) {
    expected[Metric::kSinkRate] = expected[Metric::kFirstTokenMass] > 0.3 ? 1.0 : 0.0;
  }
  ExpectMetrics(stats.layer, expected, what);
}

void ExpectRanges(const MetricValues& values, const std::string& what) {
  constexpr double kRounding = 1.0 + 1e-6;  // weights are float32, and so rows sum to 1 only within 1e-6
  const double keys = values[Metric::kKeys];
  const double rows = values[Metric::kRows] / values[Metric::kMatrices];
  const auto ordered = [&](double low, double high) { EXPECT_LE(low, high * kRounding) << what; };
  ordered(0.0, values[Metric::kEntropy]);
  ordered(values[Metric::kEntropy], std::log(keys));
  ordered(1.0, values[Metric::kEffectiveRank]);
  ordered(values[Metric::kEffectiveRank], keys);
  ordered(values[Metric::kMaxRowWeight], values[Metric::kTop5]);
  ordered(values[Metric::kTop5], values[Metric::kTop10]);
  ordered(values[Metric::kTop10], values[Metric::kTop50]);
  ordered(values[Metric::kTop50], 1.0);
  ordered(0.0, values[Metric::kColEntropy]);
  ordered(values[Metric::kColEntropy], std::log(keys));
  ordered(rows / keys, values[Metric::kMaxColSum]);
  ordered(values[Metric::kMaxColSum], rows);
  if (keys > 1.0) {
    ordered(0.0, values[Metric::kNormalizedEntropy]);
    EXPECT_LE(values[Metric::kNormalizedEntropy], 1.0) << what;
  }
  ordered(1.0 / keys, values[Metric::kSinkMass]);
  ordered(values[Metric::kFirstTokenMass], values[Metric::kSinkMass]);
  ordered(values[Metric::kSinkMass], 1.0);
  EXPECT_GE(values[Metric::kSinkPosition], 0.0) << what;
  EXPECT_LT(values[Metric::kSinkPosition], keys) << what;
}

}  // namespace attnscope::test
