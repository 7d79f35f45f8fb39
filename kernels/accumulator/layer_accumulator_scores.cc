// SPDX-License-Identifier: Apache-2.0
//
// LayerAccumulator's calls that attach scores of keys.
#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "kernels/accumulator/layer_accumulator_state.h"
#include "kernels/accumulator/score_checks.h"

namespace attnscope {

Status LayerAccumulator::Attach(KeyScores& scores) {
  if (state_ == nullptr) return NotCreated();
  if (scores.storage() == nullptr) {
    return {StatusCode::kInvalidArgument, "the key scores are empty: they were not made by KeyScores::Create"};
  }
  if (Status status = CheckAttachable(state_->config(), scores.config()); !status.ok()) return status;
  state_->Attach(scores.storage());
  return {};
}

void LayerAccumulator::Detach() {
  if (state_ != nullptr) state_->Attach(nullptr);
}

}  // namespace attnscope
