// SPDX-License-Identifier: Apache-2.0
#include "attnscope/layer_accumulator.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "attnscope/limits.h"
#include "kernels/accumulator/activation_sums.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/logits_feeder.h"
#include "kernels/accumulator/row_output_checks.h"
#include "kernels/accumulator/row_parallel.h"
#include "kernels/accumulator/score_checks.h"
#include "kernels/accumulator/view_checks.h"
#include "kernels/accumulator/visibility_checks.h"
#include "kernels/accumulator/weights_feeder.h"
#include "kernels/dimension_checks.h"
#include "kernels/key_scores/score_storage.h"
#include "kernels/row_sums.h"
#include "kernels/simd/target_choice.h"
#include "kernels/top_k/top_k_checks.h"

namespace attnscope {
namespace {

Status NotCreated() {
  return {StatusCode::kInvalidArgument, "the accumulator is empty: it was not made by LayerAccumulator::Create"};
}

Status NoScratch(const Runner& runner) {
  return {StatusCode::kOutOfMemory, "no memory for a runner of " + std::to_string(runner.threads) + " threads"};
}

Status Beyond(const char* name, size_t value, size_t count) {
  return {StatusCode::kOutOfRange, std::string(name) + " is " + std::to_string(value) +
                                       ", the accumulator was made for " + std::to_string(count)};
}

// Counts rows of a view that has no keys, in O(1) for each matrix. Returns how many are left to add: at least a block,
// which ends the block in progress, while whole blocks of the others do not change where blocks begin.
template <class View>
size_t CountRowsWithoutKeys(const View& view, LayerStorage* storage) {
  if (view.keys != 0 || view.queries < 2 * kRowsPerBlock) return view.queries;
  const size_t counted = (view.queries / kRowsPerBlock - 1) * kRowsPerBlock;
  const bool mean_matrix = storage->config().mean_matrix;
  for (size_t sequence = 0; sequence < (mean_matrix ? 1 : view.batch); ++sequence) {
    for (size_t head = 0; head < (mean_matrix ? 1 : view.heads); ++head) {
      double* row_sums = storage->OpenRowSums(view.first_sequence + sequence, view.first_head + head);
      row_sums[static_cast<size_t>(RowSumOf<Metric::kMaskedRows>())] += static_cast<double>(counted);
    }
  }
  return view.queries - counted;
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
template <class View>
Status CheckOpenKeys(const LayerStorage& storage, const char* name, const View& view, const Visibility& visibility) {
  if (visibility.keys_were_evicted || visibility.window > 0 || visibility.window_after >= 0 ||
      visibility.key_positions != nullptr) {
    return {};
  }
  const MatrixShape shape = ShapeOf(view);
  if (storage.config().mean_matrix) return CheckOpenKeys(storage, name, LongestKeys(shape, visibility), 0, 0, 1);
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    Status status = CheckOpenKeys(storage, name, KeysOfSequence(shape, visibility, sequence),
                                  view.first_sequence + sequence, view.first_head, view.heads);
    if (!status.ok()) return status;
  }
  return {};
}

// Copies the buffers of rows, if there are any, and completes their strides.
template <class View>
Status ResolveOutputs(const LayerConfig& config, const View& view, const RowOutputs* rows,
                      std::optional<RowOutputs>* outputs) {
  if (rows == nullptr) return {};
  RowOutputs& resolved = outputs->emplace(*rows);
  const size_t batch = config.mean_matrix ? 1 : view.batch;
  const size_t heads = config.mean_matrix ? 1 : view.heads;
  return ResolveRowOutputs({batch, heads, view.queries, view.keys}, config.top_k, &resolved);
}

}  // namespace

// A layer's numbers, and what feeds them.
class ATTNSCOPE_NO_EXPORT LayerAccumulator::State {
 public:
  explicit State(const LayerConfig& config) : storage(config) {}

  const LayerConfig& config() const { return storage.config(); }

  // Null: rows are added to no scores.
  void Attach(std::shared_ptr<ScoreStorage> attached) {
    scores = std::move(attached);
    weights.AttachScores(scores.get());
    logits.AttachScores(scores.get());
  }
  template <class View>
  Status CheckScores(const char* name, const View& view, const Visibility& visibility) const {
    return scores == nullptr ? Status() : CheckKeysLeft(*scores, name, ScoredCall(view), visibility);
  }
  template <class View>
  void OpenScores(const View& view, const Visibility& visibility) {
    if (scores != nullptr) RaiseKeys(ScoredCall(view), visibility, scores.get());
  }

