// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

namespace attnscope::test {
namespace {

long double SumOfFirst(std::span<const long double> values, size_t count) {
  long double sum = 0.0L;
  for (size_t i = 0; i < std::min(count, values.size()); ++i) sum += values[i];
  return sum;
}

long double LogOfKeys(size_t keys) { return std::log(static_cast<long double>(std::max<size_t>(keys, 1))); }

}  // namespace

long double ExactRow::effective_rank() const { return std::exp(entropy); }

long double ExactRow::normalized_entropy() const { return entropy / LogOfKeys(visible); }

long double ExactRow::entropy_bound() const {
  return 2e-6L * std::max(std::max(1.0L, LogOfKeys(visible)) * std::max(1.0L, sum), entropy_scale);
}

long double ExactRow::effective_rank_bound() const { return std::exp(entropy + entropy_bound()) - effective_rank(); }

ExactRow ExactRowOf(std::span<const long double> weights) {
  ExactRow row;
  row.visible = weights.size();
  row.masked = weights.empty();
  for (const long double weight : weights) {
    if (!std::isfinite(weight) || weight < 0.0L) row.invalid = true;
  }
  if (row.invalid) return row;
  std::vector<long double> descending(weights.begin(), weights.end());
  std::sort(descending.begin(), descending.end(), std::greater<>());
  row.max = descending.empty() ? 0.0L : descending[0];
  row.empty = !row.masked && row.max == 0.0L;
  row.sum = SumOfFirst(descending, descending.size());
  row.top5 = SumOfFirst(descending, 5);
  row.top10 = SumOfFirst(descending, 10);
  row.top50 = SumOfFirst(descending, 50);
  for (const long double weight : weights) {
    if (weight == 0.0L) continue;
    const long double term = -weight * std::log(weight);
    row.entropy += term;
    row.entropy_scale += std::abs(term);
  }
  return row;
}

size_t ExactMatrix::measured() const {
  return static_cast<size_t>(
      std::count_if(rows.begin(), rows.end(), [](const ExactRow& row) { return row.measured(); }));
}

ExactMatrix ExactMatrixOf(const std::vector<std::vector<long double>>& rows) {
  std::vector<ExactWeights> all;
  for (const std::vector<long double>& weights : rows) {
    all.push_back({.weights = weights, .columns = std::vector<size_t>(weights.size()), .end = weights.size()});
    std::iota(all.back().columns.begin(), all.back().columns.end(), size_t{0});
  }
  return ExactMatrixOf(all);
}

ExactMatrix ExactMeanOf(const std::vector<std::vector<ExactWeights>>& matrices) {
  std::vector<ExactWeights> mean(matrices.empty() ? 0 : matrices[0].size());
  for (size_t row = 0; row < mean.size(); ++row) {
    std::map<size_t, long double> weights;
    for (const std::vector<ExactWeights>& matrix : matrices) {
      const ExactWeights& from = matrix[row];
      mean[row].end = std::max(mean[row].end, from.end);
      mean[row].null_mass = mean[row].null_mass || from.null_mass;
      for (size_t i = 0; i < from.weights.size(); ++i) {
        weights[from.columns[i]] += from.weights[i] / static_cast<long double>(matrices.size());
      }
    }
    for (const auto& [column, weight] : weights) {
      mean[row].columns.push_back(column);
      mean[row].weights.push_back(weight);
    }
  }
  return ExactMatrixOf(mean);
}

ExactMatrix ExactMatrixOf(const std::vector<ExactWeights>& rows, size_t first_column) {
  ExactMatrix matrix;
  matrix.first_column = first_column;
  for (const ExactWeights& row : rows) {
    matrix.rows.push_back(ExactRowOf(row.weights));
    matrix.rows.back().null_mass = row.null_mass;
    if (row.end > matrix.columns.size()) matrix.columns.resize(row.end);
    if (matrix.rows.back().invalid) continue;
    for (size_t i = 0; i < row.weights.size(); ++i) matrix.columns[row.columns[i]] += row.weights[i];
  }
  return matrix;
}

namespace {

class ExactMean {
 public:
  void Add(long double value) {
    sum_ += value;
    count_ += 1.0L;
  }
  double value() const { return static_cast<double>(sum_ / count_); }  // 0 / 0: NaN, "not measured"

