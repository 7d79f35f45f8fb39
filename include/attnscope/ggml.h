// SPDX-License-Identifier: Apache-2.0
//
// Views of tensors in ggml's memory layout, without a copy and without ggml's headers, and the attention nodes of its
// graphs: what a callback on the graph evaluation of llama.cpp or whisper.cpp gets. For llama.cpp attnscope/llama.h
// does all of it. Example, in a callback (ggml_backend_sched_eval_callback), for a program that knows its layers
// itself:
//
//   if (ask) return attnscope::IsGgmlAttention(*tensor);
//   attnscope::GgmlAttention<ggml_tensor> node;  // SOFT_MAX or FLASH_ATTN_EXT
//   attnscope::GgmlQueriesKeys inputs;
//   attnscope::Status status = attnscope::AttentionOfGgmlNode(*tensor, &node);
//   if (status.ok()) status = attnscope::ReadGgmlQueriesKeys(node, {}, &inputs);
//   if (status.ok()) status = monitor.AddQueriesKeys(layer, inputs.view, inputs.params);
//
// ggml's dimension 0 is the innermost; sizes `ne` are in elements, strides `nb` in bytes. Errors: kInvalidArgument,
// naming the tensor's field and its value; `*out` is then unchanged. A view lasts as long as its tensor. Functions look
// at the description alone, in O(1) or O(heads), and are thread-safe. The functions of ggml that are needed for nodes
// (ggml_op_name, ggml_get_type_traits, ggml_backend_buffer_is_host) are those of the tensor's namespace; they must be
// declared where the templates are instantiated: include ggml.h and ggml-backend.h, in any order.
#ifndef ATTNSCOPE_GGML_H_
#define ATTNSCOPE_GGML_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

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

// An attention node of a graph: what its softmax is made of. Tensors are ggml's own; null where there is none.
template <typename Tensor>
struct GgmlAttention {
  const Tensor* weights = nullptr;  // of SOFT_MAX, the node itself: ne = [keys, queries, heads, batch]
  // [head_dim, queries, heads, batch] and [head_dim, keys, kv_heads, batch]. Those of SOFT_MAX are null where something
  // was added to their product before it, and hold until ggml uses their memory again, which may be before the softmax:
  // take the weights there, or copy queries and keys when the product is shown.
  const Tensor* queries = nullptr;
  const Tensor* keys = nullptr;
  const Tensor* mask = nullptr;   // is added to the logits
  const Tensor* sinks = nullptr;  // [heads]
  double scale = 1.0;             // of the product of queries and keys
  double soft_cap = 0.0;
  double max_bias = 0.0;  // of ALiBi; 0: none
};

// Whether a node is one, by its op: names differ from version to version. Costs two comparisons of strings.
template <typename Tensor>
bool IsGgmlAttention(const Tensor& node) {
  const std::string_view op = ggml_op_name(node.op);
  return op == "FLASH_ATTN_EXT" || op == "SOFT_MAX";
}

namespace internal {

inline double GgmlFloatParam(const int32_t* op_params, size_t index) {
  float value;
  std::memcpy(&value, op_params + index, sizeof(value));
  return value;
}

template <typename Tensor>
bool GgmlOpIs(const Tensor* tensor, std::string_view op) {
  return tensor != nullptr && op == ggml_op_name(tensor->op);
}

// What stands between the product and a softmax that caps it: SCALE by 1 / cap, TANH, SCALE by cap. The softmax then
// scales the capped: s * cap * tanh(x / cap) is a cap of s * cap at the scale s.
template <typename Tensor>
const Tensor* GgmlProductBelowCap(const Tensor* logits, GgmlAttention<Tensor>* node) {
  if (!GgmlOpIs(logits, "SCALE") || GgmlFloatParam(logits->op_params, 1) != 0.0) return logits;
  const Tensor* const tanh = logits->src[0];
  const Tensor* const scaled = tanh == nullptr ? nullptr : tanh->src[0];
  if (!GgmlOpIs(tanh, "UNARY") || std::string_view("TANH") != ggml_op_desc(tanh) || !GgmlOpIs(scaled, "SCALE") ||
      GgmlFloatParam(scaled->op_params, 1) != 0.0) {
    return logits;
  }
  const double cap = GgmlFloatParam(logits->op_params, 0);
  node->soft_cap = node->scale * cap;
  node->scale *= cap * GgmlFloatParam(scaled->op_params, 0);
  return scaled->src[0];
}

}  // namespace internal

