// SPDX-License-Identifier: Apache-2.0
//
// A layer's accumulator as Python has it: safe from any number of its threads.
#ifndef ATTNSCOPE_PYTHON_MODULE_ACCUMULATOR_H_
#define ATTNSCOPE_PYTHON_MODULE_ACCUMULATOR_H_

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "python/module/calls.h"
#include "python/module/key_scores.h"
#include "tools/analysis/plan.h"

namespace attnscope::python {

namespace nb = nanobind;

// Calls on one accumulator wait for one another, without the GIL.
class Accumulator final : public RowSink {
 public:
  explicit Accumulator(const LayerConfig& config);

  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) override {
    return AddWeights(weights, mask, runner, nullptr);
  }
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) override {
    return AddLogits(logits, params, runner, nullptr);
  }
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) override {
    return AddQueriesKeys(view, params, runner, nullptr);
  }
  // The same, and what each row measures, where `rows` is not null.
  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner, const RowOutputs* rows);
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner,
                   const RowOutputs* rows);
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner,
                        const RowOutputs* rows);
  Status AddResidual(const ActivationView& before, const ActivationView& after) override;
  Status AddGradient(const BufferView& gradient) override;

  // From now on rows are also added to `scores`; null: no longer.
  Status Attach(std::shared_ptr<SharedScores> scores);

  void EndSequences();
  Status EndSequence(size_t sequence);
  LayerStats Stats();
  // Of an open matrix; `*columns` becomes as long as it has keys.
  Status ColumnSums(size_t sequence, size_t head, std::vector<double>* columns);
  void Reset();
  Status Merge(Accumulator* other);
  // Room for longer rows and more sequences; what was measured stays, open sequences too.
  Status Grow(size_t max_keys, size_t max_batch);
  LayerConfig config() const { return layer_.config(); }

  // For an all-reduce; the arrays stay where they are.
  std::span<double> Sums();
  std::span<double> Maxima();

  // All of it, open sequences too, for pickles of this version of the library.
  nb::tuple GetState();
  // Into what `memory` is to be.
  static void SetState(Accumulator* memory, const nb::tuple& state);

  // As the command writes states, open sequences ended. docs/state-format.md has the bytes.
  nb::bytes SaveState(int64_t layer, const std::string& stage, std::optional<int64_t> epoch);
  // The opposite, of one layer.
  static void LoadState(Accumulator* memory, const nb::bytes& bytes, std::optional<int64_t> layer, size_t max_keys,
                        size_t max_batch);

 private:
  // What the first attention was, and how its softmax was made: saved states name it.
  struct Manner {
    std::optional<tools::AttentionKind> kind;
    bool causal = false;
    double scale = 0.0;
    double soft_cap = 0.0;
    std::string row_options = {};  // of a state that was read
  };
  void Remember(tools::AttentionKind kind, const SoftmaxParams& params);

  // add(), alone on this accumulator and on its scores.
  template <typename Add>
  Status Alone(const Add& add);

  LayerAccumulator layer_;
  std::mutex mutex_;
  std::shared_ptr<SharedScores> scores_;  // that are attached; its mutex is taken after the accumulator's
  Manner manner_;
  // Arrays of Sums and Maxima may be in use for as long as this object lives, so what Grow leaves behind then stays.
  bool has_lent_ = false;
  std::vector<LayerAccumulator> left_behind_;
};

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_ACCUMULATOR_H_
