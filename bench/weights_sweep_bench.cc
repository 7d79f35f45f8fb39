// SPDX-License-Identifier: Apache-2.0
//
// The fused sweep of post-softmax weights, for every kind of row. bench/paired.h explains names and counters.
// "weights_sweep_slowed" is the sweep with a tenth of its rate taken away, "weights_sweep_slowed5" with a twentieth:
// bench/gate_error_rates and bench/compare_with --error-rates show with them which losses the gates see.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "bench/inputs.h"
#include "bench/paired.h"
#include "kernels/row_sums.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/pending_rows.h"

namespace attnscope::bench {
namespace {

// One head's open state and scratch.
class Sweeper {
 public:
  explicit Sweeper(size_t keys)
      : columns_(keys),
        block_(AllocateAlignedBuffer<float>(keys)),
        scratch_(AllocateAlignedBuffer<float>(PaddedColumns(keys))),
        workspace_(AllocateAlignedBuffer<SweepWorkspace>(1)) {}

  void Sweep(const AttentionRows& rows, size_t first, size_t count) {
    OpenMatrix open;
    RowRange range;
    range.data = rows.Row(first);
    range.type = rows.type();
    range.row_stride = static_cast<int64_t>(rows.keys());
    range.rows = count;
    range.visible = RowVisibility(rows.keys());
    open.row_sums = row_sums_;
    open.columns = columns_.data();
    open.block = block_.get();
    open.block_columns = &block_columns_;
    PendingRows pending({scratch_.get(), workspace_.get()});
    pending.Add(range, open);
    pending.Sweep();
  }

 private:
  std::vector<double> columns_;
  AlignedBuffer<float> block_;
  KeyRange block_columns_;
  AlignedBuffer<float> scratch_;
  AlignedBuffer<SweepWorkspace> workspace_;
  double row_sums_[kNumRowSums] = {};
};

Kernel MakeSweep(size_t keys) {
  const auto sweeper = std::make_shared<Sweeper>(keys);
  return [sweeper](const AttentionRows& rows, size_t first, size_t count) { sweeper->Sweep(rows, first, count); };
}

// Waits after each sweep for one of so many parts of the time that it took: of 9, the time grows to 10/9 and the rate
// falls to 9/10. Work that is done twice would not do, as what is still in a cache costs less than a tenth.
template <int kOneOf>
Kernel MakeSlowedSweep(size_t keys) {
  return [sweep = MakeSweep(keys)](const AttentionRows& rows, size_t first, size_t count) {
    const auto start = std::chrono::steady_clock::now();
    sweep(rows, first, count);
    const auto end = std::chrono::steady_clock::now();
    const auto until = end + (end - start) / kOneOf;
    while (std::chrono::steady_clock::now() < until) {
    }
  };
}

void RegisterAll() {
  // Rows that end within a vector, and begin anywhere.
  for (const size_t keys :
       std::initializer_list<size_t>{33, 49, 64, 65, 100, 127, 129, 160, 250, 256, 257, 1000, 1023, 1025, 4095, 4097}) {
    for (const bool in_l2 : {true, false}) {
      RegisterPaired("weights_sweep_odd", RowKind::kSoftmax1, ElementType::kFloat32, keys, in_l2, MakeSweep);
    }
  }
  for (const size_t keys : std::initializer_list<size_t>{128, 512, 1024, 4096, 16384, 131072}) {
    for (const RowKind kind : kAllRowKinds) {
      for (const bool in_l2 : {true, false}) {
        if (in_l2 && keys > 16384) continue;
        RegisterPaired("weights_sweep", kind, ElementType::kFloat32, keys, in_l2, MakeSweep);
        if (kind != RowKind::kSoftmax1) continue;
        RegisterPaired("weights_sweep_slowed", kind, ElementType::kFloat32, keys, in_l2, MakeSlowedSweep<9>);
        RegisterPaired("weights_sweep_slowed5", kind, ElementType::kFloat32, keys, in_l2, MakeSlowedSweep<19>);
        RegisterPaired("weights_sweep", kind, ElementType::kFloat16, keys, in_l2, MakeSweep);
        RegisterPaired("weights_sweep", kind, ElementType::kBFloat16, keys, in_l2, MakeSweep);
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RegisterAll();
  return attnscope::bench::RunBenchmarks(argc, argv);
}
