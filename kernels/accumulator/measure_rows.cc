// SPDX-License-Identifier: Apache-2.0
//
// Rows that are measured without an accumulator: by the same feeders, into a storage that keeps no columns, and that is
// gone afterwards.
#include <algorithm>
#include <cstddef>
#include <string>

#include "attnscope/limits.h"
#include "attnscope/row_outputs.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/logits_feeder.h"
#include "kernels/accumulator/row_output_checks.h"
#include "kernels/accumulator/row_parallel.h"
#include "kernels/accumulator/view_checks.h"
#include "kernels/accumulator/weights_feeder.h"
#include "kernels/simd/target_choice.h"
#include "kernels/top_k/top_k_checks.h"

namespace attnscope {
namespace {

// A view whose matrices are sequences and heads 0 onwards of a layer that has no others.
template <class View>
View FromZero(View view) {
  view.first_sequence = 0;
  view.first_head = 0;
  return view;
}

// What the rows of a view need. `max_keys` is all that is checked without columns: any that a row may have.
template <class View>
LayerConfig ConfigOf(const View& view, const RowOutputs& outputs, size_t max_keys) {
  return {.heads = std::max<size_t>(view.heads, 1),
          .max_keys = max_keys,
          .max_batch = std::max<size_t>(view.batch, 1),
          .top_k = outputs.top_k.empty() ? kDefaultTopK : outputs.top_k};
}

// Runs feed(storage, buffers, row_parallel), which returns false if there is no memory.
template <class View, class Feed>
Status FeedRows(const View& view, const RowOutputs& outputs, const Runner& runner, const Feed& feed) {
  LayerStorage storage(ConfigOf(view, outputs, view.keys), KeepsColumns::kNo);
  FeederBuffers buffers;
  RowParallel row_parallel(storage, buffers);
  if (storage.Allocate() && feed(storage, buffers, row_parallel)) return {};
  return {StatusCode::kOutOfMemory, "no memory to measure rows of " + std::to_string(view.batch) + " sequences x " +
                                        std::to_string(view.heads) + " heads x " + std::to_string(view.keys) +
                                        " keys by " + std::to_string(runner.threads) + " threads"};
}

template <class View>
Status CheckRows(const View& view, RowOutputs* outputs) {
  const LayerConfig config = ConfigOf(view, *outputs, kMaxKeys);
  if (Status status = CheckTopK("rows.top_k", config.top_k); !status.ok()) return status;
  if (Status status = CheckConfig(config); !status.ok()) return status;
  return ResolveRowOutputs({view.batch, view.heads, view.queries, view.keys}, config.top_k, outputs);
}

template <class View>
bool HasNoRows(const View& view) {
  return view.batch == 0 || view.heads == 0 || view.queries == 0;
}

}  // namespace

Status MeasureRows(const AttentionView& weights, const Visibility& visibility, const RowOutputs& outputs,
                   const Runner& runner) {
  if (Status status = ForceTargetFromEnvironment(); !status.ok()) return status;
  const AttentionView view = FromZero(weights);
  RowOutputs to = outputs;
  if (Status status = CheckAttention(ConfigOf(view, to, kMaxKeys), view, visibility); !status.ok()) return status;
  if (Status status = CheckRows(view, &to); !status.ok()) return status;
  if (HasNoRows(view)) return {};
  return FeedRows(view, to, runner, [&](LayerStorage& storage, FeederBuffers& buffers, RowParallel& row_parallel) {
    WeightsFeeder feeder(storage, buffers, row_parallel);
    if (!feeder.Allocate(view, visibility, runner)) return false;
    feeder.Add(view, visibility, runner, &to);
    return true;
  });
}

Status MeasureLogitRows(const AttentionView& logits, const SoftmaxParams& params, const RowOutputs& outputs,
                        const Runner& runner) {
  if (Status status = ForceTargetFromEnvironment(); !status.ok()) return status;
  const AttentionView view = FromZero(logits);
  RowOutputs to = outputs;
  if (Status status = CheckLogits(ConfigOf(view, to, kMaxKeys), view, params); !status.ok()) return status;
  if (Status status = CheckRows(view, &to); !status.ok()) return status;
  if (HasNoRows(view)) return {};
  return FeedRows(view, to, runner, [&](LayerStorage& storage, FeederBuffers& buffers, RowParallel& row_parallel) {
    LogitsFeeder feeder(storage, buffers, row_parallel);
    if (!feeder.Allocate(runner)) return false;
    feeder.Add(LogitViewSource(view, params, &to), runner);
    return true;
  });
}

Status MeasureQueryKeyRows(const QueryKeyView& queries_keys, const SoftmaxParams& params, const RowOutputs& outputs,
                           const Runner& runner) {
  if (Status status = ForceTargetFromEnvironment(); !status.ok()) return status;
  const QueryKeyView view = FromZero(queries_keys);
  RowOutputs to = outputs;
  if (Status status = CheckQueriesKeys(ConfigOf(view, to, kMaxKeys), view, params); !status.ok()) return status;
  if (Status status = CheckRows(view, &to); !status.ok()) return status;
  if (HasNoRows(view)) return {};
  return FeedRows(view, to, runner, [&](LayerStorage& storage, FeederBuffers& buffers, RowParallel& row_parallel) {
    LogitsFeeder feeder(storage, buffers, row_parallel);
    if (!feeder.Allocate(runner)) return false;
    feeder.Add(QueryKeySource(view, params, &to), runner);
    return true;
  });
}

}  // namespace attnscope
