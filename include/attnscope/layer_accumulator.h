// SPDX-License-Identifier: Apache-2.0
//
// The one stateful thing: everything that one layer's attention measured so far. Example:
//
//   attnscope::LayerAccumulator layer;
//   attnscope::Status status = attnscope::LayerAccumulator::Create({.heads = 32, .max_keys = 4096}, &layer);
//   status = layer.AddWeights(attnscope::ContiguousAttention(weights, attnscope::ElementType::kFloat32,
//                                                            /*batch=*/1, 32, queries, keys));
//   layer.EndSequence();
//   double entropy = layer.Stats().layer[attnscope::Metric::kEntropy];
#ifndef ATTNSCOPE_LAYER_ACCUMULATOR_H_
#define ATTNSCOPE_LAYER_ACCUMULATOR_H_

#include <cstddef>
#include <memory>
#include <span>

#include "attnscope/attention_view.h"
#include "attnscope/export.h"
#include "attnscope/key_scores.h"
#include "attnscope/limits.h"
#include "attnscope/metrics.h"
#include "attnscope/query_key_view.h"
#include "attnscope/row_outputs.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "attnscope/top_k.h"

namespace attnscope {

// What an accumulator is made for.
struct LayerConfig {
  size_t heads = 1;      // heads of the layer, 1 to kMaxHeads
  size_t max_keys = 0;   // most keys a row may have, 0 to kMaxKeys; decides the memory: 20 bytes for each key, head and
                         // open sequence. 0: no attention, only AddResidual and AddGradient
  size_t max_batch = 1;  // sequences that are open at once: the batch of a view. 1 to kMaxBatch
  // First average over batch and heads, then measure that one matrix, as many Python training loops do. It hides a
  // collapsed head; it is here to compare with their old runs. Each call must then bring all heads, and the rows of all
  // its sequences, together.
  bool mean_matrix = false;
  // A row is counted as unnormalized if its sum is off 1 by more than this.
  double tolerance_float32 = 1e-3;
  double tolerance_half = 2e-2;  // float16 and bfloat16
  // A row of logits is counted as saturated if its largest weight is at least this.
  double saturation_bound = 0.99;
  // The k of the top-k masses, the means of the sums of a row's k largest weights: 1 to kMaxTopMasses values,
  // ascending, from 1 to kMaxTopK. Up to 64, masses cost next to nothing; larger ones take another selection of each
  // row, while it is in cache. Without 5, nothing is said to be critically uniform, see docs/verdicts.md.
  TopKValues top_k = kDefaultTopK;

  friend bool operator==(const LayerConfig&, const LayerConfig&) = default;
};

// Receives the column sums of matrices whose sequence ends: columns[j] as in LayerAccumulator::ColumnSums, there for
// the call only. Called on the thread of EndSequence, head by head; it must neither call the accumulator nor throw.
struct ColumnReceiver {
  void* opaque = nullptr;
  void (*receive)(void* opaque, size_t sequence, size_t head, std::span<const double> columns) = nullptr;
};

// Where the matrices of open sequences stand in the arrays of an accumulator. Matrix i = sequence * heads + head; in
// mean-matrix mode there is one.
struct OpenParts {
  size_t matrices = 0;  // max_batch * heads
  size_t keys = 0;      // max_keys
  // In `sums`, from closed_sums() on: the matrices' row sums, which are all zero if none is open; then the column sums
  // of matrix i from columns + i * keys on, and those of its block of rows in progress from partial_columns + i * keys
  // on.
  size_t columns = 0;
  size_t partial_columns = 0;
  // In `maxima`, from closed_maxima() on: how many keys matrix i has, 0 if it is not open, at matrix_keys + i.
  size_t matrix_keys = 0;
};

// Everything that one layer's attention measured so far.
//
// Memory is allocated by Create, and by the first call that brings a larger Runner than before, or the first logits;
// nothing is allocated while rows are measured. What Create allocates for keys costs nothing until rows have such keys,
// where the operating system hands out pages as they are written. After a failed call the state is as before that call.
//
// Threads: one at a time may call what is not const, and nobody else anything meanwhile; const members only read, so
// several threads may call them at once. Different accumulators are independent.
//
// Bit for bit, results do not depend on how the rows of a sequence are cut into calls, on the runner, or on the
// alignment of the buffers (on one SIMD target; across targets they agree within the error bounds). Errors of the
// results against exact arithmetic: the entropy of a row that sums to 1 2e-6 * max(1, log n_k) nats (of others see
// kernels::RowEntropy), top-k masses and row sums 2e-6 relative, column sums 1e-6 relative; maxima are exact.
class ATTNSCOPE_EXPORT LayerAccumulator {
 public:
  // An empty accumulator: accepts nothing until it is assigned one from Create.
  LayerAccumulator();
  LayerAccumulator(LayerAccumulator&&) noexcept;
  LayerAccumulator& operator=(LayerAccumulator&&) noexcept;
  ~LayerAccumulator();

