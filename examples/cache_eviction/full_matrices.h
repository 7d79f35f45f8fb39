// SPDX-License-Identifier: Apache-2.0
//
// Cache eviction by full attention matrices, as research code does it: every row of weights is kept, and added up each
// time keys are to be chosen. It is here to be compared with KeyScores.
#ifndef ATTNSCOPE_EXAMPLES_CACHE_EVICTION_FULL_MATRICES_H_
#define ATTNSCOPE_EXAMPLES_CACHE_EVICTION_FULL_MATRICES_H_

#include <cstddef>
#include <vector>

// The weights of one head of keys, of all its query heads.
class FullMatrices {
 public:
  // Adds the softmax of a query [head_dim] with the cached keys [keys, head_dim].
  void AddQuery(const float* query, const float* keys, size_t num_keys, size_t head_dim);
  // The `heavy` keys with the largest sums, the `first` and the `recent` ones, ascending.
  std::vector<size_t> Choose(size_t heavy, size_t first, size_t recent) const;
  // Only these keys are left, in every row.
  void Keep(const std::vector<size_t>& keys);
  // What the weights of all rows take.
  size_t Bytes() const;

 private:
  std::vector<std::vector<double>> rows_;
  size_t num_keys_ = 0;
};

#endif  // ATTNSCOPE_EXAMPLES_CACHE_EVICTION_FULL_MATRICES_H_
