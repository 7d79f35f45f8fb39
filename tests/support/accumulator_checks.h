// SPDX-License-Identifier: Apache-2.0
//
// What the tests of LayerAccumulator share: an accumulator in one line, all its results and all its state as numbers,
// and the same layer measured by the oracle.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ACCUMULATOR_CHECKS_H_
#define ATTNSCOPE_TESTS_SUPPORT_ACCUMULATOR_CHECKS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/metrics.h"
#include "tests/support/oracle.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::test {

// An accumulator that must come to be.
LayerAccumulator CreateLayer(const LayerConfig& config);

// Every number of the result: the layer's, then each head's.
std::vector<double> NumbersOf(const LayerStats& stats);
// The whole state: sums, then maxima.
std::vector<double> StateOf(const LayerAccumulator& layer);

// A contiguous float32 view.
AttentionView ViewOf(const std::vector<float>& values, size_t batch, size_t heads, size_t queries, size_t keys);
// Rows [first, first + count) of a view; VisibilityOfRows of tests/support/visibility_oracle.h is what they see.
AttentionView RowsOfView(const AttentionView& view, size_t first, size_t count);

// The rows of matrix [sequence, head] of a view of weights.
std::vector<ExactWeights> ExactWeightsOf(const AttentionView& view, const Visibility& visibility, size_t sequence,
                                         size_t head);

// The mean over batch and heads: a row of it sees the keys that some row of them sees.
ExactMatrix ExactMeanOf(const AttentionView& view, const Visibility& visibility);

// A layer in long double, from whole sequences.
class ExactLayer {
 public:
  explicit ExactLayer(size_t heads) : matrices_(heads) {}

  void Add(const AttentionView& view, const Visibility& visibility = {});
  // Compares every attention metric of the layer and of its heads within the numerical contract; those that the oracle
  // did not measure must be NaN.
  void ExpectEqual(const LayerStats& stats, const std::string& what) const;

 private:
  std::vector<std::vector<ExactMatrix>> matrices_;  // [head]
  double tolerance_ = 1e-3;
};

// Compares the attention metrics of one head or layer.
void ExpectMetrics(const MetricValues& actual, const MetricValues& exact, const std::string& what);

// Compares those of a mean matrix.
void ExpectMean(const LayerStats& stats, const ExactMatrix& exact, double tolerance, const std::string& what);

// The ranges that metrics of normalised rows never leave.
void ExpectRanges(const MetricValues& values, const std::string& what);

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_ACCUMULATOR_CHECKS_H_
