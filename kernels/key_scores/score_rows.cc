// SPDX-License-Identifier: Apache-2.0
#include "kernels/key_scores/score_rows.h"

#include <stddef.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/key_scores/score_rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/largest_bits-inl.h"
#include "kernels/sweep/row_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls body(d, i) for whole vectors of `df` from 0 on, and for the single elements behind them.
template <class DF, class Body>
HWY_INLINE void ForEachVector(DF df, size_t count, const Body& body) {
  const hn::CappedTag<hn::TFromD<DF>, 1> d1;
  const size_t N = hn::Lanes(df);
  size_t i = 0;
  for (; i + N <= count; i += N) body(df, i);
  for (; i < count; ++i) body(d1, i);
}

bool IsOrdinaryRow(const void* row, ElementType type, size_t count) {
  return WithElements(row, type,
                      [&](const auto* from) HWY_ATTR { return LargestBits(from, count, from) <= kMaxFastBits; });
}

void AddRowToBlock(const void* row, ElementType type, size_t count, float factor, float* HWY_RESTRICT block) {
  WithElements(row, type, [&](const auto* from) HWY_ATTR {
    ForEachVector(hn::ScalableTag<float>(), count, [&](auto d, size_t i) HWY_ATTR {
      hn::StoreU(hn::MulAdd(hn::Set(d, factor), LoadAsFloat(d, from + i), hn::LoadU(d, block + i)), d, block + i);
    });
  });
}

void FoldBlock(size_t count, double keep, double scale, float* HWY_RESTRICT block, double* HWY_RESTRICT sums) {
  ForEachVector(hn::ScalableTag<double>(), count, [&](auto d, size_t i) HWY_ATTR {
    const hn::Rebind<float, decltype(d)> df;
    const auto added = hn::Mul(hn::Set(d, scale), LoadAsDouble(d, block + i));
    const auto sum = hn::MulAdd(hn::Set(d, keep), hn::LoadU(d, sums + i), added);
    hn::StoreU(hn::IfThenElseZero(hn::Ge(sum, hn::Set(d, 0x1p-900)), sum), d, sums + i);
    hn::StoreU(hn::Zero(df), df, block + i);
  });
}

void AddScores(size_t count, double keep, const double* HWY_RESTRICT sums, double scale,
               const float* HWY_RESTRICT block, double* HWY_RESTRICT to) {
  ForEachVector(hn::ScalableTag<double>(), count, [&](auto d, size_t i) HWY_ATTR {
    const auto added = hn::Mul(hn::Set(d, scale), LoadAsDouble(d, block + i));
    const auto score = hn::MulAdd(hn::Set(d, keep), hn::LoadU(d, sums + i), added);
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), score), d, to + i);
  });
}

void AddScaledRow(size_t count, double factor, const float* HWY_RESTRICT row, double* HWY_RESTRICT to) {
  ForEachVector(hn::ScalableTag<double>(), count, [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, factor), LoadAsDouble(d, row + i), hn::LoadU(d, to + i)), d, to + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(IsOrdinaryRow);
HWY_EXPORT(AddRowToBlock);
HWY_EXPORT(FoldBlock);
HWY_EXPORT(AddScores);
HWY_EXPORT(AddScaledRow);

bool IsOrdinaryRow(const void* row, ElementType type, size_t count) {
  return HWY_DYNAMIC_DISPATCH(IsOrdinaryRow)(row, type, count);
}

void AddRowToBlock(const void* row, ElementType type, size_t count, float factor, float* block) {
  HWY_DYNAMIC_DISPATCH(AddRowToBlock)(row, type, count, factor, block);
}

void FoldBlock(size_t count, double keep, double scale, float* block, double* sums) {
  HWY_DYNAMIC_DISPATCH(FoldBlock)(count, keep, scale, block, sums);
}

void AddScores(size_t count, double keep, const double* sums, double scale, const float* block, double* to) {
  HWY_DYNAMIC_DISPATCH(AddScores)(count, keep, sums, scale, block, to);
}

void AddScaledRow(size_t count, double factor, const float* row, double* to) {
  HWY_DYNAMIC_DISPATCH(AddScaledRow)(count, factor, row, to);
}

}  // namespace attnscope
#endif  // HWY_ONCE
