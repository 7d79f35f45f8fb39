// SPDX-License-Identifier: Apache-2.0
//
// Rows for the tests of kernels by themselves: between unreadable pages, NaN between rows, any stride, any type.
#ifndef ATTNSCOPE_TESTS_KERNELS_PLAIN_ROWS_GUARDED_ROWS_H_
#define ATTNSCOPE_TESTS_KERNELS_PLAIN_ROWS_GUARDED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "attnscope/kernels.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"

namespace attnscope::test {

class GuardedRows {
 public:
  explicit GuardedRows(size_t capacity_elements) : memory_(capacity_elements * sizeof(float)) {}

  // Stores values [rows, columns] with `gap` elements of NaN between the rows, which stand in descending order of
  // addresses if `backwards`. The first byte or the last one is beside the unreadable page; off by some elements from
  // alignment in the former case.
  void Place(ElementType type, std::span<const float> values, size_t rows, size_t columns, size_t gap = 0,
             bool backwards = false, bool at_end = true, size_t offset = 0) {
    const size_t stride = columns + gap;
    const size_t elements = rows == 0 ? 0 : (rows - 1) * stride + columns;
    const size_t bytes = elements * ElementBytes(type);
    void* const place = at_end ? memory_.PlaceAtEnd(bytes) : memory_.PlaceAtFront(bytes, offset * ElementBytes(type));
    std::memset(place, 0xFF, bytes);
    auto* const begin = static_cast<uint8_t*>(place);
    rows_ = {begin, type, rows, columns, static_cast<int64_t>(stride)};
    if (backwards && rows > 1) {
      rows_.data = begin + (rows - 1) * stride * ElementBytes(type);
      rows_.row_stride = -rows_.row_stride;
    }
    for (size_t row = 0; row < rows; ++row) {
      StoreElements(type, values.subspan(row * columns, columns), const_cast<uint8_t*>(At(row)));
    }
  }

  const kernels::Rows& rows() const { return rows_; }
  // What a row holds, exactly.
  std::vector<long double> Exact(size_t row) const { return LoadElements(rows_.type, At(row), rows_.columns); }
  bool SlackIntact() const { return memory_.SlackIntact(); }

  std::string Name() const {
    return std::to_string(rows_.rows) + " x " + std::to_string(rows_.columns) + " " + NameOf(rows_.type);
  }

 private:
  const uint8_t* At(size_t row) const {
    return static_cast<const uint8_t*>(rows_.data) +
           static_cast<int64_t>(row) * rows_.row_stride * static_cast<int64_t>(ElementBytes(rows_.type));
  }

  GuardedBuffer memory_;
  kernels::Rows rows_;
};

// 0 to 300, and around powers of two up to `most`.
inline std::vector<size_t> AllSizes(size_t most) {
  std::vector<size_t> sizes;
  for (size_t size = 0; size <= 300; ++size) sizes.push_back(size);
  for (size_t power = 512; power < most; power *= 2) {
    for (const size_t size : {power - 1, power, power + 1}) sizes.push_back(size);
  }
  return sizes;
}

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_KERNELS_PLAIN_ROWS_GUARDED_ROWS_H_
