// SPDX-License-Identifier: Apache-2.0
#include "render/huffman.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace attnscope::render {
namespace {

constexpr size_t kMaxBits = 15;

// Depths of the leaves of a Huffman tree over ascending counts, by two queues: the leaves, and the nodes made so far,
// which come in ascending order too. At least two leaves.
std::vector<uint8_t> LeafDepths(std::span<const uint32_t> ascending) {
  const size_t leaves = ascending.size();
  std::vector<uint64_t> weight(ascending.begin(), ascending.end());
  std::vector<size_t> parent(2 * leaves - 1, 0);
  size_t next_leaf = 0;
  size_t next_node = leaves;
  const auto take_lightest = [&] {
    const bool has_leaf = next_leaf < leaves;
    const bool has_node = next_node < weight.size();
    const bool takes_leaf = has_leaf && (!has_node || weight[next_leaf] <= weight[next_node]);
    return takes_leaf ? next_leaf++ : next_node++;
  };
  while (weight.size() < 2 * leaves - 1) {
    const size_t a = take_lightest();
    const size_t b = take_lightest();
    parent[a] = weight.size();
    parent[b] = weight.size();
    weight.push_back(weight[a] + weight[b]);
  }
  std::vector<uint8_t> depth(weight.size(), 0);
  for (size_t i = weight.size() - 1; i-- > 0;) depth[i] = static_cast<uint8_t>(depth[parent[i]] + 1);
  depth.resize(leaves);
  return depth;
}

// Cuts descending lengths to `max_length`, and lengthens others so that the code is complete again: each step takes
// away a code of the greatest length, whose symbol then shares the place of a shorter code.
void LimitLengths(size_t max_length, std::vector<uint8_t>* lengths) {
  const size_t full = size_t{1} << max_length;  // in units of a code of the greatest length
  size_t used = 0;
  std::array<size_t, kMaxBits + 1> count = {};
  for (const uint8_t length : *lengths) {
    const size_t limited = std::min<size_t>(length, max_length);
    ++count[limited];
    used += full >> limited;
  }
  for (; used > full; --used) {
    size_t shorter = max_length - 1;
    while (count[shorter] == 0) --shorter;
    --count[shorter];
    count[shorter + 1] += 2;
    --count[max_length];
  }
  size_t next = 0;
  for (size_t length = max_length; length > 0; --length) {
    for (size_t i = 0; i < count[length]; ++i) (*lengths)[next++] = static_cast<uint8_t>(length);
  }
}

}  // namespace

std::vector<HuffmanCode> CanonicalCode(std::span<const uint8_t> lengths) {
  std::array<uint32_t, kMaxBits + 2> next = {};  // the next code of each length
  for (const uint8_t length : lengths) next[length + size_t{1}] += length == 0 ? 0 : 1;
  for (size_t i = 1; i < next.size(); ++i) next[i] = (next[i] + next[i - 1]) << (i > 1 ? 1 : 0);
  std::vector<HuffmanCode> codes(lengths.size());
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] == 0) continue;
    const uint32_t code = next[lengths[i]]++;
    uint32_t reversed = 0;
    for (int bit = 0; bit < lengths[i]; ++bit) reversed = reversed << 1 | (code >> bit & 1);
    codes[i] = {static_cast<uint16_t>(reversed), lengths[i]};
  }
  return codes;
}

std::vector<HuffmanCode> MakeHuffmanCode(std::span<const uint32_t> counts, int max_length) {
  std::vector<size_t> symbols;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) symbols.push_back(i);
  }
  std::stable_sort(symbols.begin(), symbols.end(), [&](size_t a, size_t b) { return counts[a] < counts[b]; });
  std::vector<uint8_t> lengths(counts.size(), 0);
  if (symbols.size() == 1) lengths[symbols[0]] = 1;
  if (symbols.size() > 1) {
    std::vector<uint32_t> ascending;
    ascending.reserve(symbols.size());
    for (const size_t symbol : symbols) ascending.push_back(counts[symbol]);
    std::vector<uint8_t> depths = LeafDepths(ascending);
    LimitLengths(static_cast<size_t>(max_length), &depths);
    for (size_t i = 0; i < symbols.size(); ++i) lengths[symbols[i]] = depths[i];
  }
  return CanonicalCode(lengths);
}

}  // namespace attnscope::render
