// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/window_oracle.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/support/exact_logits.h"

namespace attnscope::test {

ExactRow WindowOracle::AddRow(RowKind kind, const std::vector<long double>& row, std::vector<long double>* weights) {
  if (kind == RowKind::kWeights) {
    *weights = row;
    return ExactRowOf(row);
  }
  const ExactSoftmax softmax = ExactSoftmaxOf(row);
  *weights = softmax.weights;
  ExactRow exact = ExactRowOf(softmax.weights);
  exact.visible = softmax.keys;
  exact.masked = softmax.valid && softmax.keys == 0;
  exact.empty = exact.empty && !exact.masked;
  if (exact.measured()) {
    logits_.rows += 1.0L;
    logits_.count += static_cast<long double>(softmax.keys);
    logits_.sum += softmax.sum;
    logits_.squares += softmax.squares;
    logits_.max_abs = std::max(logits_.max_abs, softmax.max_abs);
    logits_.max = std::max(logits_.max, softmax.max);
    logits_.saturated += softmax.max_weight >= 0.99L ? 1.0L : 0.0L;
    logits_.log_sum_exp += softmax.log_sum_exp;
  }
  return exact;
}

void WindowOracle::Add(RowKind kind, size_t sequence, size_t head, const std::vector<std::vector<long double>>& rows) {
  ExactMatrix& matrix = open_[sequence * heads_ + head];
  std::vector<long double> weights;
  for (const std::vector<long double>& row : rows) {
    matrix.rows.push_back(AddRow(kind, row, &weights));
    if (row.size() > matrix.columns.size()) matrix.columns.resize(row.size());
    if (matrix.rows.back().invalid) continue;
    for (size_t i = 0; i < row.size(); ++i) matrix.columns[i] += weights[i];
  }
}

void WindowOracle::EndSequence(size_t sequence) {
  for (size_t head = 0; head < heads_; ++head) {
    ExactMatrix& matrix = open_[sequence * heads_ + head];
    if (!matrix.rows.empty()) ended_.push_back(std::exchange(matrix, {}));
  }
}

MetricValues WindowOracle::Take() {
  for (size_t sequence = 0; sequence < open_.size() / heads_; ++sequence) EndSequence(sequence);
  MetricValues values = ExactMetrics(ended_, kTolerance);
  ended_.clear();
  const Logits logits = std::exchange(logits_, {});
  if (logits.rows == 0.0L) return values;
  const long double mean = logits.sum / logits.count;
  values[Metric::kLogitMean] = static_cast<double>(mean);
  values[Metric::kLogitStd] =
      static_cast<double>(std::sqrt(std::max(0.0L, logits.squares / logits.count - mean * mean)));
  values[Metric::kMaxAbsLogit] = static_cast<double>(logits.max_abs);
  values[Metric::kMaxLogit] = static_cast<double>(logits.max);
  values[Metric::kSaturationRatio] = static_cast<double>(logits.saturated / logits.rows);
  values[Metric::kLogSumExp] = static_cast<double>(logits.log_sum_exp / logits.rows);
  return values;
}

}  // namespace attnscope::test