// Takes a node apart. Errors: kInvalidArgument if it is no attention.
template <typename Tensor>
Status AttentionOfGgmlNode(const Tensor& node, GgmlAttention<Tensor>* out) {
  GgmlAttention<Tensor> read;
  read.scale = internal::GgmlFloatParam(node.op_params, 0);
  read.max_bias = internal::GgmlFloatParam(node.op_params, 1);
  if (internal::GgmlOpIs(&node, "FLASH_ATTN_EXT")) {
    read.queries = node.src[0];
    read.keys = node.src[1];
    read.mask = node.src[3];
    read.sinks = node.src[4];
    read.soft_cap = internal::GgmlFloatParam(node.op_params, 2);
  } else if (internal::GgmlOpIs(&node, "SOFT_MAX")) {
    read.weights = &node;
    read.mask = node.src[1];
    read.sinks = node.src[2];
    const Tensor* const product = internal::GgmlProductBelowCap<Tensor>(node.src[0], &read);
    if (internal::GgmlOpIs(product, "MUL_MAT")) {
      read.keys = product->src[0];
      read.queries = product->src[1];
    }
  } else {
    return internal::GgmlError(
        "node", std::string(".op is ") + ggml_op_name(node.op) + ", expected SOFT_MAX or FLASH_ATTN_EXT");
  }
  *out = read;
  return {};
}

// The layout of a tensor that the CPU can read: in memory of the host, or, where `copy` is not null, of all
// ggml_nbytes(tensor) bytes that ggml_backend_tensor_get copied there. Errors: kInvalidArgument where it is neither.
template <typename Tensor>
Status HostLayoutOfGgml(const char* name, const Tensor& tensor, const void* copy, GgmlLayout* out) {
  const auto* const buffer = tensor.view_src != nullptr ? tensor.view_src->buffer : tensor.buffer;
  if (copy == nullptr && buffer != nullptr &&
      !ggml_backend_buffer_is_host(const_cast<std::remove_const_t<std::remove_pointer_t<decltype(buffer)>>*>(buffer))) {
    return internal::GgmlError(name,
                               " are in a buffer that is not memory of the host: copy them with "
                               "ggml_backend_tensor_get, and hand over the copy");
  }
  *out = LayoutOfGgml(tensor);
  if (copy != nullptr) out->data = copy;
  return {};
}

// Copies of tensors that are not in memory of the host; null: it is.
struct GgmlCopies {
  const void* queries = nullptr;
  const void* keys = nullptr;
  const void* mask = nullptr;
  const void* sinks = nullptr;
};

// Keys of any type, widened by ggml's own function for it. Must outlive the calls that use its loader.
struct GgmlWidenedKeys {
  GgmlLayout layout;
  void (*to_float)(const void* from, float* to, int64_t count) = nullptr;

  // KeyLoader::load; `context` is a GgmlWidenedKeys.
  static void Load(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
                   float* to) {
    const GgmlWidenedKeys& keys = *static_cast<const GgmlWidenedKeys*>(context);
    const char* from = static_cast<const char*>(keys.layout.data) + sequence * keys.layout.nb[3] +
                       kv_head * keys.layout.nb[2] + first * keys.layout.nb[1];
    for (size_t i = 0; i < count; ++i) {
      keys.to_float(from + i * keys.layout.nb[1], to + i * head_dim, static_cast<int64_t>(head_dim));
    }
  }
};

// What AddQueriesKeys takes of a node. Points into itself: it is not copied, and must outlive the calls.
struct GgmlQueriesKeys {
  QueryKeyView view;
  SoftmaxParams params;  // scale, cap, bias and sinks; the mask of keys is what the bias hides
  GgmlWidenedKeys widened;
  std::vector<float> slopes;  // [heads], where there is ALiBi

  GgmlQueriesKeys() = default;
  GgmlQueriesKeys(const GgmlQueriesKeys&) = delete;
  GgmlQueriesKeys& operator=(const GgmlQueriesKeys&) = delete;
};

// The slopes that ggml multiplies its mask with where max_bias is not 0: [heads].
inline std::vector<float> GgmlSlopes(double max_bias, size_t heads) {
  size_t power = 1;
  while (2 * power <= heads) power *= 2;
  const float even = std::pow(2.0f, static_cast<float>(-max_bias / static_cast<double>(power)));
  const float odd = std::pow(2.0f, static_cast<float>(-max_bias / 2.0 / static_cast<double>(power)));
  std::vector<float> slopes(heads);
  for (size_t h = 0; h < heads; ++h) {
    slopes[h] =
        h < power ? std::pow(even, static_cast<float>(h + 1)) : std::pow(odd, static_cast<float>(2 * (h - power) + 1));
  }
  return slopes;
}

