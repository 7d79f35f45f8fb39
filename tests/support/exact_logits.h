// SPDX-License-Identifier: Apache-2.0
//
// What logits, and queries and keys, measure as, in long double and as plainly as the metrics are defined. Included by
// the tests of kernels and of the accumulator.
#ifndef ATTNSCOPE_TESTS_SUPPORT_EXACT_LOGITS_H_
#define ATTNSCOPE_TESTS_SUPPORT_EXACT_LOGITS_H_

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/metrics.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "tests/support/oracle.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::test {

// The softmax of one row of logits s_j, of which -infinity are keys that it does not see, and of a learned sink. A row
// with NaN or +infinity is invalid; one of -infinities is masked.
struct ExactSoftmax {
  bool valid = true;
  size_t keys = 0;  // not -infinity
  std::vector<long double> weights;
  long double entropy = 0.0L;
  long double log_sum_exp = 0.0L;
  long double max_weight = 0.0L;
  long double sum = 0.0L;
  long double squares = 0.0L;
  long double max_abs = 0.0L;
  long double max = 0.0L;
};

ExactSoftmax ExactSoftmaxOf(std::span<const long double> logits,
                            long double sink = -std::numeric_limits<long double>::infinity());

// Whether a logit, or an element of a bias, hides its key.
bool MasksKey(const SoftmaxParams& params, ElementType type, long double value);

// s_j of x_j.
long double ExactLogit(const SoftmaxParams& params, long double default_scale, long double x, long double bias);

// Rows [queries] of matrix [sequence, head] of a view: the s_ij of the keys up to the last one that a row sees,
// -infinity for those that it does not see.
std::vector<std::vector<long double>> ExactLogitsOf(const AttentionView& view, const SoftmaxParams& params,
                                                    size_t sequence, size_t head);
// The same from queries and keys. `*error` becomes the largest that float32 products may add to a logit: head_dim *
// 1e-7 of the sum of their terms' magnitudes, scaled.
std::vector<std::vector<long double>> ExactLogitsOf(const QueryKeyView& view, const SoftmaxParams& params,
                                                    size_t sequence, size_t head, long double* error);

// The softmax of such rows, as weights, and what the logits themselves measure.
std::vector<ExactWeights> ExactWeightsOf(const MatrixSizes& sizes, const SoftmaxParams& params, size_t sequence,
                                         size_t head, const std::vector<std::vector<long double>>& logits,
                                         std::vector<ExactSoftmax>* rows);

// A layer in long double, from whole sequences.
class ExactLogitLayer {
 public:
  explicit ExactLogitLayer(size_t heads) : heads_(heads) {}

  void Add(const AttentionView& view, const SoftmaxParams& params = {});
  void Add(const QueryKeyView& view, const SoftmaxParams& params = {});
  // Compares every attention and logit metric of the layer and of its heads within the numerical contract.
  void ExpectEqual(const LayerStats& stats, const std::string& what) const;

 private:
  struct Head {
    std::vector<ExactMatrix> matrices;
    std::vector<ExactSoftmax> rows;
  };

  std::vector<Head> heads_;
  long double error_ = 0.0L;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_EXACT_LOGITS_H_
