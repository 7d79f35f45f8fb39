// SPDX-License-Identifier: Apache-2.0
//
// Views of tensors in ggml's memory layout, without a copy and without ggml's headers: what a callback on the graph
// evaluation of llama.cpp or whisper.cpp gets. examples/ggml_callback is one. Example:
//
//   attnscope::AttentionView view;  // of the tensor "kq_soft_max-<layer>"
//   attnscope::Status status = attnscope::AttentionFromGgml(attnscope::LayoutOfGgml(*tensor), &view);
//
// ggml's dimension 0 is the innermost; sizes `ne` are in elements, strides `nb` in bytes. Errors: kInvalidArgument,
// naming the tensor's field and its value; `*out` is then unchanged. A view lasts as long as its tensor. Functions look
// at the description alone, in O(1), and are thread-safe.
#ifndef ATTNSCOPE_GGML_H_
#define ATTNSCOPE_GGML_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "attnscope/attention_view.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"

namespace attnscope {

// Of enum ggml_type, which is part of its file format and does not change.
inline constexpr int kGgmlFloat32 = 0;
inline constexpr int kGgmlFloat16 = 1;
inline constexpr int kGgmlBFloat16 = 30;

// What a ggml_tensor says of its memory.
struct GgmlLayout {
  int type = kGgmlFloat32;
  const int64_t* ne = nullptr;  // [4] elements
  const size_t* nb = nullptr;   // [4] bytes
  const void* data = nullptr;   // in memory of the CPU: copy it with ggml_backend_tensor_get where it is not
};

// Of a ggml_tensor.
template <typename Tensor>
GgmlLayout LayoutOfGgml(const Tensor& tensor) {
  return {static_cast<int>(tensor.type), tensor.ne, tensor.nb, tensor.data};
}

namespace internal {

// Sizes and strides in elements.
struct GgmlElements {
  ElementType type = ElementType::kFloat32;
  size_t sizes[4] = {};
  int64_t strides[4] = {};
};

inline Status GgmlError(const char* name, const std::string& what) {
  return {StatusCode::kInvalidArgument, std::string(name) + what};
}

inline Status ReadGgml(const char* name, const GgmlLayout& layout, GgmlElements* out) {
  GgmlElements read;
  if (layout.type == kGgmlFloat16) {
    read.type = ElementType::kFloat16;
  } else if (layout.type == kGgmlBFloat16) {
    read.type = ElementType::kBFloat16;
  } else if (layout.type != kGgmlFloat32) {
    return GgmlError(name, ".type is " + std::to_string(layout.type) + ", expected 0 (F32), 1 (F16) or 30 (BF16)");
  }
  if (layout.ne == nullptr || layout.nb == nullptr) return GgmlError(name, " has no sizes or strides");
  const size_t bytes = ElementBytes(read.type);
  for (size_t i = 0; i < 4; ++i) {
    const std::string index = "[" + std::to_string(i) + "] is ";
    if (layout.ne[i] < 0) return GgmlError(name, ".ne" + index + std::to_string(layout.ne[i]));
    if (layout.nb[i] % bytes != 0) {
      return GgmlError(name, ".nb" + index + std::to_string(layout.nb[i]) + ", no multiple of an element's " +
                                 std::to_string(bytes) + " bytes");
    }
    read.sizes[i] = static_cast<size_t>(layout.ne[i]);
    read.strides[i] = static_cast<int64_t>(layout.nb[i] / bytes);
  }
  *out = read;
  return {};
}

}  // namespace internal

// A softmax's output, or its input: ne = [keys, queries, heads, batch]. The keys of a query must be contiguous.
// llama.cpp rounds the keys up; the weights of those beyond the cache's end are zero. Cut view.keys to the cells in
// use, so that measures which depend on the number of keys do not count them.
inline Status AttentionFromGgml(const GgmlLayout& layout, AttentionView* out) {
  internal::GgmlElements read;
  if (Status status = internal::ReadGgml("attention", layout, &read); !status.ok()) return status;
  if (read.sizes[0] > 1 && read.strides[0] != 1) {
    return internal::GgmlError("attention", ".nb[0] is " + std::to_string(layout.nb[0]) +
                                                ", expected an element's size: it is transposed, take it before "
                                                "ggml_transpose or after ggml_cont");
  }
  AttentionView view;
  view.data = layout.data;
  view.type = read.type;
  view.keys = read.sizes[0];
  view.queries = read.sizes[1];
  view.heads = read.sizes[2];
  view.batch = read.sizes[3];
  view.query_stride = read.strides[1];
  view.head_stride = read.strides[2];
  view.batch_stride = read.strides[3];
  *out = view;
  return {};
}

// The operands of the product before it, for engines with fused attention: queries ne = [head_dim, queries, heads,
// batch], keys ne = [head_dim, keys, kv_heads, batch], any strides.
inline Status QueriesKeysFromGgml(const GgmlLayout& queries, const GgmlLayout& keys, QueryKeyView* out) {
  internal::GgmlElements q;
  internal::GgmlElements k;
  if (Status status = internal::ReadGgml("queries", queries, &q); !status.ok()) return status;
  if (Status status = internal::ReadGgml("keys", keys, &k); !status.ok()) return status;
  if (q.sizes[0] != k.sizes[0] || q.sizes[3] != k.sizes[3]) {
    return internal::GgmlError("queries", " have head size " + std::to_string(q.sizes[0]) + " and batch " +
                                              std::to_string(q.sizes[3]) + ", keys " + std::to_string(k.sizes[0]) +
                                              " and " + std::to_string(k.sizes[3]));
  }
  QueryKeyView view;
  view.query_data = queries.data;
  view.key_data = keys.data;
  view.query_type = q.type;
  view.key_type = k.type;
  view.head_dim = q.sizes[0];
  view.queries = q.sizes[1];
  view.heads = q.sizes[2];
  view.batch = q.sizes[3];
  view.keys = k.sizes[1];
  view.kv_heads = k.sizes[2];
  view.query_dim_stride = q.strides[0];
  view.query_stride = q.strides[1];
  view.query_head_stride = q.strides[2];
  view.query_batch_stride = q.strides[3];
  view.key_dim_stride = k.strides[0];
  view.key_stride = k.strides[1];
  view.key_head_stride = k.strides[2];
  view.key_batch_stride = k.strides[3];
  *out = view;
  return {};
}

// The mask of a SOFT_MAX or FLASH_ATTN_EXT node, which is added to the logits: ne = [keys, queries, heads or 1, batch
// or 1], each row's keys contiguous. ggml pads keys and queries, so there may be more of both than the view has. Times
// the heads' slopes (ALiBi) where `head_factors` of the bias are set.
template <class View>
Status BiasFromGgml(const GgmlLayout& layout, const View& view, BiasView* out) {
  internal::GgmlElements read;
  if (Status status = internal::ReadGgml("mask", layout, &read); !status.ok()) return status;
  if (read.sizes[0] > 1 && read.strides[0] != 1) {
    return internal::GgmlError("mask", ".nb[0] is " + std::to_string(layout.nb[0]) + ", expected an element's size");
  }
  const size_t least[4] = {view.keys, view.queries, view.heads, view.batch};
  for (size_t i = 0; i < 4; ++i) {
    const bool repeats = i >= 2 && read.sizes[i] == 1;
    const bool fits = i < 2 ? read.sizes[i] >= least[i] : read.sizes[i] == least[i];
    if (repeats) read.strides[i] = 0;
    if (repeats || fits) continue;
    return internal::GgmlError("mask", ".ne[" + std::to_string(i) + "] is " + std::to_string(read.sizes[i]) +
                                           ", expected " + (i < 2 ? "at least " : "1 or ") + std::to_string(least[i]));
  }
  *out = {.data = layout.data,
          .type = read.type,
          .batch_stride = read.strides[3],
          .head_stride = read.strides[2],
          .query_stride = read.strides[1]};
  return {};
}

}  // namespace attnscope

#endif  // ATTNSCOPE_GGML_H_
