// SPDX-License-Identifier: Apache-2.0
//
// The fused sweep of post-softmax weights. Each iteration times, one after the other on the same bytes, a plain read
// and the sweep, so that both see the same machine. Counters of each benchmark:
//
//   bytes_per_second  bytes of weights, each read once, by the sweep
//   rows_per_second
//   of_read           the sweep's rate as a share of the plain read's: the number to compare
//   over_scalar       how many times faster than the scalar loop
//
// Names: weights_sweep/<kind>/<keys>/<type>/<L2 or memory>. L2 benchmarks touch their buffer first, untimed, and go on
// to another buffer each time, lest the branch predictor learns one by heart.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/inputs.h"
#include "bench/references.h"
#include "kernels/aligned_buffer.h"
#include "kernels/row_sums.h"
#include "kernels/weights_sweep.h"

namespace attnscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One head's open state and scratch.
class Sweeper {
 public:
  explicit Sweeper(size_t keys)
      : columns_(keys),
        partial_(keys),
        block_(AllocateAlignedBuffer<float>(PaddedColumns(keys))),
        workspace_(AllocateAlignedBuffer<SweepWorkspace>(1)) {}

  void Sweep(const AttentionRows& rows, size_t first, size_t count) {
    RowRange range;
    range.data = rows.Row(first);
    range.type = rows.type();
    range.row_stride = static_cast<int64_t>(rows.keys());
    range.rows = count;
    range.visible = VisibleKeys(rows.keys(), Mask());
    OpenColumns open;
    open.columns = columns_.data();
    open.partial = partial_.data();
    SweepWeights(range, open, row_sums_, block_.get(), workspace_.get());
  }

  double measured() const { return row_sums_[static_cast<size_t>(RowSum::kMeasured)]; }

 private:
  std::vector<double> columns_;
  std::vector<double> partial_;
  AlignedBuffer<float> block_;
  AlignedBuffer<SweepWorkspace> workspace_;
  double row_sums_[kNumRowSums] = {};
};

double ScalarSecondsPerRow(const AttentionRows& rows) {
  std::vector<double> columns(rows.keys());
  std::vector<float> scratch(rows.keys());
  const size_t count = std::min(rows.rows(), std::max<size_t>(1, (size_t{1} << 18) / rows.keys()));
  const Clock::time_point start = Clock::now();
  double total = 0.0;
  for (size_t i = 0; i < count; ++i) {
    total += MeasureRowNaively(static_cast<const float*>(rows.Row(i)), rows.keys(), columns.data(), scratch.data());
  }
  benchmark::DoNotOptimize(total);
  return SecondsSince(start) / static_cast<double>(count);
}

void WeightsSweep(benchmark::State& state, RowKind kind, ElementType type, size_t keys, bool in_l2) {
  constexpr size_t kL2Bytes = size_t{1} << 18;       // a quarter of a 1 MiB L2
  constexpr size_t kMemoryBytes = size_t{96} << 20;  // three times a 32 MiB L3
  const size_t row_bytes = keys * ElementBytes(type);
  const AttentionRows rows(kind, type, kMemoryBytes / row_bytes, keys);
  const size_t chunk = in_l2 ? std::max<size_t>(1, kL2Bytes / row_bytes) : rows.rows();
  const double scalar = type == ElementType::kFloat32 ? ScalarSecondsPerRow(rows) : 0.0;
  Sweeper sweeper(keys);
  double read_seconds = 0.0;
  double sweep_seconds = 0.0;
  size_t first = 0;
  size_t swept = 0;
  for (auto _ : state) {
    if (in_l2) benchmark::DoNotOptimize(ReadAll(rows.Row(first), type, chunk * keys));
    Clock::time_point start = Clock::now();
    benchmark::DoNotOptimize(ReadAll(rows.Row(first), type, chunk * keys));
    read_seconds += SecondsSince(start);
    start = Clock::now();
    sweeper.Sweep(rows, first, chunk);
    const double seconds = SecondsSince(start);
    state.SetIterationTime(seconds);
    sweep_seconds += seconds;
    swept += chunk;
    first = first + 2 * chunk <= rows.rows() ? first + chunk : 0;
  }
  if (sweeper.measured() != static_cast<double>(swept)) state.SkipWithError("rows were lost");
  state.SetBytesProcessed(static_cast<int64_t>(swept * row_bytes));
  state.counters["rows_per_second"] = benchmark::Counter(static_cast<double>(swept) / sweep_seconds);
  state.counters["of_read"] = read_seconds / sweep_seconds;
  if (scalar > 0.0) state.counters["over_scalar"] = scalar * static_cast<double>(swept) / sweep_seconds;
}

const char* NameOf(ElementType type) {
  return type == ElementType::kFloat32 ? "float32" : type == ElementType::kFloat16 ? "float16" : "bfloat16";
}

void Register(RowKind kind, ElementType type, size_t keys, bool in_l2) {
  const std::string name = "weights_sweep/" + std::string(NameOf(kind)) + "/" + std::to_string(keys) + "/" +
                           NameOf(type) + "/" + (in_l2 ? "L2" : "memory");
  auto* registered = benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { WeightsSweep(state, kind, type, keys, in_l2); });
  registered->UseManualTime()->Unit(benchmark::kMicrosecond);
}

void RegisterAll() {
  for (const size_t keys : {128, 512, 1024, 4096, 16384, 131072}) {
    for (const RowKind kind : kAllRowKinds) {
      for (const bool in_l2 : {true, false}) {
        if (in_l2 && keys > 16384) continue;
        Register(kind, ElementType::kFloat32, keys, in_l2);
        if (kind != RowKind::kSoftmax1) continue;
        Register(kind, ElementType::kFloat16, keys, in_l2);
        Register(kind, ElementType::kBFloat16, keys, in_l2);
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
