// SPDX-License-Identifier: Apache-2.0
#include "bench/single_metrics.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/single_metrics.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/plogp-inl.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/top_k/top_k-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

double EntropyAlone(const float* HWY_RESTRICT rows, size_t num_rows, size_t keys) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  double total = 0.0;
  for (size_t row = 0; row < num_rows; ++row) {
    const float* HWY_RESTRICT from = rows + row * keys;
    auto sum = hn::Zero(df);
    for (size_t i = 0; i < keys; i += 4 * N) {
      const auto weight0 = hn::LoadU(df, from + i);
      const auto weight1 = hn::LoadU(df, from + i + N);
      const auto weight2 = hn::LoadU(df, from + i + 2 * N);
      const auto weight3 = hn::LoadU(df, from + i + 3 * N);
      auto log0 = weight0;
      auto log1 = weight1;
      auto log2 = weight2;
      auto log3 = weight3;
      Log2OfFour(df, log0, log1, log2, log3);
      sum = hn::MulAdd(weight2, log2, hn::MulAdd(weight0, log0, sum));
      sum = hn::Add(sum, hn::MulAdd(weight3, log3, hn::Mul(weight1, log1)));
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(df, sum)));
  }
  return total / kLog2Unit;
}

double MaxAlone(const float* HWY_RESTRICT rows, size_t num_rows, size_t keys) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  double total = 0.0;
  for (size_t row = 0; row < num_rows; ++row) {
    const float* HWY_RESTRICT from = rows + row * keys;
    auto even = hn::Zero(df);
    auto odd = hn::Zero(df);
    for (size_t i = 0; i < keys; i += 2 * N) {
      even = hn::Max(even, hn::LoadU(df, from + i));
      odd = hn::Max(odd, hn::LoadU(df, from + i + N));
    }
    total += static_cast<double>(hn::GetLane(hn::MaxOfLanes(df, hn::Max(even, odd))));
  }
  return total;
}

double ColumnSumsAlone(const float* HWY_RESTRICT rows, size_t num_rows, size_t keys, float* HWY_RESTRICT columns) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  size_t row = 0;
  constexpr size_t kRowsPerTrip = 4;
  for (; row + kRowsPerTrip <= num_rows; row += kRowsPerTrip) {
    const float* HWY_RESTRICT from = rows + row * keys;
    for (size_t i = 0; i < keys; i += N) {
      auto sum = hn::Load(df, columns + i);
      for (size_t j = 0; j < kRowsPerTrip; ++j) sum = hn::Add(sum, hn::LoadU(df, from + j * keys + i));
      hn::Store(sum, df, columns + i);
    }
  }
  return static_cast<double>(columns[0]);
}

// The sweep's selection by itself.
double TopKAlone(const float* HWY_RESTRICT rows, size_t num_rows, size_t keys, SweepWorkspace* workspace) {
  const size_t tile_groups = kTileColumns / GroupColumns();
  double total = 0.0;
  for (size_t first = 0; first + kRowsPerBlock <= num_rows; first += kRowsPerBlock) {
    SweptRow<float> block[kRowsPerBlock];
    RowBlock sizes;
    sizes.num_rows = kRowsPerBlock;
    for (size_t row = 0; row < kRowsPerBlock; ++row) {
      block[row].data = rows + (first + row) * keys;
      block[row].full_groups = block[row].groups = keys / GroupColumns();
      sizes.rows[row].visible = keys;
    }
    Selection<float> selection(sizes, block, *workspace);
    for (size_t tile = 0; tile < block[0].groups; tile += tile_groups) {
      for (size_t i = 0; i < kRowsPerBlock; ++i) {
        const RowVectors<float> vectors = VectorsOfTile(block[i], tile);
        const RowSelection& row = workspace->selections[i];
        if (row.KeepsSlots()) {
          KeepTile(vectors, SlotMaxima{SlotMasks(row.NumSlots(), hn::Lanes(DU()))}, workspace->slot_max[i]);
        } else {
          KeepTile(vectors, AboveBound{row.bound}, workspace->above[i].bytes);
        }
      }
      selection.AddTile(tile);
    }
    TopSums sums;
    selection.Sum(sums);
    total += static_cast<double>(sums.top5[0] + sums.top10[0] + sums.top50[0]);
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(EntropyAlone);
HWY_EXPORT(MaxAlone);
HWY_EXPORT(ColumnSumsAlone);
HWY_EXPORT(TopKAlone);

double bench::EntropyAlone(const float* rows, size_t num_rows, size_t keys) {
  return HWY_DYNAMIC_DISPATCH(EntropyAlone)(rows, num_rows, keys);
}
double bench::MaxAlone(const float* rows, size_t num_rows, size_t keys) {
  return HWY_DYNAMIC_DISPATCH(MaxAlone)(rows, num_rows, keys);
}
double bench::ColumnSumsAlone(const float* rows, size_t num_rows, size_t keys, float* columns) {
  return HWY_DYNAMIC_DISPATCH(ColumnSumsAlone)(rows, num_rows, keys, columns);
}
double bench::TopKAlone(const float* rows, size_t num_rows, size_t keys, SweepWorkspace* workspace) {
  return HWY_DYNAMIC_DISPATCH(TopKAlone)(rows, num_rows, keys, workspace);
}

}  // namespace attnscope
#endif  // HWY_ONCE
