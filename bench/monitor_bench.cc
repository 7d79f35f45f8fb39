// SPDX-License-Identifier: Apache-2.0
//
// What the monitor costs an engine: the LibTorch example's forward pass, with layers of Llama 3.2 1B's shape, fed
// through DLPack. Names: <what>/<from weights or queries and keys>/<every which step>. Counters:
//
//   overhead  seconds in attnscope's calls over the engine's own, of the same steps
//   slowdown  median time of a step with the monitor over that of one without, which alternate; this also has what the
//             calls leave behind in the caches, but drifts with the machine by far more than the calls take
//   engine_ms, monitor_ms  medians of one step: the engine's own part, and the calls' at a sampled step
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/dlpack.h"
#include "bench/inputs.h"
#include "transformer.h"

namespace attnscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

void Require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::abort();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

enum class Source { kWeights, kQueriesKeys };

struct Load {
  const char* name;
  size_t layers;
  size_t past;    // tokens in the cache before each step
  size_t tokens;  // of a step
};
constexpr Load kPrefill = {"prefill_1024", 1, 0, 1024};
constexpr Load kDecode = {"decode_4096", 4, 4096, 1};

AttentionMonitor MakeMonitor(const Load& load, const example::TransformerShape& shape, uint64_t every) {
  MonitorConfig config;
  config.layers = load.layers;
  config.layer = {.heads = shape.heads, .max_keys = load.past + load.tokens};
  config.every_steps = every;
  config.window_steps = 0;
  config.window_tokens = 64 * load.tokens;  // so that windows close, too
  config.on_window = [](void*, std::string_view line) { benchmark::DoNotOptimize(line.size()); };
  AttentionMonitor monitor;
  Require(AttentionMonitor::Create(config, &monitor));
  return monitor;
}

void Feed(AttentionMonitor& monitor, Source source, const example::LayerTensors& tensors) {
  const Mask mask = {.causal = true, .causal_offset = static_cast<int64_t>(tensors.past)};
  const Runner threads = {.run = &example::Transformer::Run, .threads = example::Transformer::Threads()};
  if (source == Source::kWeights) {
    AttentionView view;
    Require(AttentionFromDLPack(*tensors.weights, &view));
    Require(monitor.AddWeights(tensors.layer, view, mask, threads));
  } else {
    QueryKeyView view;
    Require(QueriesKeysFromDLPack(*tensors.queries, *tensors.keys, &view));
    Require(monitor.AddQueriesKeys(tensors.layer, view, {.mask = mask}, threads));
  }
}

// Steps of an engine, each beside one of the same engine without a monitor if `paired`.
class Steps {
 public:
  Steps(const Load& load, Source source, uint64_t every)
      : load_(load),
        source_(source),
        shape_(ShapeOf(load)),
        transformer_(shape_, 1),
        monitor_(MakeMonitor(load, shape_, every)) {
    for (int i = 0; i < 2; ++i) Plain();
    Watched();
    Require(monitor_.CloseWindow());  // touches the state's memory, and leaves nothing of the warm-up to be reported
    engine_.clear();
    monitor_of_sample_.clear();
    in_monitor_ = 0.0;
  }

  // Seconds of a step without a monitor.
  double Plain() {
    transformer_.SetPast(load_.past);
    const Clock::time_point begin = Clock::now();
    transformer_.Forward(load_.tokens);
    return SecondsSince(begin);
  }

  // The same with it.
  double Watched() {
    transformer_.SetPast(load_.past);
    double inside = 0.0;
    bool sampled = false;
    example::Observer observer;
    observer.wants = [&](size_t layer) { return monitor_.ShouldSample(layer, step_); };
    observer.show = [&](const example::LayerTensors& tensors) {
      const Clock::time_point begin = Clock::now();
      Feed(monitor_, source_, tensors);
      inside += SecondsSince(begin);
      sampled = true;
    };
    const Clock::time_point begin = Clock::now();
    transformer_.Forward(load_.tokens, observer);
    const Clock::time_point end = Clock::now();
    Require(monitor_.EndStep(step_++, load_.tokens));
    inside += SecondsSince(end);
    const double total = SecondsSince(begin);
    engine_.push_back(total - inside);
    if (sampled) monitor_of_sample_.push_back(inside);
    in_monitor_ += inside;
    return total;
  }

  void Report(benchmark::State& state) const {
    double engine = 0.0;
    for (const double seconds : engine_) engine += seconds;
    state.counters["overhead"] = in_monitor_ / engine;
    state.counters["engine_ms"] = 1e3 * Median(engine_);
    state.counters["monitor_ms"] = 1e3 * Median(monitor_of_sample_);
  }

