// SPDX-License-Identifier: Apache-2.0
//
// Entropy, maximum, column sums and top-k alone: what the fused sweep would be made of if nothing were shared.
// bench/paired.h explains names and counters.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <initializer_list>
#include <memory>

#include "bench/inputs.h"
#include "bench/paired.h"
#include "bench/single_metrics.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope::bench {
namespace {

const float* Weights(const AttentionRows& rows, size_t first) { return static_cast<const float*>(rows.Row(first)); }

Kernel MakeEntropy(size_t) {
  return [](const AttentionRows& rows, size_t first, size_t count) {
    benchmark::DoNotOptimize(EntropyAlone(Weights(rows, first), count, rows.keys()));
  };
}

Kernel MakeMax(size_t) {
  return [](const AttentionRows& rows, size_t first, size_t count) {
    benchmark::DoNotOptimize(MaxAlone(Weights(rows, first), count, rows.keys()));
  };
}

Kernel MakeColumnSums(size_t keys) {
  const std::shared_ptr<float[]> columns(AllocateAlignedBuffer<float>(keys));
  return [columns](const AttentionRows& rows, size_t first, size_t count) {
    benchmark::DoNotOptimize(ColumnSumsAlone(Weights(rows, first), count, rows.keys(), columns.get()));
  };
}

Kernel MakeTopK(size_t) {
  const std::shared_ptr<SweepWorkspace[]> workspace(AllocateAlignedBuffer<SweepWorkspace>(1));
  return [workspace](const AttentionRows& rows, size_t first, size_t count) {
    benchmark::DoNotOptimize(TopKAlone(Weights(rows, first), count, rows.keys(), workspace.get()));
  };
}

void RegisterAll() {
  for (const size_t keys : std::initializer_list<size_t>{1024, 4096, 16384, 131072}) {
    for (const bool in_l2 : {true, false}) {
      if (in_l2 && keys > 4096) continue;
      RegisterPaired("entropy", RowKind::kSoftmax1, ElementType::kFloat32, keys, in_l2, MakeEntropy);
      RegisterPaired("max", RowKind::kSoftmax1, ElementType::kFloat32, keys, in_l2, MakeMax);
      RegisterPaired("column_sums", RowKind::kSoftmax1, ElementType::kFloat32, keys, in_l2, MakeColumnSums);
      RegisterPaired("top_k", RowKind::kSoftmax1, ElementType::kFloat32, keys, in_l2, MakeTopK);
    }
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RegisterAll();
  return attnscope::bench::RunBenchmarks(argc, argv);
}
