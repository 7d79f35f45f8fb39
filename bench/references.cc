// SPDX-License-Identifier: Apache-2.0
#include "bench/references.h"

#include <stddef.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/references.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Eight accumulators cover the latency of an addition (3 to 4 cycles) on two ports.
template <typename T>
double ReadAllT(const T* HWY_RESTRICT data, size_t size) {
  using attnscope::HWY_NAMESPACE::LoadAsFloat;
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  auto sum0 = hn::Zero(df);
  auto sum1 = hn::Zero(df);
  auto sum2 = hn::Zero(df);
  auto sum3 = hn::Zero(df);
  auto sum4 = hn::Zero(df);
  auto sum5 = hn::Zero(df);
  auto sum6 = hn::Zero(df);
  auto sum7 = hn::Zero(df);
  size_t i = 0;
  for (; i + 8 * N <= size; i += 8 * N) {
    sum0 = hn::Add(sum0, LoadAsFloat(df, data + i));
    sum1 = hn::Add(sum1, LoadAsFloat(df, data + i + N));
    sum2 = hn::Add(sum2, LoadAsFloat(df, data + i + 2 * N));
    sum3 = hn::Add(sum3, LoadAsFloat(df, data + i + 3 * N));
    sum4 = hn::Add(sum4, LoadAsFloat(df, data + i + 4 * N));
    sum5 = hn::Add(sum5, LoadAsFloat(df, data + i + 5 * N));
    sum6 = hn::Add(sum6, LoadAsFloat(df, data + i + 6 * N));
    sum7 = hn::Add(sum7, LoadAsFloat(df, data + i + 7 * N));
  }
  for (; i + N <= size; i += N) sum0 = hn::Add(sum0, LoadAsFloat(df, data + i));
  sum0 = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
  sum4 = hn::Add(hn::Add(sum4, sum5), hn::Add(sum6, sum7));
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(df, hn::Add(sum0, sum4))));
}

double ReadAll(const void* data, ElementType type, size_t size) {
  switch (type) {
    case ElementType::kFloat32:
      return ReadAllT(static_cast<const float*>(data), size);
    case ElementType::kFloat16:
      return ReadAllT(static_cast<const hwy::float16_t*>(data), size);
    case ElementType::kBFloat16:
      return ReadAllT(static_cast<const hwy::bfloat16_t*>(data), size);
  }
  return 0.0;
}

}  // namespace HWY_NAMESPACE
}  // namespace bench
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope::bench {

HWY_EXPORT(ReadAll);

double ReadAll(const void* data, ElementType type, size_t size) {
  return HWY_DYNAMIC_DISPATCH(ReadAll)(data, type, size);
}

double MeasureRowNaively(const float* row, size_t keys, double* columns, float* scratch) {
  double entropy = 0.0;
  double sum = 0.0;
  float max = 0.0f;
  for (size_t i = 0; i < keys; ++i) {
    const float weight = row[i];
    if (weight > 0.0f) entropy -= static_cast<double>(weight * std::log(weight));
    sum += static_cast<double>(weight);
    max = std::max(max, weight);
    columns[i] += static_cast<double>(weight);
  }
  std::copy(row, row + keys, scratch);
  double top = 0.0;
  float* end = scratch + keys;
  for (const size_t k : {size_t{50}, size_t{10}, size_t{5}}) {
    if (static_cast<size_t>(end - scratch) > k) {
      std::nth_element(scratch, scratch + k, end, std::greater<>());
      end = scratch + k;
    }
    top += std::accumulate(scratch, end, 0.0);
  }
  return entropy + sum + static_cast<double>(max) + top;
}

}  // namespace attnscope::bench
#endif  // HWY_ONCE
