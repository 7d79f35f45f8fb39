// SPDX-License-Identifier: Apache-2.0
#include "full_matrices.h"

#include <algorithm>
#include <cmath>

void FullMatrices::AddQuery(const float* query, const float* keys, size_t num_keys, size_t head_dim) {
  std::vector<double> row(num_keys);
  for (size_t j = 0; j < num_keys; ++j) {
    for (size_t d = 0; d < head_dim; ++d) {
      row[j] += static_cast<double>(query[d]) * static_cast<double>(keys[j * head_dim + d]);
    }
    row[j] /= std::sqrt(static_cast<double>(head_dim));
  }
  const double max = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (double& weight : row) sum += weight = std::exp(weight - max);
  for (double& weight : row) weight /= sum;
  rows_.push_back(row);
  num_keys_ = num_keys;
}

std::vector<size_t> FullMatrices::Choose(size_t heavy, size_t first, size_t recent) const {
  std::vector<double> sums(num_keys_);
  for (const std::vector<double>& row : rows_) {
    for (size_t j = 0; j < row.size(); ++j) sums[j] += row[j];
  }
  std::vector<size_t> chosen, others;
  for (size_t j = 0; j < num_keys_; ++j) (j < first || j + recent >= num_keys_ ? chosen : others).push_back(j);
  std::stable_sort(others.begin(), others.end(), [&](size_t a, size_t b) { return sums[a] > sums[b]; });
  others.resize(std::min(others.size(), heavy));
  chosen.insert(chosen.end(), others.begin(), others.end());
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void FullMatrices::Keep(const std::vector<size_t>& keys) {
  for (std::vector<double>& row : rows_) {
    std::vector<double> kept(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) kept[i] = keys[i] < row.size() ? row[keys[i]] : 0.0;
    row = kept;
  }
  num_keys_ = keys.size();
}

size_t FullMatrices::Bytes() const {
  size_t weights = 0;
  for (const std::vector<double>& row : rows_) weights += row.size();
  return weights * sizeof(double);
}
