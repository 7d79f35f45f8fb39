// SPDX-License-Identifier: Apache-2.0
//
// Rows of logits to what is known of their softmax. A row is read once, in chunks that stay in the L1 cache: of a chunk
// the extremes, then its sums under the largest logit so far, then what is above the bound of the k largest. Where a
// chunk has a larger logit than those before, their sums are multiplied by what that makes of them.
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "attnscope/kernels.h"
#include "kernels/plain_rows/row_checks.h"
#include "kernels/plain_rows/typed_rows.h"
#include "kernels/softmax/row_shift.h"
#include "kernels/top_k/top_candidates.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/plain_rows/softmax_entropy.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/softmax/exp_row-inl.h"
#include "kernels/top_k/running_top-inl.h"
#include "kernels/top_k/sort_top-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Logits that are read three times while they are in the L1 cache: 8 KiB of float32.
inline constexpr size_t kChunkLogits = 2048;

// Of the logits of a chunk.
struct ChunkScan {
  bool valid = true;      // no NaN, no +infinity
  float max = -INFINITY;  // -infinity: all are masked
  float min = INFINITY;   // -infinity: some are
};

template <typename T>
HWY_INLINE ChunkScan ScanChunk(const T* HWY_RESTRICT logits, size_t count) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  const auto zero = hn::Zero(df);
  auto max0 = hn::Set(df, -INFINITY);
  auto max1 = max0;
  auto min0 = hn::Set(df, INFINITY);
  auto min1 = min0;
  auto unfit = zero;  // NaN if a logit is infinite or NaN: these times zero are
  size_t i = 0;
  for (; i + 2 * N <= count; i += 2 * N) {
    const auto x0 = LoadAsFloat(df, logits + i);
    const auto x1 = LoadAsFloat(df, logits + i + N);
    max0 = hn::Max(max0, x0);
    max1 = hn::Max(max1, x1);
    min0 = hn::Min(min0, x0);
    min1 = hn::Min(min1, x1);
    unfit = hn::MulAdd(x0, zero, hn::MulAdd(x1, zero, unfit));
  }
  ChunkScan scan;
  bool is_unfit = !hn::AllTrue(df, hn::Eq(unfit, unfit));
  scan.max = hn::GetLane(hn::MaxOfLanes(df, hn::Max(max0, max1)));
  scan.min = hn::GetLane(hn::MinOfLanes(df, hn::Min(min0, min1)));
  const hn::CappedTag<float, 1> d1;
  for (size_t j = i; j < count; ++j) {
    const float x = hn::GetLane(LoadAsFloat(d1, logits + j));
    is_unfit |= !(fabsf(x) < INFINITY);
    scan.max = HWY_MAX(scan.max, x);
    scan.min = HWY_MIN(scan.min, x);
  }
  if (HWY_LIKELY(!is_unfit)) return scan;
  for (size_t j = 0; j < count && scan.valid; ++j) scan.valid = hn::GetLane(LoadAsFloat(d1, logits + j)) < INFINITY;
  return scan;
}

// The sums of a row's softmax so far.
class RunningSoftmax {
 public:
  explicit RunningSoftmax(double scale) : scale_(scale), exp_scale_(scale) {}

  template <typename T>
  HWY_INLINE void Add(const T* HWY_RESTRICT logits, size_t count, const ChunkScan& scan, const T* ahead) {
    if (scan.max == -INFINITY) return;
    if (!any_ || scan.max > max_) Raise(scan.max);
    const double below = static_cast<double>(scan.min) - static_cast<double>(shift_.shift);
    const bool is_far = !(below >= 0.9 * static_cast<double>(shift_.least));
    const LogitsAhead next = {ahead, sizeof(T)};
    const ExpSums sums = is_far
                             ? ExpRow<false, true, false>(logits, nullptr, count, next, exp_scale_, shift_, nullptr)
                             : ExpRow<false, false, false>(logits, nullptr, count, next, exp_scale_, shift_, nullptr);
    sums_.weights += sums.weights;
    sums_.shifted += sums.shifted;
  }

