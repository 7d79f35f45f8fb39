// SPDX-License-Identifier: Apache-2.0
//
// Descriptions of buffers that someone else owns: attention matrices, activations and gradients. Views hold no memory,
// are cheap to copy, and must outlive only the call that they are passed to.
#ifndef ATTNSCOPE_ATTENTION_VIEW_H_
#define ATTNSCOPE_ATTENTION_VIEW_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/visibility.h"

namespace attnscope {

// The type of a buffer's elements.
enum class ElementType : uint8_t {
  kFloat32 = 0,
  kFloat16,   // IEEE 754 binary16
  kBFloat16,  // the upper half of a float32
};

// Bytes of one element: 4, 2, 2.
constexpr size_t ElementBytes(ElementType type) { return type == ElementType::kFloat32 ? 4 : 2; }

// Attention of one layer, [batch, heads, queries, keys]: post-softmax weights, or logits. The keys of one query are
// contiguous; every other dimension may have any stride (in elements, also negative or zero), so slices, transposes and
// padded rows of an engine's tensors need no copy. Elements between the rows are never read.
struct AttentionView {
  const void* data = nullptr;  // element [0, 0, 0, 0]; needs the alignment of its element type only
  ElementType type = ElementType::kFloat32;
  size_t batch = 1;    // sequences
  size_t heads = 1;    // heads present in this buffer
  size_t queries = 0;  // rows of each matrix
  size_t keys = 0;     // columns of each matrix
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t query_stride = 0;
  // Where these matrices belong in the accumulator: matrix [b, h] is sequence `first_sequence + b` and head
  // `first_head + h`. Tensor-parallel ranks that hold some of the heads, and engines that feed one sequence of a batch
  // at a time, set them; everyone else leaves them at zero.
  size_t first_sequence = 0;
  size_t first_head = 0;
  // Of weights: rows are meant to sum to less than 1, as a learned sink has the rest (gpt-oss). Then only sums above 1
  // are unnormalized, and the rest is Metric::kNullMass.
  bool null_mass = false;
};

// The view of a C-contiguous buffer [batch, heads, queries, keys].
constexpr AttentionView ContiguousAttention(const void* data, ElementType type, size_t batch, size_t heads,
                                            size_t queries, size_t keys) {
  AttentionView view;
  view.data = data;
  view.type = type;
  view.batch = batch;
  view.heads = heads;
  view.queries = queries;
  view.keys = keys;
  view.query_stride = static_cast<int64_t>(keys);
  view.head_stride = static_cast<int64_t>(queries * keys);
  view.batch_stride = static_cast<int64_t>(heads * queries * keys);
  return view;
}

// Activations [batch, tokens, channels]: one side of a transformer block's residual stream. Channels are contiguous.
struct ActivationView {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
  size_t batch = 1;
  size_t tokens = 0;
  size_t channels = 0;
  int64_t batch_stride = 0;  // elements
  int64_t token_stride = 0;  // elements
};

// The view of a C-contiguous buffer [batch, tokens, channels].
constexpr ActivationView ContiguousActivation(const void* data, ElementType type, size_t batch, size_t tokens,
                                              size_t channels) {
  ActivationView view;
  view.data = data;
  view.type = type;
  view.batch = batch;
  view.tokens = tokens;
  view.channels = channels;
  view.token_stride = static_cast<int64_t>(channels);
  view.batch_stride = static_cast<int64_t>(tokens * channels);
  return view;
}

// A flat buffer, such as the gradient of one parameter.
struct BufferView {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
  size_t size = 0;  // elements
};

}  // namespace attnscope

#endif  // ATTNSCOPE_ATTENTION_VIEW_H_
