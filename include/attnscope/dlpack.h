// SPDX-License-Identifier: Apache-2.0
//
// Views of tensors that a framework hands out by DLPack (PyTorch, TensorFlow, JAX, NumPy, ...), without a copy. A
// header alone, which needs dlpack/dlpack.h (Debian: libdlpack-dev), or the framework's copy of it, included before.
// Example, LibTorch:
//
//   DLManagedTensor* weights = at::toDLPack(tensor);
//   attnscope::AttentionView view;
//   attnscope::Status status = attnscope::AttentionFromDLPack(weights->dl_tensor, &view);
//   if (status.ok()) status = accumulator.AddWeights(view);
//   weights->deleter(weights);
//
// A tensor must be in memory that the CPU reads, of float32, float16 or bfloat16, or a mask's bools or bytes. Leading
// dimensions of size 1 may be left out. Errors: kInvalidArgument, naming the tensor and what is wrong with it; `*out`
// is then unchanged. A view lasts as long as its tensor. Functions look at the description alone, in O(1), and are
// thread-safe.
#ifndef ATTNSCOPE_DLPACK_H_
#define ATTNSCOPE_DLPACK_H_

#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "attnscope/attention_view.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"

namespace attnscope {
namespace internal {

// A tensor of exactly 4 dimensions: missing ones come first, with size 1.
struct DLPackLayout {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
  size_t sizes[4] = {1, 1, 1, 1};
  int64_t strides[4] = {0, 0, 0, 0};
};

inline Status DLPackError(const char* name, const std::string& what) {
  return {StatusCode::kInvalidArgument, std::string(name) + ' ' + what};
}

inline Status ReadDLPackType(const char* name, DLDataType type, ElementType* out) {
  if (type.lanes == 1 && type.code == kDLFloat && type.bits == 32) {
    *out = ElementType::kFloat32;
  } else if (type.lanes == 1 && type.code == kDLFloat && type.bits == 16) {
    *out = ElementType::kFloat16;
  } else if (type.lanes == 1 && type.code == kDLBfloat && type.bits == 16) {
    *out = ElementType::kBFloat16;
  } else {
    return DLPackError(name, "has type code " + std::to_string(type.code) + ", " + std::to_string(type.bits) +
                                 " bits, " + std::to_string(type.lanes) +
                                 " lanes, expected float32, float16 or bfloat16");
  }
  return {};
}

// `least` to `most` dimensions, of whatever type.
inline Status ReadDLPackShape(const char* name, const DLTensor& tensor, int least, int most, DLPackLayout* out) {
  constexpr int kCudaHost = 3;   // kDLCUDAHost, whose name differs between versions
  constexpr int kRocmHost = 11;  // kDLROCMHost
  const int device = static_cast<int>(tensor.device.device_type);
  if (device != kDLCPU && device != kCudaHost && device != kRocmHost) {
    return DLPackError(name, "is on a device of type " + std::to_string(device) + ", expected memory of the CPU");
  }
  DLPackLayout layout;
  if (tensor.ndim < least || tensor.ndim > most) {
    return DLPackError(name, "has " + std::to_string(tensor.ndim) + " dimensions, expected " + std::to_string(least) +
                                 " to " + std::to_string(most));
  }
  if (tensor.ndim > 0 && tensor.shape == nullptr) return DLPackError(name, "has no shape");
  uint64_t contiguous = 1;  // may wrap around: sizes that large are refused where the view is used
  for (int i = tensor.ndim - 1; i >= 0; --i) {
    const int to = i + 4 - tensor.ndim;
    if (tensor.shape[i] < 0) {
      return DLPackError(name, "has size " + std::to_string(tensor.shape[i]) + " in dimension " + std::to_string(i));
    }
    layout.sizes[to] = static_cast<size_t>(tensor.shape[i]);
    layout.strides[to] = tensor.strides != nullptr ? tensor.strides[i] : static_cast<int64_t>(contiguous);
    contiguous *= static_cast<uint64_t>(tensor.shape[i]);
  }
  if (tensor.data != nullptr) layout.data = static_cast<const char*>(tensor.data) + tensor.byte_offset;
  *out = layout;
  return {};
}

inline Status ReadDLPack(const char* name, const DLTensor& tensor, int least, int most, DLPackLayout* out) {
  DLPackLayout layout;
  if (Status status = ReadDLPackShape(name, tensor, least, most, &layout); !status.ok()) return status;
  if (Status status = ReadDLPackType(name, tensor.dtype, &layout.type); !status.ok()) return status;
  *out = layout;
  return {};
}

// Makes a mask [batch, heads, queries, keys] fit a view: dimensions of size 1 repeat, the others are the view's.
template <class View>
Status BroadcastDLPack(const char* name, const View& view, DLPackLayout* layout) {
  const size_t sizes[4] = {view.batch, view.heads, view.queries, view.keys};
  for (int i = 0; i < 4; ++i) {
    if (layout->sizes[i] == 1) layout->strides[i] = 0;
    if (layout->sizes[i] == 1 || layout->sizes[i] == sizes[i]) continue;
    return DLPackError(name, "has size " + std::to_string(layout->sizes[i]) + " in dimension " + std::to_string(i) +
                                 " of [batch, heads, queries, keys], expected 1 or " + std::to_string(sizes[i]));
  }
  return {};
}

inline Status CheckDLPackRows(const char* name, const DLPackLayout& layout) {
  if (layout.sizes[3] <= 1 || layout.strides[3] == 1) return {};
  return DLPackError(name, "has stride " + std::to_string(layout.strides[3]) +
                               " in its last dimension, expected 1: transposed tensors need a contiguous copy");
}

}  // namespace internal

// Weights or logits, [batch, heads, queries, keys], [heads, queries, keys] or [queries, keys]; the keys of a query must
// be contiguous.
inline Status AttentionFromDLPack(const DLTensor& tensor, AttentionView* out) {
  internal::DLPackLayout layout;
  if (Status status = internal::ReadDLPack("attention", tensor, 2, 4, &layout); !status.ok()) return status;
  if (Status status = internal::CheckDLPackRows("attention", layout); !status.ok()) return status;
  AttentionView view;
  view.data = layout.data;
  view.type = layout.type;
  view.batch = layout.sizes[0];
  view.heads = layout.sizes[1];
  view.queries = layout.sizes[2];
  view.keys = layout.sizes[3];
  view.batch_stride = layout.strides[0];
  view.head_stride = layout.strides[1];
  view.query_stride = layout.strides[2];
  *out = view;
  return {};
}

// Queries [batch, heads, queries, head_dim] and keys [batch, kv_heads, keys, head_dim], any strides; the batch may be
// left out. Tensors of the layout [batch, tokens, heads, head_dim] are transposed by the framework first, which copies
// nothing.
inline Status QueriesKeysFromDLPack(const DLTensor& queries, const DLTensor& keys, QueryKeyView* out) {
  internal::DLPackLayout q;
  internal::DLPackLayout k;
  if (Status status = internal::ReadDLPack("queries", queries, 3, 4, &q); !status.ok()) return status;
  if (Status status = internal::ReadDLPack("keys", keys, 3, 4, &k); !status.ok()) return status;
  if (q.sizes[0] != k.sizes[0] || q.sizes[3] != k.sizes[3]) {
    return internal::DLPackError("queries", "have batch " + std::to_string(q.sizes[0]) + " and head size " +
                                                std::to_string(q.sizes[3]) + ", keys " + std::to_string(k.sizes[0]) +
                                                " and " + std::to_string(k.sizes[3]));
  }
  QueryKeyView view;
  view.query_data = q.data;
  view.key_data = k.data;
  view.query_type = q.type;
  view.key_type = k.type;
  view.batch = q.sizes[0];
  view.heads = q.sizes[1];
  view.kv_heads = k.sizes[1];
  view.queries = q.sizes[2];
  view.keys = k.sizes[2];
  view.head_dim = q.sizes[3];
  view.query_batch_stride = q.strides[0];
  view.query_head_stride = q.strides[1];
  view.query_stride = q.strides[2];
  view.query_dim_stride = q.strides[3];
  view.key_batch_stride = k.strides[0];
  view.key_head_stride = k.strides[1];
  view.key_stride = k.strides[2];
  view.key_dim_stride = k.strides[3];
  *out = view;
  return {};
}

// A mask of bools or bytes for a view of weights, logits, or queries and keys: [batch, heads, queries, keys] or its
// last dimensions, any strides; where its size is 1 it is the same for all. Anything but 0 shows a key.
template <class View>
Status KeyMaskFromDLPack(const DLTensor& tensor, const View& view, KeyMaskView* out) {
  constexpr int kBool = 6;  // kDLBool, which older versions do not name
  internal::DLPackLayout layout;
  if (Status status = internal::ReadDLPackShape("mask", tensor, 0, 4, &layout); !status.ok()) return status;
  const int code = tensor.dtype.code;
  if (tensor.dtype.lanes != 1 || tensor.dtype.bits != 8 || (code != kBool && code != kDLUInt && code != kDLInt)) {
    return internal::DLPackError("mask", "has type code " + std::to_string(code) + ", " +
                                             std::to_string(tensor.dtype.bits) +
                                             " bits, expected bools or bytes; a mask that is added is a bias");
  }
  if (Status status = internal::BroadcastDLPack("mask", view, &layout); !status.ok()) return status;
  *out = {.data = static_cast<const uint8_t*>(layout.data),
          .batch_stride = layout.strides[0],
          .head_stride = layout.strides[1],
          .query_stride = layout.strides[2],
          .key_stride = layout.strides[3]};
  return {};
}

// The same of floats that are added to logits: masks of -infinity or of large negative numbers, relative positions. The
// keys of a query must be contiguous.
template <class View>
Status BiasFromDLPack(const DLTensor& tensor, const View& view, BiasView* out) {
  internal::DLPackLayout layout;
  if (Status status = internal::ReadDLPack("bias", tensor, 1, 4, &layout); !status.ok()) return status;
  if (Status status = internal::CheckDLPackRows("bias", layout); !status.ok()) return status;
  if (layout.sizes[3] != view.keys) {
    return internal::DLPackError(
        "bias", "has " + std::to_string(layout.sizes[3]) + " keys, expected " + std::to_string(view.keys));
  }
  if (Status status = internal::BroadcastDLPack("bias", view, &layout); !status.ok()) return status;
  *out = {.data = layout.data,
          .type = layout.type,
          .batch_stride = layout.strides[0],
          .head_stride = layout.strides[1],
          .query_stride = layout.strides[2]};
  return {};
}

// Activations, [batch, tokens, channels] or [tokens, channels]; the channels of a token must be contiguous.
inline Status ActivationFromDLPack(const DLTensor& tensor, ActivationView* out) {
  internal::DLPackLayout layout;
  if (Status status = internal::ReadDLPack("activations", tensor, 2, 3, &layout); !status.ok()) return status;
  if (Status status = internal::CheckDLPackRows("activations", layout); !status.ok()) return status;
  ActivationView view;
  view.data = layout.data;
  view.type = layout.type;
  view.batch = layout.sizes[1];
  view.tokens = layout.sizes[2];
  view.channels = layout.sizes[3];
  view.batch_stride = layout.strides[1];
  view.token_stride = layout.strides[2];
  *out = view;
  return {};
}

// A gradient of up to 4 dimensions, C-contiguous. Without elements, strides do not matter.
inline Status BufferFromDLPack(const DLTensor& tensor, BufferView* out) {
  internal::DLPackLayout layout;
  if (Status status = internal::ReadDLPack("buffer", tensor, 0, 4, &layout); !status.ok()) return status;
  uint64_t size = 1;
  for (const size_t one : layout.sizes) size = one == 0 ? 0 : size;
  for (int i = 3; i >= 0 && size != 0; --i) {
    if (layout.sizes[i] != 1 && layout.strides[i] != static_cast<int64_t>(size)) {
      return internal::DLPackError("buffer", "has stride " + std::to_string(layout.strides[i]) + ", expected " +
                                                 std::to_string(size) + ": it is not contiguous");
    }
    if (layout.sizes[i] > static_cast<uint64_t>(INT64_MAX) / size) {
      return internal::DLPackError("buffer", "has more elements than 2^63: " + std::to_string(size) + " times " +
                                                 std::to_string(layout.sizes[i]));
    }
    size *= layout.sizes[i];
  }
  out->data = layout.data;
  out->type = layout.type;
  out->size = size;
  return {};
}

}  // namespace attnscope

#endif  // ATTNSCOPE_DLPACK_H_
