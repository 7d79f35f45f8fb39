// SPDX-License-Identifier: Apache-2.0
//
// What scores of keys cost a decode step: the same step through an accumulator without and with KeyScores attached, in
// turns, and through KeyScores alone. 32 query heads, 4096 keys, one new query each time. Prints the times that a tenth
// of the turns were faster than, and their ratio, since a machine that does other work spoils most turns.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/target.h"
#include "bench/inputs.h"
#include "bench/interleaved.h"

namespace attnscope::bench {
namespace {

constexpr size_t kHeads = 32, kKeys = 4096, kHeadDim = 128;
constexpr int kTurns = 501;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

LayerAccumulator NewLayer() {
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = kHeads, .max_keys = kKeys}, &layer));
  return layer;
}

KeyScores NewScores(size_t groups, size_t window, double decay) {
  KeyScores scores;
  Check(KeyScores::Create({.heads = kHeads, .groups = groups, .max_keys = kKeys, .window = window, .decay = decay},
                          &scores));
  return scores;
}

// `add_step(layer)` and `add_alone(scores)` add the same step.
template <class AddStep, class AddAlone>
void Compare(const std::string& name, size_t groups, size_t window, double decay, const AddStep& add_step,
             const AddAlone& add_alone) {
  LayerAccumulator without = NewLayer(), with = NewLayer();
  KeyScores attached = NewScores(groups, window, decay), alone = NewScores(groups, window, decay);
  Check(with.Attach(attached));
  Interleaved turns({[&] { add_step(without); }, [&] { add_step(with); }, [&] { add_alone(alone); }});
  for (int i = 0; i < kTurns; ++i) turns.Turn();
  const auto microseconds = [&](size_t index) { return 1e6 * turns.Quantile(index, 0.1); };
  std::printf("%-44s %9.1f us %9.1f us  ratio %.3f   alone %9.1f us\n", name.c_str(), microseconds(0), microseconds(1),
              microseconds(1) / microseconds(0), microseconds(2));
}

void CompareQueriesKeys(size_t kv_heads, size_t window, double decay, const std::string& what) {
  const std::vector<float> queries = GaussianFloats(1, kHeads * kHeadDim);
  const std::vector<float> keys = GaussianFloats(2, kv_heads * kKeys * kHeadDim);
  const QueryKeyView view =
      ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, kHeads, kv_heads, 1, kKeys, kHeadDim);
  Compare(
      "queries and keys, " + std::to_string(kv_heads) + " heads of keys, " + what, kv_heads, window, decay,
      [&](LayerAccumulator& layer) { Check(layer.AddQueriesKeys(view)); },
      [&](KeyScores& scores) { Check(scores.AddQueriesKeys(view)); });
}

void CompareLogits() {
  const std::vector<float> logits = GaussianFloats(3, kHeads * kKeys);
  const AttentionView view = ContiguousAttention(logits.data(), ElementType::kFloat32, 1, kHeads, 1, kKeys);
  Compare(
      "logits, sum", kHeads, 0, 1.0, [&](LayerAccumulator& layer) { Check(layer.AddLogits(view)); },
      [&](KeyScores& scores) { Check(scores.AddLogits(view)); });
}

void CompareWeights() {
  const AttentionRows rows(RowKind::kSoftmax1, ElementType::kFloat32, kHeads, kKeys);
  const AttentionView view = ContiguousAttention(rows.Row(0), ElementType::kFloat32, 1, kHeads, 1, kKeys);
  Compare(
      "weights, sum", kHeads, 0, 1.0, [&](LayerAccumulator& layer) { Check(layer.AddWeights(view)); },
      [&](KeyScores& scores) { Check(scores.AddWeights(view)); });
}

// The choice of the keys that stay, of one group of four query heads.
void TimeTopKeys() {
  const AttentionRows rows(RowKind::kSoftmax1, ElementType::kFloat32, kHeads, kKeys);
  KeyScores scores = NewScores(8, 0, 1.0);
  Check(scores.AddWeights(ContiguousAttention(rows.Row(0), ElementType::kFloat32, 1, kHeads, 1, kKeys)));
  std::vector<size_t> kept(kKeys);
  size_t count = 0;
  Interleaved turns({[&] { Check(scores.TopKeys(0, 0, {.heavy = 820, .first = 4, .recent = 200}, kept, &count)); }});
  for (int i = 0; i < kTurns; ++i) turns.Turn();
  std::printf("TopKeys of 4 heads: %.1f us for %zu of %zu keys\n", 1e6 * turns.Quantile(0, 0.1), count, kKeys);
}

}  // namespace
}  // namespace attnscope::bench

int main() {
  using namespace attnscope::bench;  // NOLINT: a program
  std::printf("one decode step, target %s; accumulator without scores, with scores, their ratio; scores alone\n",
              std::string(attnscope::ChosenTarget()).c_str());
  CompareQueriesKeys(8, 0, 1.0, "sum");
  CompareQueriesKeys(8, 0, 0.99, "decay");
  CompareQueriesKeys(8, 32, 1.0, "window 32");
  CompareLogits();
  CompareWeights();
  TimeTopKeys();
  return 0;
}
