// SPDX-License-Identifier: Apache-2.0
//
// Tensors on the heap that are exactly as large as their view may read, so that the address sanitizer sees each byte
// beyond. Included by the parts of fuzz_c_interface.
#ifndef ATTNSCOPE_TESTS_FUZZ_HEAP_TENSOR_H_
#define ATTNSCOPE_TESTS_FUZZ_HEAP_TENSOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "attnscope/attention_view.h"
#include "tests/fuzz/call_bytes.h"

namespace attnscope::fuzz {

enum class Fill : uint8_t { kSoftmax, kLogits, kUniform, kOneHot, kZeros, kTiny, kHuge, kSpecials, kAnyBits };
inline constexpr size_t kNumFills = 9;

// [batch, heads, rows, columns] and the strides of each, in elements.
struct Layout {
  std::array<size_t, 4> sizes = {1, 1, 0, 0};
  std::array<int64_t, 4> strides = {0, 0, 0, 1};
};

// C-contiguous strides, or one of several other kinds: padded, transposed, broadcast, negative, overlapping, or beyond
// measure where a dimension has one entry.
Layout ChooseLayout(size_t batch, size_t heads, size_t rows, size_t columns, CallBytes* bytes);

struct Content {
  ElementType type = ElementType::kFloat32;
  Fill fill = Fill::kSoftmax;
  uint64_t seed = 0;
  uint64_t junk = 0;  // of what lies between and behind the elements that may be read
  size_t shift = 0;   // elements by which the start is moved off its alignment
};

// How many columns of a row may be read.
using Visible = std::function<size_t(size_t batch, size_t row)>;

class HeapTensor {
 public:
  HeapTensor() = default;
  HeapTensor(const Layout& layout, const Content& content, const Visible& visible);

  // Element [0, 0, 0, 0]; not null, also if there are none.
  const void* data() const { return data_; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  const uint8_t* data_ = nullptr;
};

// The address of an element that lies `elements` behind another.
inline const void* Advanced(const void* data, int64_t elements, ElementType type) {
  return static_cast<const uint8_t*>(data) + elements * static_cast<int64_t>(ElementBytes(type));
}

}  // namespace attnscope::fuzz

#endif  // ATTNSCOPE_TESTS_FUZZ_HEAP_TENSOR_H_
