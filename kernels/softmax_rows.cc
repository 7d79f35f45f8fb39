// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/slow_row.h"

namespace attnscope {
namespace {

double LogitOf(const SoftmaxRow& row, const LogitScale& scale, size_t key) {
  double logit = ElementAsDouble(row.logits, row.type, key) * scale.scale;
  if (scale.soft_cap != 0.0) logit = scale.soft_cap * std::tanh(logit / scale.soft_cap);
  return row.bias == nullptr ? logit : logit + ElementAsDouble(row.bias, row.bias_type, key);
}

SoftmaxMeasures MeasureRow(const SoftmaxRow& row, const LogitScale& scale) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  SoftmaxMeasures measures;
  double max = -kInfinity;
  for (size_t i = 0; i < row.keys; ++i) {
    const double logit = LogitOf(row, scale, i);
    if (std::isnan(logit) || logit == kInfinity) return {.valid = false};
    if (logit == -kInfinity) continue;
    ++measures.keys;
    max = std::max(max, logit);
    measures.sum += logit;
    measures.squares += logit * logit;
    measures.max_abs = std::max(measures.max_abs, std::abs(logit));
  }
  if (measures.keys == 0) return measures;
  double z = 0.0;
  double shifted = 0.0;
  for (size_t i = 0; i < row.keys; ++i) {
    const double d = LogitOf(row, scale, i) - max;
    if (d == -kInfinity) continue;
    z += std::exp(d);
    shifted += d * std::exp(d);
  }
  measures.entropy_nats = std::log(z) - shifted / z;
  measures.log_sum_exp = max + std::log(z);
  measures.max_weight = 1.0 / z;
  return measures;
}

}  // namespace

void SoftmaxRows(const SoftmaxRow* rows, size_t num_rows, const LogitScale& scale, float* /*low*/,
                 SoftmaxMeasures* measures) {
  for (size_t i = 0; i < num_rows; ++i) {
    const SoftmaxRow& row = rows[i];
    measures[i] = MeasureRow(row, scale);
    const bool measured = measures[i].valid && measures[i].keys != 0;
    for (size_t j = 0; j < row.keys; ++j) {
      row.weights[j] = measured ? static_cast<float>(std::exp(LogitOf(row, scale, j) - measures[i].log_sum_exp)) : 0.0f;
    }
    if (!measures[i].valid) row.weights[0] = std::nanf("");
  }
}

}  // namespace attnscope
