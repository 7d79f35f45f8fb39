// SPDX-License-Identifier: Apache-2.0
//
// What attention measures, in long double and as plainly as metrics are defined: std::log, a full sort, one loop for
// each metric, nothing shared with the kernels. Included by the tests of kernels and of the accumulator.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ORACLE_H_
#define ATTNSCOPE_TESTS_SUPPORT_ORACLE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "attnscope/metrics.h"

namespace attnscope::test {

// One row of the keys that it sees.
struct ExactRow {
  bool masked = false;   // it sees none
  bool invalid = false;  // then the numbers below mean nothing
  bool empty = false;
  bool null_mass = false;  // its sum is meant to be below 1
  size_t visible = 0;
  long double sum = 0.0L;
  long double max = 0.0L;
  long double top5 = 0.0L;
  long double top10 = 0.0L;
  long double top50 = 0.0L;
  long double entropy = 0.0L;
  long double entropy_scale = 0.0L;  // sum |p log p|

  bool measured() const { return !masked && !invalid && !empty; }
  long double effective_rank() const;
  long double normalized_entropy() const;  // for rows that see at least two keys
  // What the numerical contract allows: 2e-6 * max(1, log n) for distributions, and as much relative to the sum, or to
  // the entropy's own terms, for rows that are none.
  long double entropy_bound() const;
  long double effective_rank_bound() const;
};

ExactRow ExactRowOf(std::span<const long double> weights);

// One matrix.
struct ExactMatrix {
  std::vector<ExactRow> rows;
  std::vector<long double> columns;  // of the rows that are not invalid; up to where the last of them ends
  size_t first_column = 0;           // that of the sequence's first token

  size_t measured() const;
};

// From [rows][visible keys of the row]: each row sees its first keys.
ExactMatrix ExactMatrixOf(const std::vector<std::vector<long double>>& rows);

// What a row that sees any keys gives them: weights[i] to column columns[i].
struct ExactWeights {
  std::vector<long double> weights = {};
  std::vector<size_t> columns = {};
  size_t end = 0;          // of the matrix, as far as this row knows
  bool null_mass = false;  // the sum is meant to be below 1
};

ExactMatrix ExactMatrixOf(const std::vector<ExactWeights>& rows, size_t first_column = 0);

// The mean of some matrices [rows], one matrix: a row of it sees the columns that some row of them sees.
ExactMatrix ExactMeanOf(const std::vector<std::vector<ExactWeights>>& matrices);

// The metrics of some matrices: one head's, or, without sink_rate, one layer's.
MetricValues ExactMetrics(std::span<const ExactMatrix> matrices, double tolerance);

// What the numerical contract allows for a metric of the matrices that ExactMetrics gave; 0 for counts.
double BoundOf(Metric metric, double exact, double most_keys);

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_ORACLE_H_
