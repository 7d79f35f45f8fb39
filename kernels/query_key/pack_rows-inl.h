// SPDX-License-Identifier: Apache-2.0
//
// Packs queries and keys for the product: float32, dimension by dimension. Included per target by query_key_product.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_QUERY_KEY_PACK_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_QUERY_KEY_PACK_ROWS_INL_H_
#undef ATTNSCOPE_KERNELS_QUERY_KEY_PACK_ROWS_INL_H_
#else
#define ATTNSCOPE_KERNELS_QUERY_KEY_PACK_ROWS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows that are packed together: one block of 128 bits.
inline constexpr size_t kPackRows = 4;

// to[i * width + row] = rows[row][i * stride] for i in [begin, size), one by one.
template <typename T>
HWY_INLINE void PackScalars(const T* const* rows, size_t num_rows, int64_t stride, size_t begin, size_t size,
                            size_t width, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, 1> d1;
  for (size_t i = begin; i < size; ++i) {
    for (size_t row = 0; row < num_rows; ++row) {
      to[i * width + row] = hn::GetLane(LoadAsFloat(d1, rows[row] + static_cast<int64_t>(i) * stride));
    }
  }
}

// to[i * width + row] = rows[row][i * stride] for i in [0, size) and at most kPackRows rows: transposes four by four.
template <typename T>
HWY_INLINE void PackRows(const T* const* rows, size_t num_rows, int64_t stride, size_t size, size_t width,
                         float* HWY_RESTRICT to) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const bool fast = stride == 1 && num_rows == kPackRows;
  const hn::CappedTag<float, 4> d4;
  const hn::RepartitionToWide<decltype(d4)> d2;
  for (; fast && i + 4 <= size; i += 4) {
    const auto row0 = LoadAsFloat(d4, rows[0] + i);
    const auto row1 = LoadAsFloat(d4, rows[1] + i);
    const auto row2 = LoadAsFloat(d4, rows[2] + i);
    const auto row3 = LoadAsFloat(d4, rows[3] + i);
    const auto low01 = hn::BitCast(d2, hn::InterleaveLower(d4, row0, row1));
    const auto low23 = hn::BitCast(d2, hn::InterleaveLower(d4, row2, row3));
    const auto high01 = hn::BitCast(d2, hn::InterleaveUpper(d4, row0, row1));
    const auto high23 = hn::BitCast(d2, hn::InterleaveUpper(d4, row2, row3));
    hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, low01, low23)), d4, to + i * width);
    hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, low01, low23)), d4, to + (i + 1) * width);
    hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, high01, high23)), d4, to + (i + 2) * width);
    hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, high01, high23)), d4, to + (i + 3) * width);
  }
#endif
  PackScalars(rows, num_rows, stride, i, size, width, to);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_PACK_ROWS_INL_H_