 private:
  static example::TransformerShape ShapeOf(const Load& load) {
    example::TransformerShape shape;
    shape.layers = load.layers;
    shape.max_tokens = load.past + load.tokens;
    return shape;
  }

  Load load_;
  Source source_;
  example::TransformerShape shape_;
  example::Transformer transformer_;
  AttentionMonitor monitor_;
  uint64_t step_ = 0;
  std::vector<double> engine_;
  std::vector<double> monitor_of_sample_;
  double in_monitor_ = 0.0;
};

void Forward(benchmark::State& state, const Load& load, Source source, uint64_t every, bool paired) {
  Steps steps(load, source, every);
  std::vector<double> plain;
  std::vector<double> watched;
  for (auto _ : state) {
    if (paired) plain.push_back(steps.Plain());
    watched.push_back(steps.Watched());
    state.SetIterationTime(watched.back());
  }
  steps.Report(state);
  if (paired) state.counters["slowdown"] = Median(watched) / Median(plain);
}

// The calls of a layer that is not sampled.
void ShouldSample(benchmark::State& state) {
  AttentionMonitor monitor = MakeMonitor(kDecode, {}, 1u << 30);
  Require(monitor.EndStep(0));
  uint64_t step = 1;
  size_t sampled = 0;
  for (auto _ : state) {
    for (size_t layer = 0; layer < kDecode.layers; ++layer) sampled += monitor.ShouldSample(layer, step) ? 1 : 0;
    benchmark::DoNotOptimize(sampled);
    ++step;
  }
  state.counters["per_layer"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(kDecode.layers),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// One row of each head, with one more key each time, through the monitor: what a decode step pays for a layer.
// `per_key` is seconds for each weight.
void DecodeRows(benchmark::State& state) {
  const auto keys = static_cast<size_t>(state.range(0));
  constexpr size_t kHeads = 32;
  constexpr size_t kLayers = 16;  // as many as push one another's state out of the caches
  const AttentionRows rows(RowKind::kSoftmax1, ElementType::kFloat32, kHeads, keys + 64);
  MonitorConfig config;
  config.layers = kLayers;
  config.layer = {.heads = kHeads, .max_keys = keys + 64};
  config.every_steps = 1;
  AttentionMonitor monitor;
  Require(AttentionMonitor::Create(config, &monitor));
  uint64_t step = 0;
  for (auto _ : state) {
    AttentionView view = ContiguousAttention(rows.Row(0), ElementType::kFloat32, 1, kHeads, 1, keys + step % 64);
    view.head_stride = static_cast<int64_t>(keys + 64);
    for (size_t layer = 0; layer < kLayers; ++layer) Require(monitor.AddWeights(layer, view));
    Require(monitor.EndStep(step++));
  }
  const double weights = static_cast<double>(state.iterations()) * static_cast<double>(kLayers * kHeads * keys);
  state.counters["per_row"] = benchmark::Counter(static_cast<double>(state.iterations()) * kLayers * kHeads,
                                                 benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["per_key"] = benchmark::Counter(weights, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void RegisterForward(const Load& load, Source source, uint64_t every, const char* how_often, bool paired,
                     int64_t steps) {
  const std::string name =
      std::string(load.name) + (source == Source::kWeights ? "/weights/" : "/queries_keys/") + how_often;
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) { Forward(state, load, source, every, paired); })
      ->Unit(benchmark::kMillisecond)
      ->UseManualTime()
      ->Iterations(steps);
}

void RegisterAll() {
  benchmark::RegisterBenchmark("should_sample", ShouldSample);
  for (const int64_t keys : {128, 1024, 4096, 16384}) {
    benchmark::RegisterBenchmark("decode_rows", DecodeRows)->Arg(keys)->Unit(benchmark::kMicrosecond);
  }
  for (const Source source : {Source::kWeights, Source::kQueriesKeys}) {
    RegisterForward(kDecode, source, uint64_t{1} << 40, "never", true, 100);
    RegisterForward(kDecode, source, 1, "each", true, 100);
    RegisterForward(kDecode, source, 16, "each_16th", true, 160);
    RegisterForward(kPrefill, source, uint64_t{1} << 40, "never", true, 5);
    RegisterForward(kPrefill, source, 1, "each", true, 5);
    RegisterForward(kPrefill, source, 16, "each_16th", false, 32);
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
