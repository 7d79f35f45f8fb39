// SPDX-License-Identifier: Apache-2.0
//
// LayerAccumulator's calls that make weights: from logits, or from queries and keys.
#include <optional>

#include "attnscope/layer_accumulator.h"
#include "kernels/accumulator/layer_accumulator_state.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/view_checks.h"

namespace attnscope {

Status LayerAccumulator::AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner,
                                   const RowOutputs* rows) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckLogits(state_->config(), logits, params); !status.ok()) return status;
  if (logits.batch == 0 || logits.heads == 0 || logits.queries == 0) return {};
  const CallMatrices call(logits);
  std::optional<RowOutputs> outputs;
  if (Status status = state_->CheckCall("logits", call, params.mask, rows, &outputs); !status.ok()) return status;
  if (!state_->logits.Allocate(runner)) return NoScratch(runner);
  AttentionView left = logits;
  left.queries = state_->BeginCall(call, params.mask, rows != nullptr);
  state_->logits.Add(LogitViewSource(left, params, outputs ? &*outputs : nullptr), runner);
  return {};
}

Status LayerAccumulator::AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner,
                                        const RowOutputs* rows) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckQueriesKeys(state_->config(), view, params); !status.ok()) return status;
  if (view.batch == 0 || view.heads == 0 || view.queries == 0) return {};
  const CallMatrices call(view);
  std::optional<RowOutputs> outputs;
  if (Status status = state_->CheckCall("queries", call, params.mask, rows, &outputs); !status.ok()) return status;
  if (!state_->logits.Allocate(runner)) return NoScratch(runner);
  QueryKeyView left = view;
  left.queries = state_->BeginCall(call, params.mask, rows != nullptr);
  state_->logits.Add(QueryKeySource(left, params, outputs ? &*outputs : nullptr), runner);
  return {};
}

size_t LayerAccumulator::ScratchBytes(const Runner& runner) const {
  return state_ == nullptr ? 0 : state_->logits.ScratchBytes(runner);
}

Status LayerAccumulator::Reserve(const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->weights.Allocate(runner, {}) && state_->logits.Allocate(runner) ? Status() : NoScratch(runner);
}

}  // namespace attnscope