  LayerStorage storage;
  FeederBuffers buffers;
  RowParallel row_parallel{storage, buffers};
  WeightsFeeder weights{storage, buffers, row_parallel};
  LogitsFeeder logits{storage, buffers, row_parallel};
  std::shared_ptr<ScoreStorage> scores;  // attached ones
};

LayerAccumulator::LayerAccumulator() = default;
LayerAccumulator::LayerAccumulator(LayerAccumulator&&) noexcept = default;
LayerAccumulator& LayerAccumulator::operator=(LayerAccumulator&&) noexcept = default;
LayerAccumulator::~LayerAccumulator() = default;

Status LayerAccumulator::Create(const LayerConfig& config, LayerAccumulator* out) {
  if (Status status = ForceTargetFromEnvironment(); !status.ok()) return status;
  if (Status status = CheckConfig(config); !status.ok()) return status;
  std::unique_ptr<State> state(new (std::nothrow) State(config));
  const bool has_room =
      state != nullptr && state->storage.Allocate() && (config.max_keys == 0 || state->weights.Allocate(Runner(), {}));
  if (!has_room) {
    return {StatusCode::kOutOfMemory, "no memory for " + std::to_string(config.heads) + " heads x " +
                                          std::to_string(config.max_batch) + " sequences x " +
                                          std::to_string(config.max_keys) + " keys"};
  }
  out->state_ = std::move(state);
  return {};
}

Status LayerAccumulator::AddWeights(const AttentionView& weights, const Visibility& visibility, const Runner& runner,
                                    const RowOutputs* rows) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckAttention(state_->config(), weights, visibility); !status.ok()) return status;
  if (weights.batch == 0 || weights.heads == 0 || weights.queries == 0) return {};
  if (Status status = CheckOpenKeys(state_->storage, "weights", weights, visibility); !status.ok()) return status;
  if (Status status = state_->CheckScores("weights", weights, visibility); !status.ok()) return status;
  std::optional<RowOutputs> outputs;
  if (Status status = ResolveOutputs(state_->config(), weights, rows, &outputs); !status.ok()) return status;
  if (!state_->weights.Allocate(weights, visibility, runner)) return NoScratch(runner);
  state_->OpenScores(weights, visibility);
  AttentionView left = weights;
  left.queries = rows != nullptr ? weights.queries : CountRowsWithoutKeys(weights, &state_->storage);
  state_->weights.Add(left, visibility, runner, outputs ? &*outputs : nullptr);
  return {};
}

Status LayerAccumulator::AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner,
                                   const RowOutputs* rows) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckLogits(state_->config(), logits, params); !status.ok()) return status;
  if (logits.batch == 0 || logits.heads == 0 || logits.queries == 0) return {};
  if (Status status = CheckOpenKeys(state_->storage, "logits", logits, params.mask); !status.ok()) return status;
  if (Status status = state_->CheckScores("logits", logits, params.mask); !status.ok()) return status;
  std::optional<RowOutputs> outputs;
  if (Status status = ResolveOutputs(state_->config(), logits, rows, &outputs); !status.ok()) return status;
  if (!state_->logits.Allocate(runner)) return NoScratch(runner);
  state_->OpenScores(logits, params.mask);
  AttentionView left = logits;
  left.queries = rows != nullptr ? logits.queries : CountRowsWithoutKeys(logits, &state_->storage);
  state_->logits.Add(LogitViewSource(left, params, outputs ? &*outputs : nullptr), runner);
  return {};
}

Status LayerAccumulator::AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner,
                                        const RowOutputs* rows) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckQueriesKeys(state_->config(), view, params); !status.ok()) return status;
  if (view.batch == 0 || view.heads == 0 || view.queries == 0) return {};
  if (Status status = CheckOpenKeys(state_->storage, "queries", view, params.mask); !status.ok()) return status;
  if (Status status = state_->CheckScores("queries", view, params.mask); !status.ok()) return status;
  std::optional<RowOutputs> outputs;
  if (Status status = ResolveOutputs(state_->config(), view, rows, &outputs); !status.ok()) return status;
  if (!state_->logits.Allocate(runner)) return NoScratch(runner);
  state_->OpenScores(view, params.mask);
  QueryKeyView left = view;
  left.queries = rows != nullptr ? view.queries : CountRowsWithoutKeys(view, &state_->storage);
  state_->logits.Add(QueryKeySource(left, params, outputs ? &*outputs : nullptr), runner);
  return {};
}

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

size_t LayerAccumulator::ScratchBytes(const Runner& runner) const {
  return state_ == nullptr ? 0 : state_->logits.ScratchBytes(runner);
}

Status LayerAccumulator::Reserve(const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->weights.Allocate(runner, {}) && state_->logits.Allocate(runner) ? Status() : NoScratch(runner);
}

Status LayerAccumulator::AddResidual(const ActivationView& before, const ActivationView& after) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckActivations(before, after); !status.ok()) return status;
  if (before.batch == 0 || before.tokens == 0 || before.channels == 0) return {};
  attnscope::AddResidual(before, after, state_->storage.LayerSums());
  return {};
}

