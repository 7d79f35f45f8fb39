// SPDX-License-Identifier: Apache-2.0
//
// What LayerAccumulator costs around the sweep: threads, rows one at a time, and the mean matrix. Softmax rows from
// memory, float32; every benchmark times its work and what it is compared with in turns. Counters:
//
//   threads/<keys>      two heads by two threads: of_read2, the share of a plain read by two threads; speedup over one
//   row_threads/<keys>  one matrix of as many rows as keys, by two threads, which share its rows: the same
//   decode/<keys>       a call with one row of each of 32 heads: over_matrix, its time over that of as many rows of one
//                       matrix
//   call/<keys>         a call with one row: extra_ns, what it takes beyond that row's share of a large matrix
//   row_outputs/<keys>  every output of each row: over_without, the time over that of the same rows without outputs;
//                       over_without_logits, the same of logits
//   mean_matrix/<keys>  eight heads: over_sum, its time over a plain read of them all and the sweep of one
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "bench/inputs.h"
#include "bench/interleaved.h"
#include "bench/paired.h"
#include "bench/references.h"

namespace attnscope::bench {
namespace {

constexpr size_t kMemoryBytes = size_t{96} << 20;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(2);
}

LayerAccumulator MakeAccumulator(const LayerConfig& config) {
  LayerAccumulator layer;
  Check(LayerAccumulator::Create(config, &layer));
  return layer;
}

// Rows of one kind, handed out a few at a time, over and over.
class FreshRows {
 public:
  explicit FreshRows(size_t keys)
      : rows_(RowKind::kSoftmax1, ElementType::kFloat32, kMemoryBytes / (keys * sizeof(float)), keys) {}

  AttentionView Next(size_t heads, size_t queries) {
    if (next_ + heads * queries > rows_.rows()) next_ = 0;
    const AttentionView view =
        ContiguousAttention(rows_.Row(next_), ElementType::kFloat32, 1, heads, queries, rows_.keys());
    next_ += heads * queries;
    return view;
  }
  size_t rows() const { return rows_.rows(); }

