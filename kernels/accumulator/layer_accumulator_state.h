// SPDX-License-Identifier: Apache-2.0
//
// What a LayerAccumulator holds, and what its calls share. Rows of weights, rows of logits and attached scores are each
// in a file of their own: a program that links the static library gets the kernels of what it calls.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_ACCUMULATOR_STATE_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_ACCUMULATOR_STATE_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "attnscope/status.h"
#include "attnscope/visibility.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/logits_feeder.h"
#include "kernels/accumulator/row_parallel.h"
#include "kernels/accumulator/visibility_checks.h"
#include "kernels/accumulator/weights_feeder.h"
#include "kernels/key_scores/score_storage.h"

namespace attnscope {

// The error of an accumulator that is empty, and that of a runner for whose tasks there is no memory.
Status NotCreated();
Status NoScratch(const Runner& runner);

// A layer's numbers, and what feeds them.
class ATTNSCOPE_NO_EXPORT LayerAccumulator::State {
 public:
  explicit State(const LayerConfig& config) : storage(config) {}

  const LayerConfig& config() const { return storage.config(); }

  // Null: rows are added to no scores.
  void Attach(std::shared_ptr<ScoreStorage> attached);

  // Whether a call whose view `name` is valid can be added to what there is; if it has buffers of `rows`, `outputs`
  // gets them with their strides completed.
  Status CheckCall(const char* name, const CallMatrices& call, const Visibility& visibility, const RowOutputs* rows,
                   std::optional<RowOutputs>* outputs) const;
  // What comes first once nothing can fail any more. Returns how many rows of each matrix are left to add: all, if
  // there are buffers of rows or keys; else the others have been counted.
  size_t BeginCall(const CallMatrices& call, const Visibility& visibility, bool has_outputs);

  LayerStorage storage;
  FeederBuffers buffers;
  RowParallel row_parallel{storage, buffers};
  WeightsFeeder weights{storage, buffers, row_parallel};
  LogitsFeeder logits{storage, buffers, row_parallel};
  std::shared_ptr<ScoreStorage> scores;  // attached ones
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_ACCUMULATOR_STATE_H_