 private:
  long double sum_ = 0.0L;
  long double count_ = 0.0L;
};

// Where sums are meant to be below 1, only those above it are none of a distribution.
bool IsUnnormalized(const ExactRow& row, double tolerance) {
  const long double above = row.sum - 1.0L;
  return (row.null_mass ? above : std::abs(above)) > static_cast<long double>(tolerance);
}

void RowMetrics(std::span<const ExactMatrix> matrices, double tolerance, MetricValues* values) {
  ExactMean entropy, effective_rank, top5, top10, top50, max, normalized, null_mass;
  double rows = 0.0, masked = 0.0, invalid = 0.0, empty = 0.0, unnormalised = 0.0;
  for (const ExactMatrix& matrix : matrices) {
    for (const ExactRow& row : matrix.rows) {
      rows += 1.0;
      masked += row.masked ? 1.0 : 0.0;
      invalid += row.invalid ? 1.0 : 0.0;
      empty += !row.invalid && row.empty ? 1.0 : 0.0;
      if (!row.measured()) continue;
      unnormalised += IsUnnormalized(row, tolerance) ? 1.0 : 0.0;
      if (row.null_mass) null_mass.Add(1.0L - row.sum);
      entropy.Add(row.entropy);
      effective_rank.Add(row.effective_rank());
      top5.Add(row.top5);
      top10.Add(row.top10);
      top50.Add(row.top50);
      max.Add(row.max);
      if (row.visible > 1) normalized.Add(row.normalized_entropy());
    }
  }
  if (rows == 0.0) return;
  (*values)[Metric::kEntropy] = entropy.value();
  (*values)[Metric::kEffectiveRank] = effective_rank.value();
  (*values)[Metric::kTop5] = top5.value();
  (*values)[Metric::kTop10] = top10.value();
  (*values)[Metric::kTop50] = top50.value();
  (*values)[Metric::kMaxRowWeight] = max.value();
  (*values)[Metric::kNormalizedEntropy] = normalized.value();
  (*values)[Metric::kRows] = rows;
  (*values)[Metric::kInvalidRows] = invalid;
  (*values)[Metric::kEmptyRows] = empty;
  (*values)[Metric::kUnnormalizedRows] = unnormalised;
  (*values)[Metric::kMaskedRows] = masked;
  (*values)[Metric::kNullMass] = null_mass.value();
}

long double ColumnEntropy(std::span<const long double> columns) {
  const long double sum = SumOfFirst(columns, columns.size());
  long double entropy = 0.0L;
  for (const long double column : columns) {
    if (column != 0.0L) entropy -= column / sum * std::log(column / sum);
  }
  return entropy;
}

}  // namespace

MetricValues ExactMetrics(std::span<const ExactMatrix> matrices, double tolerance) {
  MetricValues values;
  RowMetrics(matrices, tolerance, &values);
  if (!values.Has(Metric::kRows)) return values;
  ExactMean col_entropy, max_col_sum, sink_mass, first_token_mass;
  double measured_matrices = 0.0, keys = 0.0, strongest = -1.0;
  for (const ExactMatrix& matrix : matrices) {
    keys = std::max(keys, static_cast<double>(matrix.columns.size()));
    if (matrix.measured() == 0) continue;
    measured_matrices += 1.0;
    const auto largest = std::max_element(matrix.columns.begin(), matrix.columns.end());
    const long double mass = *largest / static_cast<long double>(matrix.measured());
    col_entropy.Add(ColumnEntropy(matrix.columns));
    max_col_sum.Add(*largest);
    sink_mass.Add(mass);
    const long double first = matrix.first_column < matrix.columns.size() ? matrix.columns[matrix.first_column] : 0.0L;
    first_token_mass.Add(first / static_cast<long double>(matrix.measured()));
    const auto position = static_cast<double>(largest - matrix.columns.begin());
    const auto strength = static_cast<double>(mass);
    if (strength > strongest || (strength == strongest && position < values[Metric::kSinkPosition])) {
      strongest = strength;
      values[Metric::kSinkPosition] = position;
    }
  }
  values[Metric::kMatrices] = measured_matrices;
  values[Metric::kKeys] = keys;
  values[Metric::kColEntropy] = col_entropy.value();
  values[Metric::kMaxColSum] = max_col_sum.value();
  values[Metric::kSinkMass] = sink_mass.value();
  values[Metric::kFirstTokenMass] = first_token_mass.value();
  return values;
}

double BoundOf(Metric metric, double exact, double most_keys) {
  const double log_keys = std::max(1.0, std::log(std::max(most_keys, 1.0)));
  switch (metric) {
    case Metric::kEntropy:
    case Metric::kColEntropy:
      return 2e-6 * log_keys;
    case Metric::kEffectiveRank:
      return exact * std::expm1(2e-6 * log_keys);
    case Metric::kNormalizedEntropy:
      return 2e-6 / std::log(2.0);  // the worst row sees two keys
    case Metric::kMaxRowWeight:
      return 1e-12 * exact;  // each row's is exact
    case Metric::kTop5:
    case Metric::kTop10:
    case Metric::kTop50:
      return 2e-6 * exact;
    case Metric::kMaxColSum:
    case Metric::kSinkMass:
    case Metric::kFirstTokenMass:
      return 1e-6 * exact;
    case Metric::kNullMass:
      return 2e-6;  // of a row's sum, which is at most some 1
    default:
      return 0.0;
  }
}

}  // namespace attnscope::test
