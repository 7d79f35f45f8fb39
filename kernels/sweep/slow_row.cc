// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/slow_row.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace attnscope {
namespace {

bool IsWeight(double value) { return std::isfinite(value) && value >= 0.0; }

double DoubleOfBits(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace

double ElementAsDouble(const void* data, ElementType type, size_t index) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data) + index * ElementBytes(type);
  if (type == ElementType::kFloat32) {
    float value;
    std::memcpy(&value, bytes, sizeof(value));
    return static_cast<double>(value);
  }
  uint16_t half;
  std::memcpy(&half, bytes, sizeof(half));
  if (type == ElementType::kBFloat16) {
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return static_cast<double>(value);
  }
  // Sign, 5 bits of exponent, 10 of mantissa.
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  double value;
  if (exponent == 31) {
    value = mantissa == 0 ? HUGE_VAL : std::nan("");
  } else if (exponent == 0) {
    value = mantissa * 0x1p-24;
  } else {
    // The same bits in their places of a double, whose exponent is larger by the difference of the biases. Outputs of
    // rows pick weights one by one, and std::ldexp takes longer than all else of a pick.
    value = DoubleOfBits((static_cast<uint64_t>(half & 0x7FFF) << 42) + (uint64_t{1023 - 15} << 52));
  }
  return (half >> 15) != 0 ? -value : value;
}

bool IsValidRow(const void* row, ElementType type, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!IsWeight(ElementAsDouble(row, type, i))) return false;
  }
  return true;
}

void MeasureSlowRow(const void* row, ElementType type, size_t keys, size_t index, BlockResult* result) {
  double entropy_nats = 0.0;
  double sum = 0.0;
  double max = 0.0;
  for (double* measure : {result->entropy_nats, result->sum, result->max, result->valid}) measure[index] = 0.0;
  for (size_t i = 0; i < keys; ++i) {
    const double weight = ElementAsDouble(row, type, i);
    if (!IsWeight(weight)) return;
    if (weight == 0.0) continue;
    sum += weight;
    entropy_nats -= weight * std::log(weight);
    max = std::max(max, weight);
  }
  result->valid[index] = 1.0;
  result->entropy_nats[index] = entropy_nats;
  result->sum[index] = sum;
  result->max[index] = max;
}

void AddSlowRowToColumns(const BlockRow& row, ElementType type, const KeyRange& columns, double* sums) {
  for (size_t i = 0; i < row.visible; ++i) {
    const double weight = ElementAsDouble(row.data, type, i);
    if (weight == 0.0) continue;  // also of cells that have no position
    const size_t column = row.positions == nullptr ? row.first_column + i : static_cast<size_t>(row.positions[i]);
    if (column >= columns.begin && column < columns.end) sums[column] += weight;
  }
}

}  // namespace attnscope
