// SPDX-License-Identifier: Apache-2.0
#include "kernels/mean_rows.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/sweep/shown_weights.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mean_rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns whose float64 sums stay in the L1 cache while all matrices are added.
inline constexpr size_t kMeanColumns = 1024;
// Heads that are added in float32 before float64: at worst 7 roundings, 4.2e-7 relative. Also the number of streams
// that are read side by side.
inline constexpr size_t kHeadsAtOnce = 8;

// Adds columns [begin, end) of up to kHeadsAtOnce rows to sums[0, end - begin). Returns whether all are >= 0 or NaN.
template <typename T>
HWY_INLINE bool AddTypedHeads(const T* const* rows, size_t num_rows, size_t begin, size_t end,
                              double* HWY_RESTRICT sums) {
  const hn::ScalableTag<float> df;
  const hn::ScalableTag<double> dd;
  const hn::CappedTag<double, 1> d1;
  const size_t N = hn::Lanes(df);
  HWY_ALIGN_MAX float lanes[kMaxFloatLanes];
  auto least = hn::Zero(df);
  size_t i = begin;
  for (; i + N <= end; i += N) {
    auto sum = LoadAsFloat(df, rows[0] + i);
    least = hn::Min(least, sum);
    for (size_t row = 1; row < num_rows; ++row) {
      const auto weight = LoadAsFloat(df, rows[row] + i);
      least = hn::Min(least, weight);
      sum = hn::Add(sum, weight);
    }
    hn::Store(sum, df, lanes);
    double* HWY_RESTRICT to = sums + (i - begin);
    for (size_t j = 0; j < N; j += hn::Lanes(dd)) {
      hn::StoreU(hn::Add(hn::LoadU(dd, to + j), LoadAsDouble(dd, lanes + j)), dd, to + j);
    }
  }
  bool all_positive = hn::AllFalse(df, hn::Lt(least, hn::Zero(df)));
  for (; i < end; ++i) {
    for (size_t row = 0; row < num_rows; ++row) {
      const double weight = hn::GetLane(LoadAsDouble(d1, rows[row] + i));
      all_positive &= !(weight < 0.0);
      sums[i - begin] += weight;
    }
  }
  return all_positive;
}

// The same for any type.
HWY_NOINLINE inline bool AddHeads(const void* const* rows, ElementType type, size_t num_rows, size_t begin, size_t end,
                                  double* HWY_RESTRICT sums) {
  return WithElements(rows[0], type, [&](const auto* first) HWY_ATTR {
    decltype(first) typed[kHeadsAtOnce];
    for (size_t i = 0; i < num_rows; ++i) typed[i] = static_cast<decltype(first)>(rows[i]);
    return AddTypedHeads(typed, num_rows, begin, end, sums);
  });
}

// to[i] = scale * from[i] in float32, for i in [0, count).
HWY_INLINE void Scale(const double* HWY_RESTRICT from, size_t count, double scale, float* HWY_RESTRICT to) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const size_t N = hn::Lanes(dd);
  size_t i = 0;
  for (; i + N <= count; i += N) {
    hn::StoreU(RoundToFloat(df, hn::Mul(hn::LoadU(dd, from + i), hn::Set(dd, scale))), df, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i] * scale);
}

// The same for one row some of whose keys are hidden one by one.
HWY_NOINLINE inline bool AddShown(const void* weights, ElementType type, const RowVisibility& visible, size_t row,
                                  const KeyRange& keys, double* HWY_RESTRICT sums) {
  uint8_t shown[kMeanColumns];
  float copy[kMeanColumns];
  CopyShownWeights(weights, type, visible.Show(row, keys, shown), keys.size(), copy);
  const void* row_of_copy = copy;
  return AddHeads(&row_of_copy, ElementType::kFloat32, 1, 0, keys.size(), sums);
}

// Adds columns [begin, end) of the row in each matrix. Returns whether all are >= 0 or NaN.
HWY_INLINE bool AddMatrices(const AttentionView& view, const Visibility& visibility, size_t row, size_t begin,
                            size_t end, double* HWY_RESTRICT sums) {
  bool all_positive = true;
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = 0; head < view.heads; head += kHeadsAtOnce) {
      const size_t count = HWY_MIN(kHeadsAtOnce, view.heads - head);
      for (size_t i = 0; i < count; ++i) {
        const RowVisibility visible(visibility, view.queries, view.keys, sequence, head + i);
        const KeyRange range = visible.Range(row);
        const KeyRange keys = {HWY_MAX(begin, range.begin), HWY_MIN(end, range.end)};
        if (keys.begin >= keys.end) continue;
        double* HWY_RESTRICT to = sums + (keys.begin - begin);
        if (visible.by_key()) {
          const auto* weights = static_cast<const uint8_t*>(ElementOf(view, sequence, head + i, row));
          weights += keys.begin * ElementBytes(view.type);
          all_positive &= AddShown(weights, view.type, visible, row, keys, to);
          continue;
        }
        const void* rows[kHeadsAtOnce];
        for (size_t j = 0; j < count; ++j) rows[j] = ElementOf(view, sequence, head + j, row);
        all_positive &= AddHeads(rows, view.type, count, keys.begin, keys.end, to);
        break;  // the heads of a sequence see the same
      }
    }
  }
  return all_positive;
}

void MeanOfRows(const AttentionView& view, const Visibility& visibility, size_t row, float* HWY_RESTRICT mean) {
  const double scale = 1.0 / static_cast<double>(view.batch * view.heads);
  for (size_t begin = 0; begin < view.keys; begin += kMeanColumns) {
    const size_t end = HWY_MIN(begin + kMeanColumns, view.keys);
    HWY_ALIGN_MAX double sums[kMeanColumns];
    memset(sums, 0, (end - begin) * sizeof(double));
    const bool all_positive = AddMatrices(view, visibility, row, begin, end, sums);
    Scale(sums, end - begin, scale, mean + begin);
    if (!all_positive) mean[begin] = NAN;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(MeanOfRows);

void MeanOfRows(const AttentionView& view, const Visibility& visibility, size_t row, float* mean) {
  HWY_DYNAMIC_DISPATCH(MeanOfRows)(view, visibility, row, mean);
}

}  // namespace attnscope
#endif  // HWY_ONCE