  double Entropy() const { return any_ ? fmax(0.0, log(sums_.weights) - scale_ * sums_.shifted / sums_.weights) : NAN; }
  double LogSumExp() const {
    return any_ ? scale_ * static_cast<double>(shift_.shift) + log(sums_.weights) : -HUGE_VAL;
  }

 private:
  // Makes the sums those of a larger shift: each x - shift becomes smaller by what it grows.
  HWY_INLINE void Raise(float max) {
    const RowShift raised(max, scale_);
    if (any_) {
      const double change = static_cast<double>(shift_.shift) - static_cast<double>(raised.shift);
      const double factor = exp(scale_ * change);
      // Where nothing is left, the change may be infinite.
      sums_.shifted = factor == 0.0 ? 0.0 : factor * (sums_.shifted + change * sums_.weights);
      sums_.weights *= factor;
    }
    shift_ = raised;
    max_ = max;
    any_ = true;
  }

  double scale_;
  ExpScale exp_scale_;
  RowShift shift_{0.0f, 1.0};
  ExpSums sums_;
  float max_ = -INFINITY;
  bool any_ = false;  // a logit is not masked
};

// One row; the k largest of it, if any are wanted, go to `top`, a RunningTop, or to nowhere. Returns whether it is
// valid.
template <typename T, class AddTop>
HWY_INLINE bool AddLogits(const T* HWY_RESTRICT row, size_t columns, const T* next, RunningSoftmax& softmax,
                          const AddTop& add_top) {
  for (size_t begin = 0; begin < columns; begin += kChunkLogits) {
    const size_t count = HWY_MIN(kChunkLogits, columns - begin);
    const T* chunk = row + begin;
    const ChunkScan scan = ScanChunk(chunk, count);
    if (HWY_UNLIKELY(!scan.valid)) return false;
    softmax.Add(chunk, count, scan, begin + kChunkLogits < columns ? chunk + kChunkLogits : next);
    add_top(chunk, count, begin);
  }
  return true;
}

void SoftmaxEntropies(const kernels::Rows& rows, double scale, const kernels::SoftmaxOutputs& outputs) {
  kernels::WithTypedRows(rows, [&](const auto& typed) HWY_ATTR {
    TopCandidates candidates;
    const size_t k = outputs.top_logits == nullptr && outputs.top_indices == nullptr ? 0 : outputs.k;
    for (size_t row = 0; row < rows.rows; ++row) {
      RunningSoftmax softmax(scale);
      RunningTop<NumberOrder, true> top(HWY_MAX(k, size_t{1}), candidates);
      const bool is_valid = AddLogits(typed.Row(row), rows.columns, typed.RowAhead(row), softmax,
                                      [&](const auto* chunk, size_t count, size_t first) HWY_ATTR {
                                        if (k != 0) top.Add(chunk, count, first);
                                      });
      if (outputs.entropy_nats != nullptr) outputs.entropy_nats[row] = is_valid ? softmax.Entropy() : NAN;
      if (outputs.logsumexp != nullptr) outputs.logsumexp[row] = is_valid ? softmax.LogSumExp() : NAN;
      if (k == 0) continue;
      WriteTop(candidates, is_valid ? top.Finish() : 0, k,
               outputs.top_logits == nullptr ? nullptr : outputs.top_logits + row * k,
               outputs.top_indices == nullptr ? nullptr : outputs.top_indices + row * k);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope::kernels {

HWY_EXPORT(SoftmaxEntropies);

Status SoftmaxEntropy(const Rows& logits, double scale, const SoftmaxOutputs& outputs) {
  if (Status status = CheckRows("logits", logits, {}); !status.ok()) return status;
  if (Status status = CheckTopK("outputs.k", outputs.k, 0); !status.ok()) return status;
  if (Status status = CheckScale(scale); !status.ok()) return status;
  HWY_DYNAMIC_DISPATCH(SoftmaxEntropies)(logits, scale, outputs);
  return {};
}

}  // namespace attnscope::kernels
#endif  // HWY_ONCE