  // Errors: kInvalidArgument for a size or tolerance beyond its range, kOutOfMemory; `*out` is then unchanged.
  static Status Create(const LayerConfig& config, LayerAccumulator* out);

  // Adds rows of post-softmax weights to the open sequences `weights.first_sequence` onwards. Rows of one sequence may
  // arrive in any number of calls, in order, also with more keys each time (decoding); end the sequence with
  // EndSequence. O(batch * heads * queries * keys): one read of the weights. Errors, naming the argument and its value:
  // kInvalidArgument (null data, sizes whose product overflows, a key length that is negative or above `keys`, missing
  // heads in mean-matrix mode, fewer keys than an open sequence has had, unless the visibility says why), kOutOfRange
  // (more heads, sequences or keys than the configuration has), kOutOfMemory (scratch for a larger Runner).
  // With `rows`, which may be null, also what each row measures is written to buffers; they must have room for the rows
  // of the view, see RowOutputs. Errors: kInvalidArgument, naming the field and its value; the buffers are untouched by
  // a call that fails.
  Status AddWeights(const AttentionView& weights, const Visibility& visibility = {}, const Runner& runner = {},
                    const RowOutputs* rows = nullptr);

  // Adds rows of logits, the softmax's input: everything that their weights would have measured, and the logit metrics.
  // Rows may arrive as in AddWeights, and in the same sequences as weights, queries and keys. Any finite logits are
  // safe; of a row's weights, those below 2^-125 of its largest count as zero. Weights are float32 before they are
  // measured: the bounds above hold against the exact softmax of the given logits. O(batch * heads * queries * keys):
  // one read of the logits from memory. Errors: those of AddWeights; kInvalidArgument for a scale, soft cap or bias
  // beyond its range.
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params = {}, const Runner& runner = {},
                   const RowOutputs* rows = nullptr);

