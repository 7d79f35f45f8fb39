// SPDX-License-Identifier: Apache-2.0
#include "attnscope/dlpack.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

// A tensor that owns its description, but not its data.
struct Tensor {
  Tensor(const void* data, std::vector<int64_t> sizes, std::vector<int64_t> steps = {})
      : shape(std::move(sizes)), strides(std::move(steps)) {
    dl.data = const_cast<void*>(data);
    dl.device = {kDLCPU, 0};
    dl.ndim = static_cast<int>(shape.size());
    dl.dtype = {kDLFloat, 32, 1};
    dl.shape = shape.data();
    dl.strides = strides.empty() ? nullptr : strides.data();
  }
  Tensor(const Tensor&) = delete;

  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  DLTensor dl = {};
};

const std::vector<float> kValues = SoftmaxRows(1, 24, 10, 1.0);

TEST(DLPackTest, ContiguousAttention) {
  const Tensor tensor(kValues.data(), {2, 3, 4, 10});
  AttentionView view;
  ASSERT_TRUE(AttentionFromDLPack(tensor.dl, &view).ok());
  const AttentionView expected = ContiguousAttention(kValues.data(), ElementType::kFloat32, 2, 3, 4, 10);
  EXPECT_EQ(view.data, expected.data);
  EXPECT_EQ(view.batch, 2u);
  EXPECT_EQ(view.heads, 3u);
  EXPECT_EQ(view.queries, 4u);
  EXPECT_EQ(view.keys, 10u);
  EXPECT_EQ(view.batch_stride, expected.batch_stride);
  EXPECT_EQ(view.head_stride, expected.head_stride);
  EXPECT_EQ(view.query_stride, expected.query_stride);
}

// [batch, queries, heads, keys] in memory, transposed by the framework: measures the same as a copy.
TEST(DLPackTest, StridesAndOffsetsNeedNoCopy) {
  const Tensor tensor(kValues.data(), {3, 4, 9}, {10, 30, 1});
  Tensor shifted(kValues.data(), {3, 4, 9}, {10, 30, 1});
  shifted.dl.byte_offset = sizeof(float);
  for (const Tensor* one : {&tensor, static_cast<const Tensor*>(&shifted)}) {
    AttentionView view;
    ASSERT_TRUE(AttentionFromDLPack(one->dl, &view).ok());
    const size_t offset = one == &tensor ? 0 : 1;
    std::vector<float> copy;
    for (size_t h = 0; h < 3; ++h) {
      for (size_t i = 0; i < 4; ++i) {
        const float* row = kValues.data() + offset + h * 10 + i * 30;
        copy.insert(copy.end(), row, row + 9);
      }
    }
    LayerAccumulator actual = CreateLayer({.heads = 3, .max_keys = 10});
    LayerAccumulator expected = CreateLayer({.heads = 3, .max_keys = 10});
    ASSERT_TRUE(actual.AddWeights(view).ok());
    ASSERT_TRUE(expected.AddWeights(ViewOf(copy, 1, 3, 4, 9)).ok());
    EXPECT_EQ(StateOf(actual), StateOf(expected));
  }
}

TEST(DLPackTest, Types) {
  Tensor tensor(kValues.data(), {4, 10});
  AttentionView view;
  tensor.dl.dtype = {kDLFloat, 16, 1};
  ASSERT_TRUE(AttentionFromDLPack(tensor.dl, &view).ok());
  EXPECT_EQ(view.type, ElementType::kFloat16);
  tensor.dl.dtype = {kDLBfloat, 16, 1};
  ASSERT_TRUE(AttentionFromDLPack(tensor.dl, &view).ok());
  EXPECT_EQ(view.type, ElementType::kBFloat16);
  EXPECT_EQ(view.heads, 1u);
  EXPECT_EQ(view.batch, 1u);
}

TEST(DLPackTest, QueriesAndKeys) {
  const Tensor queries(kValues.data(), {4, 3, 10}, {10, 40, 1});
  const Tensor keys(kValues.data(), {1, 2, 6, 10});
  QueryKeyView view;
  ASSERT_TRUE(QueriesKeysFromDLPack(queries.dl, keys.dl, &view).ok());
  EXPECT_EQ(view.batch, 1u);
  EXPECT_EQ(view.heads, 4u);
  EXPECT_EQ(view.kv_heads, 2u);
  EXPECT_EQ(view.queries, 3u);
  EXPECT_EQ(view.keys, 6u);
  EXPECT_EQ(view.head_dim, 10u);
  EXPECT_EQ(view.query_head_stride, 10);
  EXPECT_EQ(view.query_stride, 40);
  EXPECT_EQ(view.query_dim_stride, 1);
  EXPECT_EQ(view.key_head_stride, 60);
  EXPECT_EQ(view.key_stride, 10);
  LayerAccumulator layer = CreateLayer({.heads = 4, .max_keys = 6});
  EXPECT_TRUE(layer.AddQueriesKeys(view).ok());
  const Tensor wide(kValues.data(), {1, 2, 6, 11});
  EXPECT_EQ(QueriesKeysFromDLPack(queries.dl, wide.dl, &view).message(),
            "queries have batch 1 and head size 10, keys 1 and 11");
}

