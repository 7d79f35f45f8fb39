// SPDX-License-Identifier: Apache-2.0
//
// How much attention each key of a cache has received: what cache eviction (H2O, SnapKV and their kin) chooses keys by.
// An engine keeps one KeyScores for each layer beside its cache, adds each step's attention, and tells it what it
// evicts. Example, a step of decoding with 32 query heads on 8 heads of keys, after which each of these keeps the 4
// first keys, the 200 last, and of the others the 820 that were attended to most:
//
//   attnscope::KeyScores scores;
//   attnscope::Status status = attnscope::KeyScores::Create({.heads = 32, .groups = 8, .max_keys = 4096}, &scores);
//   status = scores.AddQueriesKeys(view);  // of the step: 1 query, all keys
//   std::vector<size_t> kept(1024);
//   size_t count = 0;
//   for (size_t group = 0; group < 8; ++group) {
//     status = scores.TopKeys(/*sequence=*/0, group, {.heavy = 820, .first = 4, .recent = 200}, kept, &count);
//     GatherCache(group, kept.data(), count);  // the engine's
//     status = scores.Keep(0, group, {kept.data(), count});
//   }
#ifndef ATTNSCOPE_KEY_SCORES_H_
#define ATTNSCOPE_KEY_SCORES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "attnscope/attention_view.h"
#include "attnscope/export.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"

namespace attnscope {

class ScoreStorage;

// Where a call means every group.
inline constexpr size_t kAllGroups = SIZE_MAX;

// What scores are made for.
struct KeyScoresConfig {
  size_t heads = 1;  // query heads of the layer, 1 to kMaxHeads
  // Query heads are in as many groups of neighbours: those of a group share their keys, and what the cache holds of
  // them. kv_heads for grouped-query attention, `heads` for a cache of each head, 1 for a cache that evicts the same
  // keys of all heads. Divides `heads`; 0: as many as `heads`.
  size_t groups = 0;
  size_t max_keys = 0;   // most keys that a sequence has at once, 1 to kMaxKeys
  size_t max_batch = 1;  // sequences that are open at once, 1 to kMaxBatch
  // 0: the scores are of all rows since the sequence began (H2O). Otherwise of its last `window` rows (SnapKV), 1 to
  // 65536.
  size_t window = 0;
  // What a row counts for is multiplied by this with each row that follows it; above 0, at most 1: no decay.
  double decay = 1.0;

  friend bool operator==(const KeyScoresConfig&, const KeyScoresConfig&) = default;
};

// Which keys a cache is to keep: the `first` ones (sinks), the last `recent` ones, and of those in between the `heavy`
// ones with the largest scores.
struct KeyChoice {
  size_t heavy = 0;
  size_t first = 0;
  size_t recent = 0;
};

// The score of key j of a query head is the sum of decay^(n - 1 - i) * a_ij over the rows i = 0 to n - 1 of the
// sequence so far, or over the last `window` of them, where a_ij is the weight that row i gives key j. Rows are the
// queries of one sequence in the order of the calls. A row that sees no key is none; one with NaN, an infinity or a
// negative weight is one, and gives nothing to any key.
//
// Keys are counted as they stand in the views: key j of the scores is key j of the view of the next call, a cell of the
// cache. Whatever an engine does to its cells, it says here:
//   - it gathers the ones it keeps, so that later ones move down (vLLM's copies, transformers' caches): Keep or Remove;
//   - it leaves holes, which other tokens take later (llama.cpp's seq_rm): Clear, and the holes' keys must be hidden by
//     Visibility::key_positions of -1, or by a mask, until they are taken;
//   - it moves cells (a ring that shifts, a prefix that is inserted): Shift. Where a cache shifts positions but not
//     cells (llama.cpp's seq_add), nothing changes here.
// Each call of Add tells how many keys there are: those of the view. Keys beyond the ones before are new, with scores
// of zero.
//
// Memory, allocated by Create: 12 bytes for each key, head and sequence, or 4 * window bytes with a window; pages that
// are never written cost nothing. Scratch, by the first call that needs it, or that brings a larger Runner: for weights
// nothing, or 5 * max_keys bytes a task if a mask hides keys one by one; for logits, and queries and keys, see
// ScratchBytes. Otherwise nothing is allocated but by TopKeys. After a failed call everything is as before that call.
//
// Threads: one at a time may call what is not const, and nobody else anything meanwhile; const members only read, so
// several threads may call them at once. Different objects are independent.
//
// Bit for bit, scores do not depend on how the rows of a sequence are cut into calls, on the runner, on the alignment
// of buffers, or on whether rows came by way of a LayerAccumulator (LayerAccumulator::Attach), on one SIMD target.
// Errors against exact arithmetic on the given weights: 1e-6 relative, with a decay 1.1e-6; with a window 1e-12. For
// weights that a softmax makes of logits, those of LayerAccumulator's column sums.
class ATTNSCOPE_EXPORT KeyScores {
 public:
  // Empty scores: they accept nothing until they are assigned some from Create.
  KeyScores();
  KeyScores(KeyScores&&) noexcept;
  KeyScores& operator=(KeyScores&&) noexcept;
  ~KeyScores();

