// SPDX-License-Identifier: Apache-2.0
#include "tests/support/score_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::test {
namespace {

// The keys of a sequence that a call brings.
size_t KeysOf(const Visibility& visibility, size_t sequence, size_t keys) {
  if (visibility.key_positions != nullptr || visibility.key_lengths == nullptr) return keys;
  return std::min(keys, static_cast<size_t>(visibility.key_lengths[sequence]));
}

WeightRows RowsOf(const std::vector<std::vector<long double>>& logits, const SoftmaxParams& params, size_t head,
                  size_t keys) {
  WeightRows rows;
  const long double sink = params.sinks == nullptr ? -std::numeric_limits<long double>::infinity()
                                                   : static_cast<long double>(params.sinks[head]);
  for (const std::vector<long double>& of_row : logits) {
    const ExactSoftmax softmax = ExactSoftmaxOf(of_row, sink);
    if (softmax.keys == 0 && softmax.valid) continue;
    std::vector<long double> row(keys);
    if (softmax.valid) std::copy(softmax.weights.begin(), softmax.weights.end(), row.begin());
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

WeightRows ScoredRowsOf(const AttentionView& weights, const Visibility& visibility, size_t sequence, size_t head) {
  WeightRows rows;
  for (size_t i = 0; i < weights.queries; ++i) {
    const SeenKeys seen = SeenKeysOf(visibility, {weights.queries, weights.keys}, sequence, head, i);
    if (seen.keys.empty()) continue;
    std::vector<long double> row(weights.keys);
    bool valid = true;
    for (const size_t key : seen.keys) {
      const int64_t element = static_cast<int64_t>(sequence) * weights.batch_stride +
                              static_cast<int64_t>(head) * weights.head_stride +
                              static_cast<int64_t>(i) * weights.query_stride + static_cast<int64_t>(key);
      row[key] = LoadElement(
          weights.type,
          static_cast<const uint8_t*>(weights.data) + element * static_cast<int64_t>(ElementBytes(weights.type)), 0);
      valid = valid && std::isfinite(row[key]) && row[key] >= 0.0L;
    }
    if (!valid) row.assign(weights.keys, 0.0L);
    rows.push_back(row);
  }
  return rows;
}

WeightRows ScoredRowsOfLogits(const AttentionView& logits, const SoftmaxParams& params, size_t sequence, size_t head) {
  return RowsOf(ExactLogitsOf(logits, params, sequence, head), params, head, logits.keys);
}

WeightRows ScoredRowsOf(const QueryKeyView& view, const SoftmaxParams& params, size_t sequence, size_t head,
                        long double* error) {
  return RowsOf(ExactLogitsOf(view, params, sequence, head, error), params, head, view.keys);
}

ScoreOracle::ScoreOracle(const KeyScoresConfig& config)
    : config_(config), keys_(config.max_batch * config.groups), rows_(config.max_batch * config.heads) {
  if (config.decay != 1.0) error_ = 1.1e-6L;
  if (config.window != 0) error_ = 1e-12L;
}

void ScoreOracle::AddRows(size_t sequence, size_t head, size_t keys, const WeightRows& rows) {
  size_t& before = keys_[sequence * config_.groups + head / HeadsPerGroup()];
  before = std::max(before, keys);
  for (std::vector<long double> row : rows) {
    row.resize(config_.max_keys);
    Rows(sequence, head).push_back(row);
  }
}

void ScoreOracle::AddWeights(const AttentionView& view, const Visibility& visibility) {
  for (size_t i = 0; i < view.batch * view.heads; ++i) {
    const size_t sequence = i / view.heads, head = i % view.heads;
    AddRows(view.first_sequence + sequence, view.first_head + head, KeysOf(visibility, sequence, view.keys),
            ScoredRowsOf(view, visibility, sequence, head));
  }
}

void ScoreOracle::AddLogits(const AttentionView& view, const SoftmaxParams& params) {
  error_ = std::max(error_, 2e-6L);
  for (size_t i = 0; i < view.batch * view.heads; ++i) {
    const size_t sequence = i / view.heads, head = i % view.heads;
    AddRows(view.first_sequence + sequence, view.first_head + head, KeysOf(params.mask, sequence, view.keys),
            ScoredRowsOfLogits(view, params, sequence, head));
  }
}

void ScoreOracle::AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params) {
  long double of_logit = 0.0L;
  for (size_t i = 0; i < view.batch * view.heads; ++i) {
    const size_t sequence = i / view.heads, head = i % view.heads;
    AddRows(view.first_sequence + sequence, view.first_head + head, KeysOf(params.mask, sequence, view.keys),
            ScoredRowsOf(view, params, sequence, head, &of_logit));
  }
  // A weight is off by as much, and so is what it is divided by.
  error_ = std::max(error_, 2e-6L + 2.0L * of_logit);
}

template <class Change>
void ScoreOracle::ChangeRows(size_t sequence, size_t group, const Change& change) {
  for (size_t head = group * HeadsPerGroup(); head < (group + 1) * HeadsPerGroup(); ++head) {
    for (std::vector<long double>& row : Rows(sequence, head)) {
      row = change(row);
      row.resize(config_.max_keys);
    }
  }
}

void ScoreOracle::Keep(size_t sequence, size_t group, const std::vector<size_t>& keys) {
  ChangeRows(sequence, group, [&](const std::vector<long double>& row) {
    std::vector<long double> kept;
    for (const size_t key : keys) kept.push_back(row[key]);
    return kept;
  });
  keys_[sequence * config_.groups + group] = keys.size();
}

void ScoreOracle::Remove(size_t sequence, size_t group, const std::vector<size_t>& keys) {
  std::vector<size_t> kept;
  for (size_t key = 0; key < Keys(sequence, group); ++key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) kept.push_back(key);
  }
  Keep(sequence, group, kept);
}

void ScoreOracle::Clear(size_t sequence, size_t group, const std::vector<size_t>& keys) {
  ChangeRows(sequence, group, [&](std::vector<long double> row) {
    for (const size_t key : keys) row[key] = 0.0L;
    return row;
  });
}

void ScoreOracle::Shift(size_t sequence, size_t group, size_t begin, size_t end, int64_t delta) {
  const auto to = [&](size_t key) { return static_cast<size_t>(static_cast<int64_t>(key) + delta); };
  ChangeRows(sequence, group, [&](const std::vector<long double>& row) {
    std::vector<long double> moved = row;
    for (size_t key = begin; key < end; ++key) moved[key] = 0.0L;
    for (size_t key = begin; key < end; ++key) moved[to(key)] = row[key];
    return moved;
  });
  if (begin == end) return;
  size_t& keys = keys_[sequence * config_.groups + group];
  keys = std::max(end == keys ? begin : keys, to(end - 1) + 1);
}

void ScoreOracle::EndSequence(size_t sequence) {
  for (size_t head = 0; head < config_.heads; ++head) Rows(sequence, head).clear();
  for (size_t group = 0; group < config_.groups; ++group) keys_[sequence * config_.groups + group] = 0;
}

std::vector<long double> ScoreOracle::Scores(size_t sequence, size_t head) const {
  std::vector<long double> scores(Keys(sequence, head / HeadsPerGroup()));
  const WeightRows& rows = rows_[sequence * config_.heads + head];
  const size_t last = config_.window == 0 ? rows.size() : std::min(rows.size(), config_.window);
  for (size_t row = rows.size() - last; row < rows.size(); ++row) {
    const long double factor =
        std::pow(static_cast<long double>(config_.decay), static_cast<long double>(rows.size() - 1 - row));
    for (size_t key = 0; key < scores.size(); ++key) scores[key] += factor * rows[row][key];
  }
  return scores;
}

void ScoreOracle::ExpectEqual(const KeyScores& scores, const std::string& what) const {
  constexpr long double kLeast = 1e-30L;  // weights of a softmax below 2^-125 of the largest are zero
  for (size_t sequence = 0; sequence < config_.max_batch; ++sequence) {
    for (size_t group = 0; group < config_.groups; ++group) {
      const std::string where = what + ", sequence " + std::to_string(sequence) + ", group " + std::to_string(group);
      const size_t keys = Keys(sequence, group);
      ASSERT_EQ(scores.Keys(sequence, group), keys) << where;
      std::vector<long double> of_group(keys);
      std::vector<double> actual(keys);
      for (size_t head = group * HeadsPerGroup(); head < (group + 1) * HeadsPerGroup(); ++head) {
        ASSERT_EQ(scores.Rows(sequence, head), rows_[sequence * config_.heads + head].size()) << where;
        ASSERT_TRUE(scores.HeadScores(sequence, head, actual).ok()) << where;
        const std::vector<long double> exact = Scores(sequence, head);
        for (size_t key = 0; key < keys; ++key) {
          of_group[key] += exact[key];
          ASSERT_TRUE(Within(actual[key], exact[key], error_ * exact[key] + kLeast))
              << where << ", head " << head << ", key " << key;
        }
      }
      ASSERT_TRUE(scores.Scores(sequence, group, actual).ok()) << where;
      for (size_t key = 0; key < keys; ++key) {
        ASSERT_TRUE(Within(actual[key], of_group[key], error_ * of_group[key] + kLeast)) << where << ", key " << key;
      }
    }
  }
}

}  // namespace attnscope::test
