// SPDX-License-Identifier: Apache-2.0
//
// Where rows of logits come from: a view of logits, or products of queries and keys.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SOURCE_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SOURCE_H_

#include <cmath>
#include <cstddef>

#include "attnscope/attention_view.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "kernels/accumulator/logit_scratch.h"
#include "kernels/accumulator/row_chunks.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// The matrices of one call, and where its rows' outputs go: with their strides, or null. Thread-safe for different
// scratch.
class LogitSource {
 public:
  // The matrices' sizes and places; only views of logits have data and strides.
  const AttentionView& shape() const { return shape_; }
  // Heads that share their keys, and so are prepared together.
  size_t heads_per_group() const { return heads_per_group_; }
  // Groups of them that are best prepared together too, 1 or more: their keys stand side by side.
  size_t groups_together() const { return groups_together_; }
  const LogitScale& scale() const { return scale_; }
  const Visibility& visibility() const { return params_.mask; }
  const BiasView& bias() const { return params_.bias; }
  // Of the matrix's row `first_row` and those behind it.
  RowVisibility Visible(size_t sequence, size_t head, size_t first_row) const {
    return RowVisibility(params_.mask, shape_.queries, shape_.keys, sequence, head).From(first_row);
  }
  // The bias of one row from key `key` on, or null.
  const void* BiasRow(size_t sequence, size_t head, size_t row, size_t key) const;
  // Whether a logit's or a bias's value hides that key from a row that may see it.
  bool IsMaskedByValue(size_t sequence, size_t head, size_t row, size_t key) const;
  bool has_sinks() const { return params_.sinks != nullptr; }
  double Sink(size_t head) const { return has_sinks() ? static_cast<double>(params_.sinks[head]) : -HUGE_VAL; }
  // Of the matrix's row `first_row` and those behind it; `visible` is of that sequence.
  RowOutputRange Outputs(const RowVisibility& visible, size_t sequence, size_t head, size_t first_row) const {
    return OutputsOf(outputs_, params_.mask, visible, shape_.queries, shape_.keys, sequence, head).From(first_row);
  }
  RowOutputRange MeanOutputs(size_t first_row) const {
    return OutputsOfMean(outputs_, params_.mask, shape_.queries, shape_.keys).From(first_row);
  }
  double BiasFactor(size_t head) const {
    return params_.bias.head_factors == nullptr ? 1.0 : static_cast<double>(params_.bias.head_factors[head]);
  }

  // The logits of a chunk: a view [1, heads, queries, keys] that begins with the chunk and may have more rows.
  virtual AttentionView Prepare(const RowChunk& chunk, const LogitScratch& scratch) const = 0;
  // Rows that are best prepared together, of `most` that the scratch holds.
  virtual size_t RowsAtOnce(size_t most) const = 0;

 protected:
  LogitSource(const AttentionView& shape, size_t heads_per_group, size_t groups_together, const LogitScale& scale,
              const SoftmaxParams& params, const RowOutputs* outputs);
  ~LogitSource() = default;

 private:
  AttentionView shape_;
  size_t heads_per_group_;
  size_t groups_together_;
  LogitScale scale_;
  const SoftmaxParams& params_;
  const RowOutputs* outputs_;
};

// Logits that stand in memory.
class LogitViewSource final : public LogitSource {
 public:
  LogitViewSource(const AttentionView& logits, const SoftmaxParams& params, const RowOutputs* outputs = nullptr);
  AttentionView Prepare(const RowChunk& chunk, const LogitScratch& scratch) const override;
  // A block, whose weights stay in cache for the sweep.
  size_t RowsAtOnce(size_t /*most*/) const override { return kRowsPerBlock; }
};

// Logits that are multiplied as they are needed.
class QueryKeySource final : public LogitSource {
 public:
  QueryKeySource(const QueryKeyView& view, const SoftmaxParams& params, const RowOutputs* outputs = nullptr);
  AttentionView Prepare(const RowChunk& chunk, const LogitScratch& scratch) const override;
  // As keys are packed once a chunk.
  size_t RowsAtOnce(size_t most) const override { return most; }

 private:
  const QueryKeyView& view_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SOURCE_H_