// Masks of every shape that repeats: the same as one that is written out.
TEST(DLPackTest, MasksRepeatWhereTheirSizeIsOne) {
  const AttentionView view = ContiguousAttention(kValues.data(), ElementType::kFloat32, 2, 3, 4, 10);
  std::vector<uint8_t> bytes(2 * 3 * 4 * 10);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 3 == 0 || i % 10 == 9 ? 0 : 1;
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {2, 3, 4, 10}, {2, 1, 4, 10}, {2, 1, 1, 10}, {1, 3, 4, 1}, {4, 10}, {10}, {}}) {
    Tensor tensor(bytes.data(), shape);
    tensor.dl.dtype = {6, 8, 1};  // kDLBool
    Visibility mask;
    ASSERT_TRUE(KeyMaskFromDLPack(tensor.dl, view, &mask.key_mask).ok());
    // Written out, by NumPy's rule: shapes end together.
    std::vector<uint8_t> all(2 * 3 * 4 * 10);
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t index[4] = {i / 120, i / 40 % 3, i / 10 % 4, i % 10};
      size_t at = 0;
      for (size_t d = 0; d < shape.size(); ++d) {
        const auto size = static_cast<size_t>(shape[d]);
        at = at * size + (size == 1 ? 0 : index[4 - shape.size() + d]);
      }
      all[i] = bytes[at];
    }
    Visibility exact;
    exact.key_mask = {.data = all.data(), .batch_stride = 120, .head_stride = 40, .query_stride = 10, .key_stride = 1};
    LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 10, .max_batch = 2});
    LayerAccumulator written_out = CreateLayer({.heads = 3, .max_keys = 10, .max_batch = 2});
    ASSERT_TRUE(layer.AddWeights(view, mask).ok());
    ASSERT_TRUE(written_out.AddWeights(view, exact).ok());
    EXPECT_EQ(StateOf(layer), StateOf(written_out)) << shape.size();
  }
}

TEST(DLPackTest, MasksThatDoNotFit) {
  const AttentionView view = ContiguousAttention(kValues.data(), ElementType::kFloat32, 2, 3, 4, 10);
  KeyMaskView mask;
  Tensor tensor(kValues.data(), {3, 4, 9});
  EXPECT_NE(KeyMaskFromDLPack(tensor.dl, view, &mask).message().find("expected bools or bytes"), std::string::npos);
  tensor.dl.dtype = {kDLUInt, 8, 1};
  EXPECT_EQ(KeyMaskFromDLPack(tensor.dl, view, &mask).message(),
            "mask has size 9 in dimension 3 of [batch, heads, queries, keys], expected 1 or 10");
  EXPECT_EQ(mask.data, nullptr);
}

TEST(DLPackTest, Biases) {
  const AttentionView view = ContiguousAttention(kValues.data(), ElementType::kFloat32, 2, 3, 4, 10);
  BiasView bias;
  const Tensor tensor(kValues.data(), {3, 1, 10});
  ASSERT_TRUE(BiasFromDLPack(tensor.dl, view, &bias).ok());
  EXPECT_EQ(bias.data, kValues.data());
  EXPECT_EQ(bias.batch_stride, 0);
  EXPECT_EQ(bias.head_stride, 10);
  EXPECT_EQ(bias.query_stride, 0);
  const Tensor narrow(kValues.data(), {4, 1});
  EXPECT_EQ(BiasFromDLPack(narrow.dl, view, &bias).message(), "bias has 1 keys, expected 10");
  const Tensor wrong(kValues.data(), {5, 10});
  EXPECT_EQ(BiasFromDLPack(wrong.dl, view, &bias).message(),
            "bias has size 5 in dimension 2 of [batch, heads, queries, keys], expected 1 or 4");
}