namespace internal {

template <typename Tensor>
Status ReadGgmlKeys(const Tensor& keys, const GgmlLayout& queries, GgmlLayout layout, GgmlQueriesKeys* out) {
  const int type = static_cast<int>(keys.type);
  if (type == kGgmlFloat32 || type == kGgmlFloat16 || type == kGgmlBFloat16) {
    return QueriesKeysFromGgml(queries, layout, &out->view);
  }
  const auto* const traits = ggml_get_type_traits(keys.type);
  if (traits == nullptr || traits->to_float == nullptr) {
    return GgmlError("keys", ".type is " + std::to_string(type) + ", which ggml cannot widen");
  }
  if (layout.ne == nullptr || layout.nb == nullptr) return GgmlError("keys", ".ne or .nb is null");
  if (layout.nb[0] != traits->type_size || layout.ne[0] % traits->blck_size != 0) {
    return GgmlError("keys", ".ne[0] is " + std::to_string(layout.ne[0]) + " and .nb[0] " +
                                 std::to_string(layout.nb[0]) + ", expected whole blocks one behind the other");
  }
  // Sizes are checked as those of floats; the loader has its own strides.
  const size_t nb[4] = {sizeof(float), sizeof(float), sizeof(float), sizeof(float)};
  if (Status status = QueriesKeysFromGgml(queries, {kGgmlFloat32, layout.ne, nb, layout.data}, &out->view);
      !status.ok()) {
    return status;
  }
  out->widened = {layout, traits->to_float};
  out->view.key_loader = {&GgmlWidenedKeys::Load, &out->widened};
  return {};
}

}  // namespace internal

// Mask and sinks of a node for weights or logits that `view` describes: bias, its slopes, and sinks.
template <typename Tensor, class View>
Status ReadGgmlMask(const GgmlAttention<Tensor>& node, const GgmlCopies& copies, const View& view,
                    SoftmaxParams* params, std::vector<float>* slopes) {
  SoftmaxParams read = *params;
  GgmlLayout layout;
  if (node.mask != nullptr) {
    if (Status status = HostLayoutOfGgml("mask", *node.mask, copies.mask, &layout); !status.ok()) return status;
    if (Status status = BiasFromGgml(layout, view, &read.bias); !status.ok()) return status;
    if (node.max_bias != 0.0) {
      *slopes = GgmlSlopes(node.max_bias, view.heads);
      read.bias.head_factors = slopes->data();
    }
  }
  if (node.sinks != nullptr) {
    if (Status status = HostLayoutOfGgml("sinks", *node.sinks, copies.sinks, &layout); !status.ok()) return status;
    if (layout.type != kGgmlFloat32 || layout.ne[0] != static_cast<int64_t>(view.heads)) {
      return internal::GgmlError("sinks", " are " + std::to_string(layout.ne[0]) + " of type " +
                                              std::to_string(layout.type) + ", expected " + std::to_string(view.heads) +
                                              " of type 0 (F32)");
    }
    read.sinks = static_cast<const float*>(layout.data);
  }
  *params = read;
  return {};
}

// Queries, keys and the softmax's parameters of a node. Errors: a node without queries and keys, tensors that are not
// in memory of the host and have no copy, and those of the functions above.
template <typename Tensor>
Status ReadGgmlQueriesKeys(const GgmlAttention<Tensor>& node, const GgmlCopies& copies, GgmlQueriesKeys* out) {
  if (node.queries == nullptr || node.keys == nullptr) {
    return internal::GgmlError("node", " shows no queries and keys: something is added to their product");
  }
  GgmlLayout queries;
  GgmlLayout keys;
  if (Status status = HostLayoutOfGgml("queries", *node.queries, copies.queries, &queries); !status.ok()) return status;
  if (Status status = HostLayoutOfGgml("keys", *node.keys, copies.keys, &keys); !status.ok()) return status;
  if (Status status = internal::ReadGgmlKeys(*node.keys, queries, keys, out); !status.ok()) return status;
  out->params = {.scale = node.scale, .soft_cap = node.soft_cap};
  return ReadGgmlMask(node, copies, out->view, &out->params, &out->slopes);
}

}  // namespace attnscope

#endif  // ATTNSCOPE_GGML_H_