Status LayerAccumulator::AddGradient(const BufferView& gradient) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckBuffer(gradient); !status.ok()) return status;
  attnscope::AddGradient(gradient, state_->storage.LayerSums());
  return {};
}

void LayerAccumulator::EndSequence() {
  if (state_ != nullptr) state_->storage.EndAllSequences();
}

Status LayerAccumulator::EndSequence(size_t sequence) { return EndSequence(sequence, {}); }

Status LayerAccumulator::EndSequence(size_t sequence, const ColumnReceiver& receiver) {
  if (state_ == nullptr) return NotCreated();
  const size_t batch = state_->storage.layout().batch();
  if (sequence >= batch) return Beyond("sequence", sequence, batch);
  state_->storage.EndSequence(sequence, receiver);
  return {};
}

Status LayerAccumulator::ColumnSums(size_t sequence, size_t head, std::span<double> columns) const {
  if (state_ == nullptr) return NotCreated();
  const StateLayout& layout = state_->storage.layout();
  if (sequence >= layout.batch()) return Beyond("sequence", sequence, layout.batch());
  if (head >= layout.heads()) return Beyond("head", head, layout.heads());
  const size_t keys = state_->storage.OpenKeys(sequence, head);
  if (columns.size() < keys) {
    return {StatusCode::kInvalidArgument, "columns has room for " + std::to_string(columns.size()) +
                                              " keys, but open matrix [" + std::to_string(sequence) + ", " +
                                              std::to_string(head) + "] has " + std::to_string(keys)};
  }
  state_->storage.ColumnSums(sequence, head, columns.data());
  std::fill(columns.begin() + static_cast<std::ptrdiff_t>(keys), columns.end(), 0.0);
  return {};
}

size_t LayerAccumulator::OpenKeys(size_t sequence, size_t head) const {
  if (state_ == nullptr) return 0;
  const LayerStorage& storage = state_->storage;
  if (sequence >= storage.layout().batch() || head >= storage.layout().heads()) return 0;
  return storage.OpenKeys(sequence, head);
}

LayerStats LayerAccumulator::Stats() const { return state_ == nullptr ? LayerStats() : state_->storage.Stats(); }

void LayerAccumulator::Reset() {
  if (state_ != nullptr) state_->storage.Reset();
}

LayerConfig LayerAccumulator::config() const { return state_ == nullptr ? LayerConfig() : state_->config(); }

Status LayerAccumulator::Merge(const LayerAccumulator& other) {
  if (state_ == nullptr || other.state_ == nullptr) return NotCreated();
  const TopKValues& top_k = state_->config().top_k;
  if (const TopKValues& others = other.state_->config().top_k; top_k != others) {
    return {StatusCode::kInvalidArgument,
            "the accumulators to merge were made with different top_k: " + TextOf(top_k) + " and " + TextOf(others)};
  }
  if (state_->config() != other.state_->config()) {
    return {StatusCode::kInvalidArgument, "the accumulators to merge were made with different configurations"};
  }
  state_->storage.Merge(other.state_->storage);
  return {};
}

std::span<double> LayerAccumulator::sums() {
  if (state_ == nullptr) return {};
  return {state_->storage.SumsToChange(), state_->storage.layout().sums()};
}

std::span<const double> LayerAccumulator::sums() const {
  if (state_ == nullptr) return {};
  return {state_->storage.SumsToRead(), state_->storage.layout().sums()};
}

double LayerAccumulator::gradient_squares() const {
  return state_ == nullptr ? 0.0 : state_->storage.LayerSums()[static_cast<size_t>(LayerSum::kGradientSquares)];
}

std::span<double> LayerAccumulator::maxima() {
  if (state_ == nullptr) return {};
  return {state_->storage.MaximaToChange(), state_->storage.layout().maxima()};
}

std::span<const double> LayerAccumulator::maxima() const {
  if (state_ == nullptr) return {};
  return {std::as_const(state_->storage).maxima(), state_->storage.layout().maxima()};
}

size_t LayerAccumulator::closed_sums() const { return state_ == nullptr ? 0 : state_->storage.layout().closed_sums(); }

size_t LayerAccumulator::closed_maxima() const {
  return state_ == nullptr ? 0 : state_->storage.layout().closed_maxima();
}

OpenParts LayerAccumulator::open_parts() const {
  if (state_ == nullptr) return {};
  const StateLayout& layout = state_->storage.layout();
  OpenParts parts;
  parts.matrices = layout.batch() * layout.heads();
  parts.keys = layout.keys();
  parts.columns = layout.OpenColumns(0, 0);
  parts.partial_columns = layout.OpenPartial(0, 0);
  parts.matrix_keys = layout.OpenKeys(0, 0);
  return parts;
}

}  // namespace attnscope
