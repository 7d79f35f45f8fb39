// SPDX-License-Identifier: Apache-2.0
//
// What bench/count_instructions runs under `valgrind --tool=callgrind --instr-atstart=no`: fixed rows of every kind
// and of several sizes go through LayerAccumulator on the AVX2 target (valgrind has no AVX-512). Only the measuring
// calls are instrumented, after one that warms up; each case ends with a dump that bears its name. Nothing is timed, so
// the counts repeat exactly. With `--key`, prints what the counts depend on, as JSON, and counts nothing.
#include <valgrind/callgrind.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "bench/inputs.h"
#include "hwy/highway.h"
#include "hwy/targets.h"

namespace attnscope::bench {
namespace {

constexpr size_t kRows = 64;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

// Calls `measure` twice and dumps the instructions of the second call.
template <class Measure>
void Count(const std::string& name, Measure measure) {
  measure();
  CALLGRIND_START_INSTRUMENTATION;
  measure();
  CALLGRIND_STOP_INSTRUMENTATION;
  CALLGRIND_DUMP_STATS_AT(name.c_str());
}

const char* NameOf(ElementType type) {
  return type == ElementType::kFloat32 ? "float32" : type == ElementType::kFloat16 ? "float16" : "bfloat16";
}

void CountWeights(RowKind kind, ElementType type, size_t keys) {
  const AttentionRows rows(kind, type, kRows, keys);
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = 1, .max_keys = keys}, &layer));
  const AttentionView view = ContiguousAttention(rows.Row(0), type, 1, 1, kRows, keys);
  Count("weights/" + std::string(NameOf(kind)) + "/" + std::to_string(keys) + "/" + NameOf(type),
        [&] { Check(layer.AddWeights(view)); });
}

void CountRowOutputs(RowKind kind, ElementType type, size_t keys) {
  const AttentionRows rows(kind, type, kRows, keys);
  const AllRowOutputs all(kRows);
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = 1, .max_keys = keys}, &layer));
  const AttentionView view = ContiguousAttention(rows.Row(0), type, 1, 1, kRows, keys);
  Count("row_outputs/" + std::string(NameOf(kind)) + "/" + std::to_string(keys) + "/" + NameOf(type),
        [&] { Check(layer.AddWeights(view, {}, {}, &all.outputs())); });
}

// A decode step: one row for each head.
void CountDecodeStep(size_t keys) {
  const AttentionRows rows(RowKind::kSoftmax1, ElementType::kFloat32, kRows, keys);
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = kRows, .max_keys = keys}, &layer));
  const AttentionView view = ContiguousAttention(rows.Row(0), ElementType::kFloat32, 1, kRows, 1, keys);
  Count("decode/softmax1/" + std::to_string(keys) + "/float32", [&] { Check(layer.AddWeights(view)); });
}

void CountLogits(size_t keys) {
  const std::vector<float> logits = GaussianFloats(3, kRows * keys);
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = 1, .max_keys = keys}, &layer));
  const AttentionView view = ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 1, kRows, keys);
  Count("logits/gaussian/" + std::to_string(keys) + "/float32", [&] { Check(layer.AddLogits(view)); });
}

// A decode step of 32 query heads on 8 heads of keys, without and with the scores of the keys.
void CountScoredStep(size_t keys) {
  constexpr size_t kHeads = 32, kKvHeads = 8, kHeadDim = 128;
  const std::vector<float> query = GaussianFloats(1, kHeads * kHeadDim);
  const std::vector<float> cache = GaussianFloats(2, kKvHeads * keys * kHeadDim);
  const QueryKeyView view =
      ContiguousQueryKey(query.data(), cache.data(), ElementType::kFloat32, 1, kHeads, kKvHeads, 1, keys, kHeadDim);
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = kHeads, .max_keys = keys}, &layer));
  const std::string name = "/gaussian/" + std::to_string(keys) + "/float32";
  Count("decode_queries_keys" + name, [&] { Check(layer.AddQueriesKeys(view)); });
  layer.Reset();
  KeyScores scores;
  Check(KeyScores::Create({.heads = kHeads, .groups = kKvHeads, .max_keys = keys}, &scores));
  Check(layer.Attach(scores));
  Count("decode_key_scores" + name, [&] { Check(layer.AddQueriesKeys(view)); });
}

void CountAll() {
  for (const size_t keys : std::initializer_list<size_t>{128, 300, 512, 1024, 4096, 16384}) {
    for (const RowKind kind : kAllRowKinds) CountWeights(kind, ElementType::kFloat32, keys);
    CountWeights(RowKind::kSoftmax1, ElementType::kFloat16, keys);
    CountWeights(RowKind::kSoftmax1, ElementType::kBFloat16, keys);
    CountDecodeStep(keys);
    CountLogits(keys);
  }
  CountScoredStep(4096);
  for (const size_t keys : std::initializer_list<size_t>{1024, 16384}) {
    for (const RowKind kind : kAllRowKinds) CountRowOutputs(kind, ElementType::kFloat32, keys);
    CountRowOutputs(RowKind::kSoftmax1, ElementType::kFloat16, keys);
    CountRowOutputs(RowKind::kSoftmax1, ElementType::kBFloat16, keys);
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  if ((hwy::SupportedTargets() & HWY_AVX2) == 0) {
    std::fprintf(stderr, "this CPU, or this valgrind, has no AVX2\n");
    return 1;
  }
  hwy::SetSupportedTargetsForTest(HWY_AVX2);
#if defined(__clang__)
  const char* compiler = "Clang " __clang_version__;
#else
  const char* compiler = "GCC " __VERSION__;
#endif
  if (argc == 2 && std::strcmp(argv[1], "--key") == 0) {
    std::printf("{\"compiler\": \"%s\", \"highway\": \"%d.%d.%d\", \"target\": \"%s\"}\n", compiler, HWY_MAJOR,
                HWY_MINOR, HWY_PATCH, hwy::TargetName(HWY_AVX2));
    return 0;
  }
  attnscope::bench::CountAll();
  return 0;
}
