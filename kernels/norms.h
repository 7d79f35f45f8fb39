// SPDX-License-Identifier: Apache-2.0
//
// Sums of squares of activations and gradients.
#ifndef ATTNSCOPE_KERNELS_NORMS_H_
#define ATTNSCOPE_KERNELS_NORMS_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"

namespace attnscope {

// Squares of float32 values, and of their differences, are at most 4.7e77 and, unless zero, at least 1.9e-90: in
// float64 neither they nor sums of 2^64 of them overflow or underflow.
struct UpdateSquares {
  double update = 0.0;  // sum (after - before)^2
  double before = 0.0;  // sum before^2
};

// Of `size` elements of one type. O(size); allocates nothing. Relative error below 1e-12. Thread-safe.
UpdateSquares SumUpdateSquares(const void* before, const void* after, ElementType type, size_t size);
double SumSquares(const void* data, ElementType type, size_t size);

// Where row 0 stands, and how many elements further the next one.
struct RowPlaces {
  const void* data;
  int64_t stride;
};
// Of each of `rows` rows of `columns` elements: sum x^2, and sum (to - from)^2. As above.
void SumRowSquares(const RowPlaces& of, ElementType type, size_t rows, size_t columns, double* squares);
void SumRowDistances(const RowPlaces& from, const RowPlaces& to, ElementType type, size_t rows, size_t columns,
                     double* squares);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_NORMS_H_