  // Errors: kInvalidArgument for a field beyond its range, kOutOfMemory; `*out` is then unchanged.
  static Status Create(const KeyScoresConfig& config, KeyScores* out);

  // Adds rows as the calls of LayerAccumulator of the same names do, which tell their arguments, costs and errors. Also
  // kInvalidArgument for a view that has fewer keys than the sequence: it was not told what the cache has evicted, or
  // that the sequence has ended. With Visibility::key_positions, which may be any, views may have fewer cells.
  // For a window of w rows give the last w queries of a prompt only: what comes before is forgotten again.
  Status AddWeights(const AttentionView& weights, const Visibility& visibility = {}, const Runner& runner = {});
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params = {}, const Runner& runner = {});
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params = {}, const Runner& runner = {});

  // Bytes of scratch that AddLogits and AddQueriesKeys keep for such a runner, and the call that allocates it now.
  // Errors: kOutOfMemory.
  size_t ScratchBytes(const Runner& runner = {}) const;
  Status Reserve(const Runner& runner = {});

  // How many keys a group has; 0 beyond the configuration's sizes. O(1).
  size_t Keys(size_t sequence, size_t group) const;
  // How many rows a query head has had; 0 beyond the configuration's sizes. O(1).
  size_t Rows(size_t sequence, size_t head) const;

  // scores[j] of each of the group's Keys: the sum of its query heads' scores. What is behind them stays as it is.
  // O(heads of the group * keys), with a window times its rows. Errors: kOutOfRange for a sequence or group beyond the
  // configuration, kInvalidArgument if there is no room for the keys.
  Status Scores(size_t sequence, size_t group, std::span<double> scores) const;
  // The same of one query head.
  Status HeadScores(size_t sequence, size_t head, std::span<double> scores) const;

  // Fills keys[0, *count) with the keys that a group is to keep, ascending; as many as `choice` says, or all there are.
  // Of equal scores the first keys are taken. Costs Scores and O(keys) more; allocates two doubles for each key.
  // Errors: those of Scores, kOutOfMemory.
  Status TopKeys(size_t sequence, size_t group, const KeyChoice& choice, std::span<size_t> keys, size_t* count) const;

  // The cache keeps only these keys, ascending: they move down, in order, and the sequence has as many. `group` may be
  // kAllGroups. O(heads of the group * keys), with a window times its rows. Errors: kOutOfRange for a sequence, group
  // or key that there is not, kInvalidArgument for keys that do not ascend, or an empty KeyScores.
  Status Keep(size_t sequence, size_t group, std::span<const size_t> keys);
  // The cache drops these keys, ascending, and later ones move down. Costs and errors: those of Keep.
  Status Remove(size_t sequence, size_t group, std::span<const size_t> keys);
  // The cache drops these keys, ascending, and nothing moves: their scores begin again at zero. Errors: those of Keep.
  Status Clear(size_t sequence, size_t group, std::span<const size_t> keys);
  // Keys [begin, end) move by `delta`: over others, which are dropped, and leaving zeros, or if they were the last
  // keys, no keys. Costs: those of Keep. Errors: kOutOfRange for a sequence, group or keys that there are not, or that
  // would be before key 0 or beyond max_keys; kInvalidArgument for begin above end.
  Status Shift(size_t sequence, size_t group, size_t begin, size_t end, int64_t delta);

  // Forgets the sequence: the next rows begin another. Errors: kOutOfRange for a sequence beyond the configuration.
  // O(heads * keys), with a window times its rows.
  Status EndSequence(size_t sequence);
  // The same for all.
  void Reset();

  // What they were made with, `groups` resolved; the defaults for empty scores.
  KeyScoresConfig config() const;

 private:
  friend class LayerAccumulator;  // which adds the rows that it measures
  std::shared_ptr<ScoreStorage> storage() const;

  class State;
  std::shared_ptr<State> state_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KEY_SCORES_H_
