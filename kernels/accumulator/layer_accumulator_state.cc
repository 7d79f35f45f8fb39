// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/layer_accumulator_state.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/accumulator/row_output_checks.h"
#include "kernels/accumulator/score_checks.h"
#include "kernels/dimension_checks.h"
#include "kernels/row_sums.h"

namespace attnscope {
namespace {

// Counts rows of a call that has no keys, in O(1) for each matrix. Returns how many are left to add: at least a block,
// which ends the block in progress, while whole blocks of the others do not change where blocks begin.
size_t CountRowsWithoutKeys(const CallMatrices& call, LayerStorage* storage) {
  const MatrixShape& shape = call.shape;
  if (shape.keys != 0 || shape.queries < 2 * kRowsPerBlock) return shape.queries;
  const size_t counted = (shape.queries / kRowsPerBlock - 1) * kRowsPerBlock;
  const bool mean_matrix = storage->config().mean_matrix;
  for (size_t sequence = 0; sequence < (mean_matrix ? 1 : shape.batch); ++sequence) {
    for (size_t head = 0; head < (mean_matrix ? 1 : shape.heads); ++head) {
      double* row_sums = storage->OpenRowSums(call.first_sequence + sequence, call.first_head + head);
      row_sums[static_cast<size_t>(RowSumOf<Metric::kMaskedRows>())] += static_cast<double>(counted);
    }
  }
  return shape.queries - counted;
}

// A mean matrix has the keys of the longest sequence.
size_t LongestKeys(const MatrixShape& shape, const Visibility& visibility) {
  size_t keys = 0;
  for (size_t sequence = 0; sequence < shape.batch; ++sequence) {
    keys = std::max(keys, KeysOfSequence(shape, visibility, sequence));
  }
  return keys;
}

// `heads` from `first_head` on; each has been fed by calls of its own.
Status CheckOpenKeys(const LayerStorage& storage, const char* name, size_t keys, size_t open, size_t first_head,
                     size_t heads) {
  const size_t before = storage.MostOpenKeys(open, first_head, heads);
  if (keys >= before || keys == 0) return {};
  return Invalid(std::string(name) + " have " + std::to_string(keys) + " keys, but open sequence " +
                 std::to_string(open) + " has had " + std::to_string(before) +
                 ": end it by EndSequence, or set mask.keys_were_evicted if the cache has dropped keys");
}

// An open sequence whose keys are fewer than they were has lost some, and column sums with them: unless that was told,
// it is another sequence that nobody ended, or a view of the wrong keys. Rows without any key lose none.
Status CheckOpenKeys(const LayerStorage& storage, const char* name, const CallMatrices& call,
                     const Visibility& visibility) {
  if (visibility.keys_were_evicted || visibility.window > 0 || visibility.window_after >= 0 ||
      visibility.key_positions != nullptr) {
    return {};
  }
  const MatrixShape& shape = call.shape;
  if (storage.config().mean_matrix) return CheckOpenKeys(storage, name, LongestKeys(shape, visibility), 0, 0, 1);
  for (size_t sequence = 0; sequence < shape.batch; ++sequence) {
    Status status = CheckOpenKeys(storage, name, KeysOfSequence(shape, visibility, sequence),
                                  call.first_sequence + sequence, call.first_head, shape.heads);
    if (!status.ok()) return status;
  }
  return {};
}

// Copies the buffers of rows, if there are any, and completes their strides.
Status ResolveOutputs(const LayerConfig& config, const MatrixShape& shape, const RowOutputs* rows,
                      std::optional<RowOutputs>* outputs) {
  if (rows == nullptr) return {};
  RowOutputs& resolved = outputs->emplace(*rows);
  const size_t batch = config.mean_matrix ? 1 : shape.batch;
  const size_t heads = config.mean_matrix ? 1 : shape.heads;
  return ResolveRowOutputs({batch, heads, shape.queries, shape.keys}, config.top_k, &resolved);
}

}  // namespace

Status NotCreated() {
  return {StatusCode::kInvalidArgument, "the accumulator is empty: it was not made by LayerAccumulator::Create"};
}

Status NoScratch(const Runner& runner) {
  return {StatusCode::kOutOfMemory, "no memory for a runner of " + std::to_string(runner.threads) + " threads"};
}

void LayerAccumulator::State::Attach(std::shared_ptr<ScoreStorage> attached) {
  scores = std::move(attached);
  weights.AttachScores(scores.get());
  logits.AttachScores(scores.get());
}

Status LayerAccumulator::State::CheckCall(const char* name, const CallMatrices& call, const Visibility& visibility,
                                          const RowOutputs* rows, std::optional<RowOutputs>* outputs) const {
  if (Status status = CheckOpenKeys(storage, name, call, visibility); !status.ok()) return status;
  if (scores != nullptr) {
    if (Status status = CheckKeysLeft(*scores, name, call, visibility); !status.ok()) return status;
  }
  return ResolveOutputs(config(), call.shape, rows, outputs);
}

size_t LayerAccumulator::State::BeginCall(const CallMatrices& call, const Visibility& visibility, bool has_outputs) {
  if (scores != nullptr) RaiseKeys(call, visibility, scores.get());
  return has_outputs ? call.shape.queries : CountRowsWithoutKeys(call, &storage);
}

}  // namespace attnscope
