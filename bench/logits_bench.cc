// SPDX-License-Identifier: Apache-2.0
//
// The diagnosis from logits beside the one from weights, in turns, on matrices of the same size, one thread. Counters
// are medians:
//
//   of_weights        rate of the logits as a share of that of the weights; more than 1 is faster
//   bytes_per_second  bytes of logits, each read once from memory
//
// Names: logits/<variant>/<type>/<n>; variants: plain, scaled, capped (soft cap), biased (a row of float32).
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "bench/inputs.h"
#include "bench/interleaved.h"
#include "bench/paired.h"

namespace attnscope::bench {
namespace {

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

struct Variant {
  const char* name;
  ElementType type;
  SoftmaxParams params;
  bool biased = false;
};

// Logits of standard deviation 1, as elements of the type.
std::vector<float> Logits(ElementType type, size_t count) {
  std::vector<float> values = GaussianFloats(3, count);
  if (type != ElementType::kBFloat16) return values;
  auto* bytes = reinterpret_cast<uint8_t*>(values.data());
  for (size_t i = 0; i < count; ++i) {
    uint32_t word;
    std::memcpy(&word, bytes + i * sizeof(word), sizeof(word));
    const auto half = static_cast<uint16_t>(word >> 16);
    std::memcpy(bytes + i * sizeof(half), &half, sizeof(half));
  }
  return values;
}

void Run(benchmark::State& state, const Variant& variant, size_t keys) {
  const AttentionRows weights(RowKind::kSoftmax1, variant.type, keys, keys);
  const std::vector<float> logits = Logits(variant.type, keys * keys);
  const std::vector<float> bias = GaussianFloats(4, keys);
  SoftmaxParams params = variant.params;
  if (variant.biased) params.bias.data = bias.data();
  LayerAccumulator of_weights;
  LayerAccumulator of_logits;
  Check(LayerAccumulator::Create({.heads = 1, .max_keys = keys}, &of_weights));
  Check(LayerAccumulator::Create({.heads = 1, .max_keys = keys}, &of_logits));
  Interleaved turns(
      {[&] {
         Check(of_logits.AddLogits(ContiguousAttention(logits.data(), variant.type, 1, 1, keys, keys), params));
         of_logits.EndSequence();
       },
       [&] {
         Check(of_weights.AddWeights(ContiguousAttention(weights.Row(0), variant.type, 1, 1, keys, keys)));
         of_weights.EndSequence();
       }});
  turns.Turn();
  for (auto _ : state) state.SetIterationTime(turns.Turn());
  state.counters["of_weights"] = turns.Median(1) / turns.Median(0);
  state.counters["bytes_per_second"] = static_cast<double>(keys * keys * ElementBytes(variant.type)) / turns.Median(0);
}

void RegisterAll() {
  const Variant variants[] = {{"plain/float32", ElementType::kFloat32, {}},
                              {"plain/bfloat16", ElementType::kBFloat16, {}},
                              {"scaled/float32", ElementType::kFloat32, {.scale = 0.7}},
                              {"capped/float32", ElementType::kFloat32, {.soft_cap = 50.0}},
                              {"biased/float32", ElementType::kFloat32, {}, true}};
  for (const Variant& variant : variants) {
    for (const size_t keys : {size_t{512}, size_t{2048}, size_t{8192}}) {
      benchmark::RegisterBenchmark(("logits/" + std::string(variant.name) + "/" + std::to_string(keys)).c_str(),
                                   [=](benchmark::State& state) { Run(state, variant, keys); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RegisterAll();
  return attnscope::bench::RunBenchmarks(argc, argv);
}
