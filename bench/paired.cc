// SPDX-License-Identifier: Apache-2.0
#include "bench/paired.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "attnscope/status.h"
#include "bench/references.h"
#include "kernels/simd/target_choice.h"

namespace attnscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// On a sample of the rows, as it takes a hundred times longer.
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

// Rows that stay until others are asked for: Google Benchmark calls a benchmark several times, each with more
// iterations.
const AttentionRows& RowsOf(RowKind kind, ElementType type, size_t rows, size_t keys) {
  static std::unique_ptr<AttentionRows> made;
  static std::tuple<RowKind, ElementType, size_t, size_t> of;
  const std::tuple wanted(kind, type, rows, keys);
  if (made == nullptr || of != wanted) {
    made.reset();
    made = std::make_unique<AttentionRows>(kind, type, rows, keys);
    of = wanted;
  }
  return *made;
}

// The tenth percentile: on a machine that does other work, most of what is slower is the other work.
double UndisturbedSeconds(std::vector<double> seconds) {
  const auto tenth = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 10);
  std::nth_element(seconds.begin(), tenth, seconds.end());
  return *tenth;
}

void RunPaired(benchmark::State& state, RowKind kind, ElementType type, size_t keys, bool in_l2, const Kernel& kernel) {
  constexpr size_t kL2Bytes = size_t{1} << 18;       // a quarter of a 1 MiB L2
  constexpr size_t kMemoryBytes = size_t{96} << 20;  // three times a 32 MiB L3
  constexpr size_t kFreshBytes = size_t{24} << 20;   // chunks of L2, more than a branch predictor learns
  constexpr size_t kCallBytes = size_t{4} << 20;     // from memory
  constexpr size_t kCallRows = 16;                   // or a multiple of it: whole blocks
  const size_t row_bytes = keys * ElementBytes(type);
  const AttentionRows& rows = RowsOf(kind, type, (in_l2 ? kFreshBytes : kMemoryBytes) / row_bytes, keys);
  const size_t chunk = in_l2 ? std::max<size_t>(1, kL2Bytes / row_bytes) : rows.rows();
  const size_t call = in_l2 ? chunk : std::max<size_t>(1, kCallBytes / row_bytes / kCallRows) * kCallRows;
  const double scalar = type == ElementType::kFloat32 ? ScalarSecondsPerRow(rows) : 0.0;
  double read_seconds = 0.0;
  double kernel_seconds = 0.0;
  std::vector<double> seconds_per_row;  // of each call
  size_t first = 0;
  size_t measured = 0;
  for (auto _ : state) {
    if (in_l2) benchmark::DoNotOptimize(ReadAll(rows.Row(first), type, chunk * keys));
    Clock::time_point start = Clock::now();
    benchmark::DoNotOptimize(ReadAll(rows.Row(first), type, chunk * keys));
    read_seconds += SecondsSince(start);
    double seconds = 0.0;
    for (size_t done = 0; done < chunk; done += call) {
      const size_t count = std::min(call, chunk - done);
      start = Clock::now();
      kernel(rows, first + done, count);
      const double of_call = SecondsSince(start);
      seconds += of_call;
      seconds_per_row.push_back(of_call / static_cast<double>(count));
    }
    state.SetIterationTime(seconds);
    kernel_seconds += seconds;
    measured += chunk;
    first = first + 2 * chunk <= rows.rows() ? first + chunk : 0;
  }
  state.SetBytesProcessed(static_cast<int64_t>(measured * row_bytes));
  state.counters["rows_per_second"] = static_cast<double>(measured) / kernel_seconds;
  state.counters["undisturbed_bytes_per_second"] =
      static_cast<double>(row_bytes) / UndisturbedSeconds(std::move(seconds_per_row));
  state.counters["of_read"] = read_seconds / kernel_seconds;
  if (scalar > 0.0) state.counters["over_scalar"] = scalar * static_cast<double>(measured) / kernel_seconds;
}

const char* NameOf(ElementType type) {
  return type == ElementType::kFloat32 ? "float32" : type == ElementType::kFloat16 ? "float16" : "bfloat16";
}

}  // namespace

void RegisterPaired(const std::string& what, RowKind kind, ElementType type, size_t keys, bool in_l2,
                    std::function<Kernel(size_t keys)> make) {
  const std::string name = what + "/" + std::string(NameOf(kind)) + "/" + std::to_string(keys) + "/" + NameOf(type) +
                           "/" + (in_l2 ? "L2" : "memory");
  benchmark::RegisterBenchmark(
      name.c_str(),
      [=, make = std::move(make)](benchmark::State& state) { RunPaired(state, kind, type, keys, in_l2, make(keys)); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

int RunBenchmarks(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  // Kernels that are called directly do not read ATTNSCOPE_TARGET.
  if (const Status& status = ForceTargetFromEnvironment(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace attnscope::bench