  // The same from queries and keys; their products are float32 and are never all in memory: a product is off by at most
  // head_dim * 1e-7 of the sum of its terms' magnitudes, and must not overflow a float32. What a causal mask hides is
  // not multiplied. O(batch * heads * queries * keys * head_dim). Errors: those of AddLogits; kInvalidArgument for
  // heads that kv_heads does not divide, a head_dim beyond 1 to kMaxHeadDim, pages that do not hold `keys` keys, or
  // pages with a batch other than 1.
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params = {}, const Runner& runner = {},
                        const RowOutputs* rows = nullptr);

  // From now on AddWeights, AddLogits and AddQueriesKeys also add their rows to `scores`, as the calls of KeyScores of
  // the same names do, from the weights that they have made anyway, until another KeyScores or Detach takes the place.
  // Their errors are then also those of KeyScores. Sequences end, and states are reset, in each by its own calls. The
  // scores stay attached, and valid, where `scores` is moved; where something is assigned to it, attach that again.
  // Errors: kInvalidArgument if one of them is empty, if they have different heads or sequences, if the scores have
  // fewer keys, or in mean-matrix mode.
  Status Attach(KeyScores& scores);
  void Detach();

  // Bytes of scratch that AddLogits and AddQueriesKeys keep for such a runner: in proportion to max_keys and to the
  // runner's threads, independent of the queries; more for each of several threads than for one, as several may share
  // the rows of one matrix. They allocate it in their first call, unless Reserve did.
  size_t ScratchBytes(const Runner& runner = {}) const;
  // Allocates it now. Errors: kOutOfMemory.
  Status Reserve(const Runner& runner = {});

  // Adds one block's residual stream before and after it: the same shape, and each sequence of the batch whole. NaN and
  // infinities are not looked for: they make the ratio NaN or infinite, and such sequences are counted. Norms neither
  // overflow nor underflow for any finite input. O(batch * tokens * channels). Errors: kInvalidArgument (null data,
  // shapes that differ or overflow).
  Status AddResidual(const ActivationView& before, const ActivationView& after);

  // Adds one gradient buffer of the layer; the norm is over all buffers added. NaN and infinities are not looked for:
  // they make the norm NaN or infinite, which Judge calls bad numbers. Norms neither overflow nor underflow for any
  // finite input. O(size). Errors: kInvalidArgument (null data).
  Status AddGradient(const BufferView& gradient);

  // Ends the open sequences: folds their column sums and row statistics into the layer's. The next rows begin new
  // sequences. Without open rows it does nothing. O(max_batch * heads * max_keys).
  void EndSequence();

  // The same for one sequence, while others stay open: a server's requests end one by one. In mean-matrix mode there is
  // one, 0. O(heads * max_keys). Errors: kOutOfRange for a sequence beyond the configuration's max_batch.
  Status EndSequence(size_t sequence);
  // The same, and hands the column sums of each of its matrices that has rows to `receiver` before they are folded.
  Status EndSequence(size_t sequence, const ColumnReceiver& receiver);

  // The attention that each key of an open matrix has received so far: columns[j] = sum_i a_ij over the rows that are
  // not invalid, by position where there are key_positions. In mean-matrix mode the one matrix is [0, 0]. Fills all of
  // `columns`, with zeros from OpenKeys on. Relative error below 1e-6. O(columns). Errors: kOutOfRange for a sequence
  // or head beyond the configuration, kInvalidArgument for fewer columns than OpenKeys.
  Status ColumnSums(size_t sequence, size_t head, std::span<double> columns) const;
  // How many keys it has; 0 if it is not open, or not there.
  size_t OpenKeys(size_t sequence, size_t head) const;

  // What was measured so far, as if EndSequence had been called now; the state stays as it is.
  // O(max_batch * heads * max_keys). Its result is allocated: it throws std::bad_alloc if there is no memory for that.
  LayerStats Stats() const;

  // Forgets everything but the configuration, also what was written through `sums` and `maxima`.
  // O(max_batch * heads * max_keys).
  void Reset();

  // What it was made with; the defaults for an empty accumulator.
  LayerConfig config() const;

  // Adds what `other` measured; sequences that are open in both go on as one. O(max_batch * heads) and the keys of the
  // other's open sequences. Errors: kInvalidArgument if its configuration differs.
  Status Merge(const LayerAccumulator& other);

  // The whole state, for any all-reduce (MPI, NCCL, Gloo): add `sums` element by element, take the maximum of `maxima`.
  // Both have the same length on every rank with the same configuration, and stay where they are; `sums()` brings the
  // array up to date, so call it before each all-reduce, not once and for all. Ranks may hold whole sequences, heads of
  // a layer, or different query rows of one open sequence (all-reduce before EndSequence). Other numbers than an
  // accumulator's own, such as maxima that were added, give wrong metrics, but nothing beyond the arrays is touched.
  std::span<double> sums();
  std::span<const double> sums() const;
  std::span<double> maxima();
  std::span<const double> maxima() const;
  // The sum of squares of all gradient buffers that were added: an element of `sums`, which is not brought up to date
  // for it. 0 for an empty accumulator.
  double gradient_squares() const;
  // The first elements of `sums` and `maxima` that are enough to merge when no sequence is open: all but the open
  // sequences' part, which is the large one.
  size_t closed_sums() const;
  size_t closed_maxima() const;
  // What follows them, for an all-reduce that passes over matrices that are not open.
  OpenParts open_parts() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_LAYER_ACCUMULATOR_H_
