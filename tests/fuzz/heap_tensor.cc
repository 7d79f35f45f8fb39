// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/heap_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace attnscope::fuzz {
namespace {

uint16_t HalfBits(float value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const float size = std::abs(value);
  if (std::isnan(value)) return 0x7E01;
  if (size > 65504.0f) return static_cast<uint16_t>(sign | 0x7C00);
  if (size < 0x1p-14f) return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::lround(size * 0x1p24f)));
  int exponent = 0;
  const float fraction = std::frexp(size, &exponent);
  const auto digits = static_cast<int>(std::lround(std::ldexp(fraction, 11)));
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + (digits - 1024)));
}

void Store(float value, ElementType type, uint8_t* to) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  if (type == ElementType::kFloat32) {
    std::memcpy(to, &bits, sizeof(bits));
    return;
  }
  const uint16_t half = type == ElementType::kFloat16 ? HalfBits(value) : static_cast<uint16_t>(bits >> 16);
  std::memcpy(to, &half, sizeof(half));
}

float Special(Random* random) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr std::array<float, 10> kValues = {
      0.0f, -0.0f, 1.0f, -1.0f, kInf, -kInf, std::numeric_limits<float>::quiet_NaN(), 1e-45f, 3e38f, -3e38f};
  return kValues[random->Bits() % kValues.size()];
}

float AnyBits(Random* random) {
  const auto bits = static_cast<uint32_t>(random->Bits());
  float value = 0.0f;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// One row of weights, logits, queries or keys.
void FillRow(Fill fill, Random* random, std::vector<float>* row) {
  const size_t hot = row->empty() ? 0 : random->Bits() % row->size();
  const size_t odd = random->Bits() % 4;  // of kSpecials, only some rows have some
  for (size_t i = 0; i < row->size(); ++i) {
    float& value = (*row)[i];
    value = random->Unit();
    if (fill == Fill::kSoftmax) value = std::exp(6.0f * value);
    if (fill == Fill::kLogits) value = 20.0f * (value - 0.5f);
    if (fill == Fill::kUniform) value = 1.0f;
    if (fill == Fill::kOneHot) value = i == hot ? 1.0f : 0.0f;
    if (fill == Fill::kZeros) value = 0.0f;
    if (fill == Fill::kTiny) value *= 1e-38f;
    if (fill == Fill::kHuge) value *= 3e38f;
    if (fill == Fill::kSpecials && odd == 0 && i % 7 == hot % 7) value = Special(random);
    if (fill == Fill::kAnyBits) value = AnyBits(random);
  }
  if (fill != Fill::kSoftmax && fill != Fill::kUniform) return;
  float sum = 0.0f;
  for (const float value : *row) sum += value;
  for (float& value : *row) value /= sum;
}

}  // namespace

Layout ChooseLayout(size_t batch, size_t heads, size_t rows, size_t columns, CallBytes* bytes) {
  Layout layout;
  layout.sizes = {batch, heads, rows, columns};
  const auto size = [&layout](size_t i) { return static_cast<int64_t>(layout.sizes[i]); };
  auto& [batch_stride, head_stride, row_stride, column_stride] = layout.strides;
  const size_t kind = bytes->Below(8);
  row_stride = size(3) + (kind == 1 ? 3 : 0);
  head_stride = row_stride * size(2);
  batch_stride = head_stride * size(1);
  if (kind == 2) {  // [batch, rows, heads, columns]
    head_stride = size(3);
    row_stride = head_stride * size(1);
  }
  if (kind == 3) batch_stride = head_stride = 0;
  if (kind == 4) row_stride = -row_stride;
  if (kind == 5) batch_stride = -batch_stride, head_stride = -head_stride, row_stride = -row_stride;
  if (kind == 6) row_stride = 1;  // rows overlap
  if (kind == 7) {
    for (size_t i = 0; i < 3; ++i) {
      if (layout.sizes[i] <= 1) layout.strides[i] = bytes->OneOf<int64_t>({INT64_MIN, INT64_MAX, -1, int64_t{1} << 60});
    }
  }
  return layout;
}

HeapTensor::HeapTensor(const Layout& layout, const Content& content, const Visible& visible) {
  struct Row {
    int64_t first;
    size_t columns;
  };
  std::vector<Row> rows;
  int64_t low = 0;
  int64_t high = 0;  // behind the last element
  const auto step = [&layout](size_t dimension, size_t index) {
    return index == 0 ? 0 : static_cast<int64_t>(index) * layout.strides[dimension];
  };
  for (size_t b = 0; b < layout.sizes[0]; ++b) {
    for (size_t h = 0; h < layout.sizes[1]; ++h) {
      for (size_t r = 0; r < layout.sizes[2]; ++r) {
        const Row row = {step(0, b) + step(1, h) + step(2, r), std::min(layout.sizes[3], visible(b, r))};
        if (row.columns == 0) continue;
        rows.push_back(row);
        const int64_t last = row.first + step(3, row.columns - 1);
        low = std::min({low, row.first, last});
        high = std::max({high, row.first + 1, last + 1});
      }
    }
  }
  const size_t element = ElementBytes(content.type);
  const size_t size = (static_cast<size_t>(high - low) + content.shift) * element;
  bytes_ = std::make_unique<uint8_t[]>(size);
  Random junk(content.junk);
  for (size_t i = 0; i < size; ++i) bytes_[i] = static_cast<uint8_t>(junk.Bits());
  const int64_t origin = static_cast<int64_t>(content.shift) - low;
  data_ = bytes_.get() + origin * static_cast<int64_t>(element);
  Random random(content.seed);
  for (const Row& row : rows) {
    std::vector<float> values(row.columns);
    FillRow(content.fill, &random, &values);
    for (size_t c = 0; c < row.columns; ++c) {
      const int64_t at = origin + row.first + step(3, c);
      Store(values[c], content.type, bytes_.get() + at * static_cast<int64_t>(element));
    }
  }
}

}  // namespace attnscope::fuzz
