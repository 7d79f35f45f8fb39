// SPDX-License-Identifier: Apache-2.0
#include "kernels/norms.h"

#include <stddef.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norms.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adds elements [i, size) in steps of one vector of `dd` as long as whole vectors fit, and returns where it stopped.
// Two chains cover the latency of FMA; memory is the limit.
template <class DD, typename T>
HWY_INLINE size_t AddUpdateSquares(DD dd, const T* HWY_RESTRICT before, const T* HWY_RESTRICT after, size_t i,
                                   size_t size, UpdateSquares& squares) {
  auto update = hn::Zero(dd);
  auto input = hn::Zero(dd);
  for (; i + hn::Lanes(dd) <= size; i += hn::Lanes(dd)) {
    const auto from = LoadAsDouble(dd, before + i);
    const auto difference = hn::Sub(LoadAsDouble(dd, after + i), from);
    update = hn::MulAdd(difference, difference, update);
    input = hn::MulAdd(from, from, input);
  }
  squares.update += hn::GetLane(hn::SumOfLanes(dd, update));
  squares.before += hn::GetLane(hn::SumOfLanes(dd, input));
  return i;
}

template <class DD, typename T>
HWY_INLINE size_t AddSquares(DD dd, const T* HWY_RESTRICT data, size_t i, size_t size, double& sum) {
  const size_t N = hn::Lanes(dd);
  auto even = hn::Zero(dd);
  auto odd = hn::Zero(dd);
  for (; i + 2 * N <= size; i += 2 * N) {
    const auto value0 = LoadAsDouble(dd, data + i);
    const auto value1 = LoadAsDouble(dd, data + i + N);
    even = hn::MulAdd(value0, value0, even);
    odd = hn::MulAdd(value1, value1, odd);
  }
  sum += hn::GetLane(hn::SumOfLanes(dd, hn::Add(even, odd)));
  return i;
}

template <typename T>
UpdateSquares SumUpdateSquaresT(const void* before, const void* after, size_t size) {
  const T* from = static_cast<const T*>(before);
  const T* to = static_cast<const T*>(after);
  UpdateSquares squares;
  const size_t done = AddUpdateSquares(hn::ScalableTag<double>(), from, to, 0, size, squares);
  AddUpdateSquares(hn::CappedTag<double, 1>(), from, to, done, size, squares);
  return squares;
}

template <typename T>
double SumSquaresT(const void* data, size_t size) {
  const T* values = static_cast<const T*>(data);
  const hn::CappedTag<double, 1> d1;
  double sum = 0.0;
  size_t i = AddSquares(hn::ScalableTag<double>(), values, 0, size, sum);
  for (; i < size; ++i) {
    const double value = hn::GetLane(LoadAsDouble(d1, values + i));
    sum += value * value;
  }
  return sum;
}

UpdateSquares SumUpdateSquares(const void* before, const void* after, ElementType type, size_t size) {
  switch (type) {
    case ElementType::kFloat32:
      return SumUpdateSquaresT<float>(before, after, size);
    case ElementType::kFloat16:
      return SumUpdateSquaresT<hwy::float16_t>(before, after, size);
    case ElementType::kBFloat16:
      return SumUpdateSquaresT<hwy::bfloat16_t>(before, after, size);
  }
  return {};
}

double SumSquares(const void* data, ElementType type, size_t size) {
  switch (type) {
    case ElementType::kFloat32:
      return SumSquaresT<float>(data, size);
    case ElementType::kFloat16:
      return SumSquaresT<hwy::float16_t>(data, size);
    case ElementType::kBFloat16:
      return SumSquaresT<hwy::bfloat16_t>(data, size);
  }
  return 0.0;
}

template <typename T>
const T* RowAt(const RowPlaces& places, size_t row) {
  return static_cast<const T*>(places.data) + static_cast<int64_t>(row) * places.stride;
}

void SumRowSquares(const RowPlaces& of, ElementType type, size_t rows, size_t columns, double* squares) {
  for (size_t row = 0; row < rows; ++row) {
    switch (type) {
      case ElementType::kFloat32:
        squares[row] = SumSquaresT<float>(RowAt<float>(of, row), columns);
        break;
      case ElementType::kFloat16:
        squares[row] = SumSquaresT<hwy::float16_t>(RowAt<hwy::float16_t>(of, row), columns);
        break;
      case ElementType::kBFloat16:
        squares[row] = SumSquaresT<hwy::bfloat16_t>(RowAt<hwy::bfloat16_t>(of, row), columns);
        break;
    }
  }
}

template <typename T>
double SumDistanceT(const RowPlaces& from, const RowPlaces& to, size_t row, size_t columns) {
  return SumUpdateSquaresT<T>(RowAt<T>(from, row), RowAt<T>(to, row), columns).update;
}

void SumRowDistances(const RowPlaces& from, const RowPlaces& to, ElementType type, size_t rows, size_t columns,
                     double* squares) {
  for (size_t row = 0; row < rows; ++row) {
    switch (type) {
      case ElementType::kFloat32:
        squares[row] = SumDistanceT<float>(from, to, row, columns);
        break;
      case ElementType::kFloat16:
        squares[row] = SumDistanceT<hwy::float16_t>(from, to, row, columns);
        break;
      case ElementType::kBFloat16:
        squares[row] = SumDistanceT<hwy::bfloat16_t>(from, to, row, columns);
        break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SumUpdateSquares);
HWY_EXPORT(SumSquares);
HWY_EXPORT(SumRowSquares);
HWY_EXPORT(SumRowDistances);

UpdateSquares SumUpdateSquares(const void* before, const void* after, ElementType type, size_t size) {
  return HWY_DYNAMIC_DISPATCH(SumUpdateSquares)(before, after, type, size);
}

double SumSquares(const void* data, ElementType type, size_t size) {
  return HWY_DYNAMIC_DISPATCH(SumSquares)(data, type, size);
}

void SumRowSquares(const RowPlaces& of, ElementType type, size_t rows, size_t columns, double* squares) {
  HWY_DYNAMIC_DISPATCH(SumRowSquares)(of, type, rows, columns, squares);
}

void SumRowDistances(const RowPlaces& from, const RowPlaces& to, ElementType type, size_t rows, size_t columns,
                     double* squares) {
  HWY_DYNAMIC_DISPATCH(SumRowDistances)(from, to, type, rows, columns, squares);
}

}  // namespace attnscope
#endif  // HWY_ONCE
