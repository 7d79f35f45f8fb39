// SPDX-License-Identifier: Apache-2.0
//
// The scores of a cache's keys from whole matrices in long double: every row of weights that a head ever had is kept,
// an eviction changes each of them, and a score is the sum that key_scores.h defines. Nothing is shared with the
// library.
#ifndef ATTNSCOPE_TESTS_SUPPORT_SCORE_ORACLE_H_
#define ATTNSCOPE_TESTS_SUPPORT_SCORE_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/key_scores.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"

namespace attnscope::test {

// Rows of a call, or of many: one row holds a weight for each key.
using WeightRows = std::vector<std::vector<long double>>;

// The rows of matrix [sequence, head] of a view, [rows that see keys][view.keys]; of an invalid row zeros.
WeightRows ScoredRowsOf(const AttentionView& weights, const Visibility& visibility, size_t sequence, size_t head);
WeightRows ScoredRowsOfLogits(const AttentionView& logits, const SoftmaxParams& params, size_t sequence, size_t head);
WeightRows ScoredRowsOf(const QueryKeyView& view, const SoftmaxParams& params, size_t sequence, size_t head,
                        long double* error);

class ScoreOracle {
 public:
  // `groups` of the configuration is not 0.
  explicit ScoreOracle(const KeyScoresConfig& config);

  void AddWeights(const AttentionView& view, const Visibility& visibility = {});
  void AddLogits(const AttentionView& view, const SoftmaxParams& params = {});
  void AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params = {});

  void Keep(size_t sequence, size_t group, const std::vector<size_t>& keys);
  void Remove(size_t sequence, size_t group, const std::vector<size_t>& keys);
  void Clear(size_t sequence, size_t group, const std::vector<size_t>& keys);
  void Shift(size_t sequence, size_t group, size_t begin, size_t end, int64_t delta);
  void EndSequence(size_t sequence);

  size_t Keys(size_t sequence, size_t group) const { return keys_[sequence * config_.groups + group]; }
  // Of one head.
  std::vector<long double> Scores(size_t sequence, size_t head) const;

  // Compares every head and every group of all sequences.
  void ExpectEqual(const KeyScores& scores, const std::string& what) const;

 private:
  size_t HeadsPerGroup() const { return config_.heads / config_.groups; }
  std::vector<std::vector<long double>>& Rows(size_t sequence, size_t head) {
    return rows_[sequence * config_.heads + head];
  }
  // A call's rows of one head, and how many keys its sequence then has.
  void AddRows(size_t sequence, size_t head, size_t keys, const WeightRows& rows);
  // Each row of the group becomes change(row).
  template <class Change>
  void ChangeRows(size_t sequence, size_t group, const Change& change);

  KeyScoresConfig config_;
  std::vector<size_t> keys_;      // [batch, groups]
  std::vector<WeightRows> rows_;  // [batch, heads]
  long double error_ = 1e-6L;     // relative, of a score
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_SCORE_ORACLE_H_
