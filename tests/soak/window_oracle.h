// SPDX-License-Identifier: Apache-2.0
//
// What one layer's window should measure, in long double, from the rows that were fed. Included by soak_monitor.cc.
#ifndef ATTNSCOPE_TESTS_SOAK_WINDOW_ORACLE_H_
#define ATTNSCOPE_TESTS_SOAK_WINDOW_ORACLE_H_

#include <cstdint>
#include <vector>

#include "attnscope/metrics.h"
#include "tests/support/oracle.h"

namespace attnscope::test {

enum class RowKind : uint8_t { kWeights, kLogits };

class WindowOracle {
 public:
  static constexpr double kTolerance = 1e-2;  // of normalised rows

  WindowOracle(size_t sequences, size_t heads) : heads_(heads), open_(sequences * heads) {}

  // Rows [queries][visible keys] of one head of one sequence: its next ones.
  void Add(RowKind kind, size_t sequence, size_t head, const std::vector<std::vector<long double>>& rows);
  void EndSequence(size_t sequence);

  // The metrics of all rows since the last call: those of attention but for sinks' positions and rates, and those of
  // logits. Sequences go on, but the columns of each window are its own.
  MetricValues Take();

 private:
  struct Logits {
    long double rows = 0.0L;
    long double count = 0.0L;
    long double sum = 0.0L;
    long double squares = 0.0L;
    long double max_abs = 0.0L;
    long double max = -HUGE_VALL;
    long double saturated = 0.0L;
    long double log_sum_exp = 0.0L;
  };

  // The weights of a row, and what its logits add to logits_.
  ExactRow AddRow(RowKind kind, const std::vector<long double>& row, std::vector<long double>* weights);

  size_t heads_;
  std::vector<ExactMatrix> open_;  // [sequences, heads]
  std::vector<ExactMatrix> ended_;
  Logits logits_;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SOAK_WINDOW_ORACLE_H_
