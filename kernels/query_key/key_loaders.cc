// SPDX-License-Identifier: Apache-2.0
#include "attnscope/key_loaders.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "kernels/sweep/slow_row.h"

namespace attnscope {
namespace {

constexpr float PowerOfTwo(int exponent) { return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23); }

// Of a sign, `exponent_bits` and the rest of 8 bits.
constexpr float ValueOfFloat8(uint8_t bits, int exponent_bits, bool has_infinity) {
  const int mantissa_bits = 7 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int all_ones = (1 << exponent_bits) - 1;
  const int exponent = (bits & 0x7F) >> mantissa_bits;
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const float sign = (bits & 0x80) != 0 ? -1.0f : 1.0f;
  if (has_infinity && exponent == all_ones) {
    return mantissa == 0 ? sign * std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  }
  if (!has_infinity && (bits & 0x7F) == 0x7F) return std::numeric_limits<float>::quiet_NaN();
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
  return sign * static_cast<float>(significand) * PowerOfTwo(std::max(exponent, 1) - bias - mantissa_bits);
}

using Float8Table = std::array<float, 256>;

constexpr Float8Table TableOf(int exponent_bits, bool has_infinity) {
  Float8Table table = {};
  for (size_t i = 0; i < table.size(); ++i) {
    table[i] = ValueOfFloat8(static_cast<uint8_t>(i), exponent_bits, has_infinity);
  }
  return table;
}

constexpr Float8Table kE4M3FnTable = TableOf(4, false);
constexpr Float8Table kE5M2Table = TableOf(5, true);

void LoadFloat8(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
                float* to) {
  const Float8Keys& keys = *static_cast<const Float8Keys*>(context);
  const Float8Table& table = keys.type == Float8::kE5M2 ? kE5M2Table : kE4M3FnTable;
  const float scale = keys.head_scales == nullptr ? keys.scale : keys.head_scales[kv_head];
  const uint8_t* from = keys.data + static_cast<int64_t>(sequence) * keys.batch_stride +
                        static_cast<int64_t>(kv_head) * keys.head_stride +
                        static_cast<int64_t>(first) * keys.key_stride;
  for (size_t key = 0; key < count; ++key, from += keys.key_stride) {
    for (size_t dim = 0; dim < head_dim; ++dim) {
      *to++ = scale * table[from[static_cast<int64_t>(dim) * keys.dim_stride]];
    }
  }
}

constexpr size_t kBlockElements = 32;
constexpr size_t kScaleBytes = 2;

// The first `count` elements of a block.
void LoadBlock(const uint8_t* block, GgmlBlock type, size_t count, float* to) {
  const float scale = static_cast<float>(ElementAsDouble(block, ElementType::kFloat16, 0));
  const uint8_t* values = block + kScaleBytes;
  for (size_t i = 0; i < count; ++i) {
    int value = 0;
    if (type == GgmlBlock::kQ8_0) {
      value = (values[i] ^ 128) - 128;  // its sign is its highest bit
    } else {
      const uint8_t two = values[i % (kBlockElements / 2)];
      value = (i < kBlockElements / 2 ? two & 15 : two >> 4) - 8;
    }
    to[i] = scale * static_cast<float>(value);
  }
}

void LoadGgmlBlocks(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
                    float* to) {
  const GgmlBlockKeys& keys = *static_cast<const GgmlBlockKeys*>(context);
  const size_t block_bytes = kScaleBytes + (keys.type == GgmlBlock::kQ8_0 ? kBlockElements : kBlockElements / 2);
  const uint8_t* from = static_cast<const uint8_t*>(keys.data) + static_cast<int64_t>(sequence) * keys.batch_stride +
                        static_cast<int64_t>(kv_head) * keys.head_stride +
                        static_cast<int64_t>(first) * keys.key_stride;
  for (size_t key = 0; key < count; ++key, from += keys.key_stride) {
    const uint8_t* block = from;
    for (size_t dim = 0; dim < head_dim; dim += kBlockElements, block += block_bytes) {
      LoadBlock(block, keys.type, std::min(kBlockElements, head_dim - dim), to + dim);
    }
    to += head_dim;
  }
}

}  // namespace

KeyLoader LoaderOf(const Float8Keys& keys) { return {&LoadFloat8, &keys}; }

KeyLoader LoaderOf(const GgmlBlockKeys& keys) { return {&LoadGgmlBlocks, &keys}; }

}  // namespace attnscope
