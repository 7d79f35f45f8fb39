// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/picked_weights.h"

#include <algorithm>
#include <cmath>

#include "kernels/sweep/slow_row.h"

namespace attnscope {
namespace {

// The largest weight of a row of any weights, the first of equals.
size_t FindLargestSlowly(const BlockRow& row, ElementType type) {
  size_t index = 0;
  double largest = 0.0;
  for (size_t i = 0; i < row.visible; ++i) {
    const double weight = ElementAsDouble(row.data, type, i);
    if (weight <= largest) continue;
    largest = weight;
    index = i;
  }
  return index;
}

// The column of a row's weight `index`, the largest. Where weights have columns of their own, others may equal it.
int64_t ColumnOfLargest(const BlockRow& row, ElementType type, size_t index) {
  if (row.positions == nullptr) return static_cast<int64_t>(row.first_column + index);
  const double largest = ElementAsDouble(row.data, type, index);
  int64_t column = row.positions[index];
  for (size_t i = index + 1; i < row.visible; ++i) {
    if (ElementAsDouble(row.data, type, i) == largest) column = std::min(column, row.positions[i]);
  }
  return column;
}

// Sets the columns of the largest weights, of rows that are measured.
void SetColumnsOfLargest(const RowBlock& block, const LargestPlaces& largest, BlockResult* result) {
  for (size_t i = 0; i < block.num_rows; ++i) {
    const BlockRow& row = block.rows[i];
    if (result->valid[i] == 0.0 || result->max[i] == 0.0) continue;
    const size_t index = result->slow[i] ? FindLargestSlowly(row, block.type) : largest.index[i];
    result->argmax[i] = static_cast<double>(ColumnOfLargest(row, block.type, index));
  }
}

// Which weight of the row is of the key at a position; row.visible, or more, if the row does not see it.
size_t IndexOfKey(const BlockRow& row, int64_t position) {
  // Keys before the first column are far beyond the last one, as unsigned numbers.
  if (row.positions == nullptr) return static_cast<size_t>(position) - row.first_column;
  size_t index = 0;
  while (index < row.visible && row.positions[index] != position) ++index;
  return index;
}

// Sets the weights of the first key, of the query's own and of the one before it: 0 if a row does not see that key, NaN
// where there is no such key. Where there is no first key, the row is masked.
void PickKeys(const RowBlock& block, BlockResult* result) {
  for (size_t i = 0; i < block.num_rows; ++i) {
    const BlockRow& row = block.rows[i];
    const RowPlace& place = block.places[i];
    const auto weight_of = [&](int64_t key) {
      const size_t index = IndexOfKey(row, key);
      return index < row.visible ? ElementAsDouble(row.data, block.type, index) + 0.0 : 0.0;  // no negative zero
    };
    const auto weight_if_there = [&](int64_t key) {
      return key < place.first_key || key >= place.end_key ? std::nan("") : weight_of(key);
    };
    result->first_token[i] = weight_of(place.first_key);
    result->self[i] = weight_if_there(place.position);
    result->previous[i] = weight_if_there(place.position - 1);
  }
}

}  // namespace

void PickWeights(const RowBlock& block, const LargestPlaces& largest, BlockResult* result) {
  const RowOutputs& outputs = *block.outputs;
  if (outputs.argmax.data != nullptr) SetColumnsOfLargest(block, largest, result);
  if (outputs.first_token_weight.data != nullptr || outputs.self_weight.data != nullptr ||
      outputs.previous_weight.data != nullptr) {
    PickKeys(block, result);
  }
}

}  // namespace attnscope