TEST(DLPackTest, ActivationsAndBuffers) {
  const Tensor tensor(kValues.data(), {2, 3, 8}, {40, 10, 1});
  ActivationView view;
  ASSERT_TRUE(ActivationFromDLPack(tensor.dl, &view).ok());
  EXPECT_EQ(view.batch, 2u);
  EXPECT_EQ(view.tokens, 3u);
  EXPECT_EQ(view.channels, 8u);
  EXPECT_EQ(view.batch_stride, 40);
  EXPECT_EQ(view.token_stride, 10);
  const Tensor gradient(kValues.data(), {2, 3, 8});
  BufferView buffer;
  ASSERT_TRUE(BufferFromDLPack(gradient.dl, &buffer).ok());
  EXPECT_EQ(buffer.size, 48u);
  EXPECT_EQ(BufferFromDLPack(tensor.dl, &buffer).message(), "buffer has stride 10, expected 8: it is not contiguous");
  const Tensor scalar(kValues.data(), {});
  ASSERT_TRUE(BufferFromDLPack(scalar.dl, &buffer).ok());
  EXPECT_EQ(buffer.size, 1u);
}

// As frameworks hand them out: PyTorch's strides of empty(3, 0) are {1, 1}, NumPy's {0, 4}.
TEST(DLPackTest, BuffersWithoutElements) {
  for (const std::vector<int64_t>& strides : std::vector<std::vector<int64_t>>{{}, {1, 1}, {0, 4}}) {
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{3, 0}, {0, 3}, {0, int64_t{1} << 40}, {int64_t{1} << 62, 0}}) {
      const Tensor tensor(nullptr, shape, strides);
      BufferView buffer;
      buffer.size = 77;
      const Status status = BufferFromDLPack(tensor.dl, &buffer);
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(buffer.size, 0u);
      LayerAccumulator layer = CreateLayer({.heads = 1, .max_keys = 1});
      EXPECT_TRUE(layer.AddGradient(buffer).ok());
    }
  }
  const Tensor apart(kValues.data(), {1, 3, 1}, {77, 1, 77});
  BufferView buffer;
  EXPECT_TRUE(BufferFromDLPack(apart.dl, &buffer).ok()) << "strides of a dimension of 1 do not matter";
}

// Products that wrap around 2^64 to sizes that look small.
TEST(DLPackTest, BuffersOfTooManyElements) {
  const int64_t large = int64_t{1} << 32;
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {large, large}, {large, large, 5}, {large + 1, large}, {3, large, large}, {large / 2, large, 1, 1}}) {
    const Tensor tensor(kValues.data(), shape);
    BufferView buffer;
    buffer.size = 77;
    const Status status = BufferFromDLPack(tensor.dl, &buffer);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << buffer.size;
    EXPECT_NE(status.message().find("buffer has more elements than 2^63"), std::string::npos) << status.message();
    EXPECT_EQ(buffer.size, 77u) << "unchanged";
  }
}

TEST(DLPackTest, WhatCannotBeRead) {
  AttentionView view;
  view.keys = 77;
  const auto expect = [&](const DLTensor& tensor, const std::string& message) {
    const Status status = AttentionFromDLPack(tensor, &view);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), message);
    EXPECT_EQ(view.keys, 77u) << "unchanged";
  };
  Tensor tensor(kValues.data(), {4, 10});
  tensor.dl.device.device_type = kDLCUDA;
  expect(tensor.dl, "attention is on a device of type 2, expected memory of the CPU");
  tensor.dl.device.device_type = kDLCPU;
  const std::string types = ", expected float32, float16 or bfloat16";
  tensor.dl.dtype = {kDLFloat, 64, 1};
  expect(tensor.dl, "attention has type code 2, 64 bits, 1 lanes" + types);
  tensor.dl.dtype = {kDLInt, 32, 1};
  expect(tensor.dl, "attention has type code 0, 32 bits, 1 lanes" + types);
  tensor.dl.dtype = {kDLFloat, 32, 4};
  expect(tensor.dl, "attention has type code 2, 32 bits, 4 lanes" + types);
  expect(Tensor(kValues.data(), {10}).dl, "attention has 1 dimensions, expected 2 to 4");
  expect(Tensor(kValues.data(), {1, 1, 1, 4, 10}).dl, "attention has 5 dimensions, expected 2 to 4");
  expect(Tensor(kValues.data(), {-1, 10}).dl, "attention has size -1 in dimension 0");
  expect(Tensor(kValues.data(), {4, 10}, {1, 4}).dl,
         "attention has stride 4 in its last dimension, expected 1: transposed tensors need a contiguous copy");
  tensor.dl = Tensor(kValues.data(), {4, 10}).dl;
  tensor.dl.shape = nullptr;
  expect(tensor.dl, "attention has no shape");
}

// Sizes whose product overflows are refused by the call that uses the view.
TEST(DLPackTest, HugeSizes) {
  const Tensor tensor(kValues.data(), {int64_t{1} << 40, int64_t{1} << 40, 10});
  AttentionView view;
  ASSERT_TRUE(AttentionFromDLPack(tensor.dl, &view).ok());
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 10});
  EXPECT_FALSE(layer.AddWeights(view).ok());
}

}  // namespace
}  // namespace attnscope::test