 private:
  AttentionRows rows_;
  size_t next_ = 0;
};

double Read(const AttentionView& view) {
  return ReadAll(view.data, ElementType::kFloat32, view.heads * view.queries * view.keys);
}

void Run(benchmark::State& state, Interleaved& work, size_t bytes) {
  for (auto _ : state) state.SetIterationTime(work.Turn());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void RunThreads(benchmark::State& state, size_t heads, size_t queries, size_t keys) {
  FreshRows rows(keys);
  LayerAccumulator layer = MakeAccumulator({.heads = heads, .max_keys = keys});
  ThreadRunner threads;
  Check(ThreadRunner::Create(2, &threads));
  const Runner runner = threads.runner();
  struct TwoReads {
    AttentionView view;
    double sums[2];
  };
  Interleaved work({[&] { Check(layer.AddWeights(rows.Next(heads, queries), {}, runner)); },
                    [&] { Check(layer.AddWeights(rows.Next(heads, queries))); },
                    [&] {
                      TwoReads reads = {rows.Next(heads, queries), {}};
                      const auto task = [](void* argument, size_t index) {
                        TwoReads& both = *static_cast<TwoReads*>(argument);
                        const size_t half = both.view.heads * both.view.queries * both.view.keys / 2;
                        const float* from = static_cast<const float*>(both.view.data) + index * half;
                        both.sums[index] = ReadAll(from, ElementType::kFloat32, half);
                      };
                      runner.run(runner.opaque, task, &reads, 2);
                      benchmark::DoNotOptimize(reads.sums[0] + reads.sums[1]);
                    }});
  Run(state, work, heads * queries * keys * sizeof(float));
  state.counters["speedup"] = work.Median(1) / work.Median(0);
  state.counters["of_read2"] = work.Median(2) / work.Median(0);
}

void Threads(benchmark::State& state, size_t keys) {
  RunThreads(state, 2, kMemoryBytes / (2 * keys * sizeof(float)), keys);
}

void RowThreads(benchmark::State& state, size_t keys) {
  RunThreads(state, 1, std::min(keys, kMemoryBytes / (keys * sizeof(float))), keys);
}

void Decode(benchmark::State& state, size_t keys) {
  constexpr size_t kHeads = 32;
  FreshRows rows(keys);
  LayerAccumulator decoding = MakeAccumulator({.heads = kHeads, .max_keys = keys});
  LayerAccumulator matrix = MakeAccumulator({.heads = 1, .max_keys = keys});
  Interleaved work({[&] { Check(decoding.AddWeights(rows.Next(kHeads, 1))); },
                    [&] { Check(matrix.AddWeights(rows.Next(1, kHeads))); }});
  Run(state, work, kHeads * keys * sizeof(float));
  state.counters["over_matrix"] = work.Median(0) / work.Median(1);
}

void Call(benchmark::State& state, size_t keys) {
  constexpr size_t kRows = 1024;
  FreshRows rows(keys);
  LayerAccumulator one = MakeAccumulator({.heads = 1, .max_keys = keys});
  LayerAccumulator matrix = MakeAccumulator({.heads = 1, .max_keys = keys});
  Interleaved work({[&] {
                      for (size_t i = 0; i < kRows; ++i) Check(one.AddWeights(rows.Next(1, 1)));
                    },
                    [&] { Check(matrix.AddWeights(rows.Next(1, kRows))); }});
  Run(state, work, kRows * keys * sizeof(float));
  state.counters["extra_ns"] = (work.Median(0) - work.Median(1)) / kRows * 1e9;
}

void Outputs(benchmark::State& state, size_t keys) {
  constexpr size_t kRows = 512;
  FreshRows rows(keys);
  const AllRowOutputs all(kRows);
  LayerAccumulator with = MakeAccumulator({.heads = 1, .max_keys = keys});
  LayerAccumulator without = MakeAccumulator({.heads = 1, .max_keys = keys});
  Interleaved work({[&] { Check(with.AddWeights(rows.Next(1, kRows), {}, {}, &all.outputs())); },
                    [&] { Check(without.AddWeights(rows.Next(1, kRows))); },
                    [&] { Check(with.AddLogits(rows.Next(1, kRows), {}, {}, &all.outputs())); },
                    [&] { Check(without.AddLogits(rows.Next(1, kRows))); }});
  Run(state, work, kRows * keys * sizeof(float));
  state.counters["over_without"] = work.Median(0) / work.Median(1);
  state.counters["over_without_logits"] = work.Median(2) / work.Median(3);
}

void MeanMatrix(benchmark::State& state, size_t keys) {
  constexpr size_t kHeads = 8;
  FreshRows rows(keys);
  const size_t queries = rows.rows() / kHeads;
  LayerAccumulator mean = MakeAccumulator({.heads = kHeads, .max_keys = keys, .mean_matrix = true});
  LayerAccumulator one = MakeAccumulator({.heads = 1, .max_keys = keys});
  Interleaved work({[&] { Check(mean.AddWeights(rows.Next(kHeads, queries))); },
                    [&] {
                      const AttentionView all = rows.Next(kHeads, queries);
                      benchmark::DoNotOptimize(Read(all));
                      AttentionView head = all;
                      head.heads = 1;
                      Check(one.AddWeights(head));
                    }});
  Run(state, work, kHeads * queries * keys * sizeof(float));
  state.counters["over_sum"] = work.Median(0) / work.Median(1);
}

void Register(const std::string& what, size_t keys, void (*run)(benchmark::State&, size_t)) {
  benchmark::RegisterBenchmark((what + "/" + std::to_string(keys)).c_str(),
                               [=](benchmark::State& state) { run(state, keys); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

void RegisterAll() {
  for (const size_t keys : std::initializer_list<size_t>{128, 1024, 4096, 16384}) {
    Register("threads", keys, Threads);
    Register("row_threads", keys, RowThreads);
    Register("decode", keys, Decode);
    Register("call", keys, Call);
    Register("row_outputs", keys, Outputs);
    Register("mean_matrix", keys, MeanMatrix);
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RegisterAll();
  return attnscope::bench::RunBenchmarks(argc, argv);
}
