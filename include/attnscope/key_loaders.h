// SPDX-License-Identifier: Apache-2.0
//
// Ready loaders for keys that are no floats: 8-bit floats, and the blocks of ggml's quantised caches. Example, a cache
// of ggml's type q8_0 whose keys stand nb1 bytes apart and whose heads nb2:
//
//   const attnscope::GgmlBlockKeys keys = {.data = cache, .type = attnscope::GgmlBlock::kQ8_0,
//                                          .head_stride = nb2, .key_stride = nb1};
//   view.key_loader = attnscope::LoaderOf(keys);  // `keys` must outlive the calls that take the view
//
// Any other type: a function of your own, see KeyLoader. What is measured is the attention of the widened keys, which
// are exact float32; nothing is added to their error.
#ifndef ATTNSCOPE_KEY_LOADERS_H_
#define ATTNSCOPE_KEY_LOADERS_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/export.h"
#include "attnscope/query_key_view.h"

namespace attnscope {

// 8-bit floats of the OCP standard (OFP8, 2023): PyTorch's float8_e4m3fn and float8_e5m2.
enum class Float8 : uint8_t {
  kE4M3Fn = 0,  // no infinity; NaN is 0x7F and 0xFF; the largest is 448
  kE5M2,
};

// Keys [batch, kv_heads, keys, head_dim] of 8-bit floats with any strides, in bytes. Key = scale * float8.
struct Float8Keys {
  const uint8_t* data = nullptr;
  Float8 type = Float8::kE4M3Fn;
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t key_stride = 0;
  int64_t dim_stride = 1;
  float scale = 1.0f;
  const float* head_scales = nullptr;  // [kv_heads], in place of `scale`; null: none
};

// Blocks of 32 elements, as in ggml's files and caches, which do not change.
enum class GgmlBlock : uint8_t {
  kQ8_0 = 0,  // a float16 scale, then 32 signed bytes
  kQ4_0,      // a float16 scale, then 16 bytes: the low halves are elements 0 to 15, the high ones 16 to 31, each - 8
};

// Keys [batch, kv_heads, keys] of head_dim elements each, in blocks one behind the other; strides in bytes. In ggml
// head_dim is a multiple of 32.
struct GgmlBlockKeys {
  const void* data = nullptr;
  GgmlBlock type = GgmlBlock::kQ8_0;
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t key_stride = 0;
};

// Loaders of these keys, which must outlive the calls that use them. Thread-safe. O(keys * head_dim) a call.
ATTNSCOPE_EXPORT KeyLoader LoaderOf(const Float8Keys& keys);
ATTNSCOPE_EXPORT KeyLoader LoaderOf(const GgmlBlockKeys& keys);
KeyLoader LoaderOf(Float8Keys&& keys) = delete;  // of keys that are gone when the loader is called
KeyLoader LoaderOf(GgmlBlockKeys&& keys) = delete;

}  // namespace attnscope

#endif  // ATTNSCOPE_KEY_LOADERS_H_
