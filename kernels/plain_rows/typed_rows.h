// SPDX-License-Identifier: Apache-2.0
//
// Rows whose type the compiler knows. No SIMD here: shared by all targets.
#ifndef ATTNSCOPE_KERNELS_PLAIN_ROWS_TYPED_ROWS_H_
#define ATTNSCOPE_KERNELS_PLAIN_ROWS_TYPED_ROWS_H_

#include <stddef.h>
#include <stdint.h>

#include <type_traits>

#include "attnscope/kernels.h"
#include "hwy/base.h"

namespace attnscope::kernels {

template <typename T>
struct TypedRows {
  const T* data;
  size_t rows;
  size_t columns;
  int64_t stride;

  explicit TypedRows(const Rows& from)
      : data(static_cast<const T*>(from.data)), rows(from.rows), columns(from.columns), stride(from.row_stride) {}

  const T* Row(size_t row) const { return data + static_cast<int64_t>(row) * stride; }
  // The one that is read next, to be prefetched meanwhile; behind the last one, that one again, which costs nothing.
  const T* RowAhead(size_t row) const { return Row(row + 1 < rows ? row + 1 : row); }
};

template <typename T>
constexpr ElementType TypeOf() {
  if constexpr (sizeof(T) == sizeof(float)) return ElementType::kFloat32;
  return std::is_same_v<T, hwy::float16_t> ? ElementType::kFloat16 : ElementType::kBFloat16;
}

// Calls work(TypedRows) for the rows' element type.
template <class Work>
HWY_INLINE auto WithTypedRows(const Rows& rows, const Work& work) {
  switch (rows.type) {
    case ElementType::kFloat16:
      return work(TypedRows<hwy::float16_t>(rows));
    case ElementType::kBFloat16:
      return work(TypedRows<hwy::bfloat16_t>(rows));
    case ElementType::kFloat32:
      break;
  }
  return work(TypedRows<float>(rows));
}

}  // namespace attnscope::kernels

#endif  // ATTNSCOPE_KERNELS_PLAIN_ROWS_TYPED_ROWS_H_
