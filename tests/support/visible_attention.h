// SPDX-License-Identifier: Apache-2.0
//
// Attention of which a Visibility shows a part: weights, logits, queries and keys whose hidden elements are NaN, random
// visibilities, and one call that compares what a layer measures of them with the oracle.
#ifndef ATTNSCOPE_TESTS_SUPPORT_VISIBLE_ATTENTION_H_
#define ATTNSCOPE_TESTS_SUPPORT_VISIBLE_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "tests/support/row_inputs.h"
#include "tests/support/row_output_checks.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::test {

struct AttentionSizes {
  size_t batch = 2;
  size_t heads = 4;
  size_t kv_heads = 2;
  size_t queries = 19;
  size_t keys = 37;
  size_t head_dim = 12;
  size_t max_keys = 100;  // of the accumulator: positions may be up to it

  MatrixSizes matrix() const { return {queries, keys}; }
};

// The three ways in.
enum class InputKind { kWeights, kLogits, kQueriesKeys };
inline constexpr InputKind kAllInputs[] = {InputKind::kWeights, InputKind::kLogits, InputKind::kQueriesKeys};
const char* NameOf(InputKind kind);

// All three inputs of one layer, contiguous and of one type. The heads of keys stand one after the other, or with every
// other seed those of a key side by side.
class VisibleAttention {
 public:
  // What `params` points to must outlive this. Weights of what a row sees sum to 1, or, with sinks, to less.
  VisibleAttention(const AttentionSizes& sizes, const SoftmaxParams& params, ElementType type, uint64_t seed);
  // Puts some of `values` in place of one logit in six.
  void MaskLogits(const std::vector<float>& values, uint64_t seed);

  AttentionView weights() const;
  AttentionView logits() const;
  QueryKeyView queries_keys() const;

  // Rows [first, first + count) to the layer, on its open sequences.
  Status AddRows(InputKind kind, size_t first, size_t count, LayerAccumulator& layer, const Runner& runner = {},
                 const RowOutputs* outputs = nullptr) const {
    return AddRowsTo(kind, first, count, layer, runner, outputs);
  }
  // The same to the scores of the keys.
  Status AddRows(InputKind kind, size_t first, size_t count, KeyScores& scores, const Runner& runner = {}) const {
    return AddRowsTo(kind, first, count, scores, runner);
  }
  Status AddAll(InputKind kind, LayerAccumulator& layer, const Runner& runner = {}) const {
    return AddRows(kind, 0, sizes_.queries, layer, runner);
  }
  LayerConfig config() const;

  // What all rows measure as, and each row, against the oracle.
  void ExpectExact(InputKind kind, const std::string& what) const;
  // The same state, and the same of each row, bit for bit, however rows are cut into calls and however many threads
  // there are.
  void ExpectCutsDoNotMatter(InputKind kind, uint64_t seed, const std::string& what) const;

 private:
  template <class Layer, class... Rows>
  Status AddRowsTo(InputKind kind, size_t first, size_t count, Layer& layer, const Runner& runner,
                   Rows... outputs) const;
  void FillWeights(Random& random);
  // What each row measures: against the oracle, to buffers of any strides and types, and without an accumulator.
  void ExpectExactRowsOf(InputKind kind, const std::string& what) const;
  Status MeasureAll(InputKind kind, const RowOutputs& outputs, const Runner& runner = {}) const;
  RowBuffers::Shape shape() const { return {sizes_.batch, sizes_.heads, sizes_.queries}; }
  void HideLogits();
  void HideKeys();
  size_t RowOf(size_t sequence, size_t head, size_t row) const {
    return (sequence * sizes_.heads + head) * sizes_.queries + row;
  }

  AttentionSizes sizes_;
  SoftmaxParams params_;
  ElementType type_;
  bool side_by_side_;
  std::vector<uint8_t> weights_, logits_, queries_, keys_;
};

// All inputs of every type against the oracle, and those of float32 cut.
void ExpectExactOfAllInputs(const AttentionSizes& sizes, const SoftmaxParams& params, uint64_t seed,
                            const std::string& what);

// A visibility with arrays of its own; each field is there or not.
class RandomVisibility {
 public:
  RandomVisibility(const AttentionSizes& sizes, Random& random);
  RandomVisibility(const RandomVisibility&) = delete;
  RandomVisibility& operator=(const RandomVisibility&) = delete;

  const Visibility& operator*() const { return visibility_; }
  const Visibility* operator->() const { return &visibility_; }

 private:
  void DrawRanges(const AttentionSizes& sizes, Random& random);
  void DrawLengths(const AttentionSizes& sizes, Random& random);
  void DrawSegments(size_t positions, Random& random);
  void DrawMask(const AttentionSizes& sizes, Random& random);
  void DrawPositions(const AttentionSizes& sizes, Random& random);

  Visibility visibility_;
  std::vector<int64_t> key_lengths_, first_keys_, query_lengths_, segments_, positions_;
  std::vector<uint8_t> mask_;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_VISIBLE_ATTENTION_H_
