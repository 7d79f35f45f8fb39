// SPDX-License-Identifier: Apache-2.0
//
// Attention nodes of ggml's graphs, made by hand: operands by op, keys of other types, masks, slopes, sinks, caps, and
// memory that the CPU cannot read. tests/engines does the same inside llama.cpp.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "attnscope/ggml.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/row_inputs.h"

// What the adapter needs of ggml, in a namespace of its own, as ggml's names are those of its tensors' namespace.
namespace fake {

enum Op { kScale, kUnary, kMulMat, kSoftMax, kFlash, kAdd };
enum Type : unsigned { kF32 = 0, kF16 = 1, kTenths = 200, kOpaque = 201 };  // a byte each, tenths

struct Buffer {
  bool is_host;
};
struct Tensor {
  Type type = kF32;
  Buffer* buffer = nullptr;
  int64_t ne[4] = {1, 1, 1, 1};
  size_t nb[4] = {4, 4, 4, 4};
  Op op = kAdd;
  int32_t op_params[16] = {};
  Tensor* src[10] = {};
  Tensor* view_src = nullptr;
  void* data = nullptr;
};
struct Traits {
  int64_t blck_size;
  size_t type_size;
  void (*to_float)(const void* from, float* to, int64_t count);
};

void WidenTenths(const void* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(static_cast<const int8_t*>(from)[i]) / 10.0f;
}
const Traits* ggml_get_type_traits(Type type) {
  static const Traits tenths = {4, 1, &WidenTenths};
  static const Traits opaque = {4, 1, nullptr};
  return type == kTenths ? &tenths : &opaque;
}
const char* ggml_op_name(Op op) {
  constexpr const char* kNames[] = {"SCALE", "UNARY", "MUL_MAT", "SOFT_MAX", "FLASH_ATTN_EXT", "ADD"};
  return kNames[op];
}
const char* ggml_op_desc(const Tensor* tensor) { return tensor->op == kUnary ? "TANH" : ggml_op_name(tensor->op); }
bool ggml_backend_buffer_is_host(Buffer* buffer) { return buffer->is_host; }

void SetParams(Tensor* tensor, const std::vector<float>& params) {
  std::memcpy(tensor->op_params, params.data(), params.size() * sizeof(float));
}

}  // namespace fake

namespace attnscope::test {
namespace {

using fake::Tensor;

constexpr size_t kDim = 8;
constexpr size_t kQueries = 3;
constexpr size_t kHeads = 4;
constexpr size_t kKvHeads = 2;
constexpr size_t kKeys = 10;
constexpr size_t kPadded = 16;

void SetShape(Tensor* tensor, size_t element, int64_t n0, int64_t n1, int64_t n2, int64_t n3 = 1) {
  const int64_t ne[4] = {n0, n1, n2, n3};
  size_t bytes = element;
  for (int i = 0; i < 4; ++i) {
    tensor->ne[i] = ne[i];
    tensor->nb[i] = bytes;
    bytes *= static_cast<size_t>(ne[i]);
  }
}

// A FLASH_ATTN_EXT node with everything, and what it should measure.
class GgmlNodeTest : public ::testing::Test {
 protected:
  GgmlNodeTest() {
    Random random(5);
    for (float& value : q_) value = static_cast<float>(random.Normal());
    for (float& value : k_) value = (static_cast<float>(random.Below(200)) - 100.0f) / 10.0f;
    for (size_t i = 0; i < kKvHeads * kKeys * kDim; ++i) tenths_[i] = static_cast<int8_t>(std::lround(k_[i] * 10.0f));
    for (size_t i = 0; i < kQueries + 2; ++i) {
      for (size_t j = 0; j < kPadded; ++j) {
        const bool sees = j <= i + kKeys - kQueries;
        StoreElement(ElementType::kFloat16, sees ? -static_cast<float>(i + kKeys - kQueries - j) : -INFINITY,
                     mask_data_, i * kPadded + j);
      }
    }
    SetShape(&queries_, 4, kDim, kQueries, kHeads);
    queries_.data = q_;
    SetShape(&keys_, 4, kDim, kKeys, kKvHeads);
    keys_.data = k_;
    SetShape(&mask_, 2, kPadded, kQueries + 2, 1);
    mask_.type = fake::kF16;
    mask_.data = mask_data_;
    SetShape(&sinks_, 4, kHeads, 1, 1);
    sinks_.data = sink_data_;
    node_.op = fake::kFlash;
    node_.src[0] = &queries_, node_.src[1] = &keys_, node_.src[3] = &mask_, node_.src[4] = &sinks_;
    fake::SetParams(&node_, {0.25f, 8.0f, 3.0f});
  }

  Status Read(const Tensor& node, const GgmlCopies& copies, GgmlQueriesKeys* inputs) {
    GgmlAttention<Tensor> attention;
    Status status = AttentionOfGgmlNode(node, &attention);
    return status.ok() ? ReadGgmlQueriesKeys(attention, copies, inputs) : status;
  }

  // ALiBi of four heads and a largest bias of 8: slopes 2^-2, 2^-4, 2^-6, 2^-8.
  void ExpectRight(const GgmlQueriesKeys& inputs) {
    const LayerConfig config = {.heads = kHeads, .max_keys = kKeys};
    LayerAccumulator layer = CreateLayer(config);
    const Status status = layer.AddQueriesKeys(inputs.view, inputs.params);
    ASSERT_TRUE(status.ok()) << status.message();
    const float slopes[kHeads] = {0.25f, 0.0625f, 0.015625f, 0.00390625f};
    SoftmaxParams params = {.scale = 0.25, .soft_cap = 3.0};
    params.bias = {.data = mask_data_, .type = ElementType::kFloat16, .query_stride = kPadded, .head_factors = slopes};
    params.sinks = sink_data_;
    ExactLogitLayer exact(kHeads);
    exact.Add(ContiguousQueryKey(q_, k_, ElementType::kFloat32, 1, kHeads, kKvHeads, kQueries, kKeys, kDim), params);
    exact.ExpectEqual(layer.Stats(), "node");
  }

  float q_[kHeads * kQueries * kDim];
  float k_[kKvHeads * kKeys * kDim];
  int8_t tenths_[kKvHeads * kKeys * kDim];
  uint8_t mask_data_[(kQueries + 2) * kPadded * 2];
  float sink_data_[kHeads] = {0.5f, -1.0f, 2.0f, 0.0f};
  Tensor queries_, keys_, mask_, sinks_, node_;
};

TEST_F(GgmlNodeTest, FusedAttention) {
  EXPECT_TRUE(IsGgmlAttention(node_));
  GgmlQueriesKeys inputs;
  const Status status = Read(node_, {}, &inputs);
  ASSERT_TRUE(status.ok()) << status.message();
  ExpectRight(inputs);
}

TEST_F(GgmlNodeTest, KeysThatGgmlWidens) {
  keys_.type = fake::kTenths;
  SetShape(&keys_, 1, kDim, kKeys, kKvHeads);
  keys_.data = tenths_;
  GgmlQueriesKeys inputs;
  const Status status = Read(node_, {}, &inputs);
  ASSERT_TRUE(status.ok()) << status.message();
  ExpectRight(inputs);
  keys_.type = fake::kOpaque;
  EXPECT_EQ(Read(node_, {}, &inputs).message(), "keys.type is 201, which ggml cannot widen");
  keys_.type = fake::kTenths;
  keys_.nb[0] = 2;
  EXPECT_EQ(Read(node_, {}, &inputs).message(),
            "keys.ne[0] is 8 and .nb[0] 2, expected whole blocks one behind the other");
}

TEST_F(GgmlNodeTest, MemoryThatIsNotTheHosts) {
  fake::Buffer device = {false}, host = {true};
  GgmlQueriesKeys inputs;
  void* const data = keys_.data;
  keys_.buffer = &device;
  keys_.data = reinterpret_cast<void*>(16);  // to be read by nobody
  EXPECT_EQ(
      Read(node_, {}, &inputs).message(),
      "keys are in a buffer that is not memory of the host: copy them with ggml_backend_tensor_get, and hand over "
      "the copy");
  Status status = Read(node_, {.keys = data}, &inputs);
  ASSERT_TRUE(status.ok()) << status.message();
  ExpectRight(inputs);
  Tensor cache;  // a view is where its source is
  cache.buffer = &device;
  keys_.view_src = &cache;
  keys_.buffer = &host;
  EXPECT_FALSE(Read(node_, {}, &inputs).ok());
  cache.buffer = &host;
  keys_.data = data;
  EXPECT_TRUE(Read(node_, {}, &inputs).ok());
  for (Tensor* tensor : {&queries_, &mask_, &sinks_}) {
    tensor->buffer = &device;
    EXPECT_FALSE(Read(node_, {}, &inputs).ok());
    tensor->buffer = nullptr;
  }
}

// kq = keys x queries, then scale, tanh, scale, then the softmax in its place.
TEST_F(GgmlNodeTest, SoftmaxBehindACap) {
  Tensor product, first, tanh, second, softmax;
  product.op = fake::kMulMat;
  product.src[0] = &keys_, product.src[1] = &queries_;
  first.op = fake::kScale;
  first.src[0] = &product;
  fake::SetParams(&first, {0.125f, 0.0f});
  tanh.op = fake::kUnary;
  tanh.src[0] = &first;
  second.op = fake::kScale;
  second.src[0] = &tanh;
  fake::SetParams(&second, {6.0f, 0.0f});
  softmax.op = fake::kSoftMax;
  softmax.src[0] = &second, softmax.src[1] = &mask_, softmax.src[2] = &sinks_;
  fake::SetParams(&softmax, {0.5f, 8.0f});  // 0.5 * 6 * tanh(x / 8): scale 3 / 8, cap 3
  GgmlAttention<Tensor> attention;
  ASSERT_TRUE(AttentionOfGgmlNode(softmax, &attention).ok());
  EXPECT_EQ(attention.weights, &softmax);
  EXPECT_EQ(attention.queries, &queries_);
  EXPECT_EQ(attention.keys, &keys_);
  EXPECT_EQ(attention.mask, &mask_);
  EXPECT_EQ(attention.sinks, &sinks_);
  EXPECT_EQ(attention.scale, 0.375);
  EXPECT_EQ(attention.soft_cap, 3.0);
  EXPECT_EQ(attention.max_bias, 8.0);

  softmax.src[0] = &product;
  ASSERT_TRUE(AttentionOfGgmlNode(softmax, &attention).ok());
  EXPECT_EQ(attention.scale, 0.5);
  EXPECT_EQ(attention.soft_cap, 0.0);
  EXPECT_EQ(attention.queries, &queries_);

  Tensor sum;  // relative positions
  sum.op = fake::kAdd;
  softmax.src[0] = &sum;
  ASSERT_TRUE(AttentionOfGgmlNode(softmax, &attention).ok());
  EXPECT_EQ(attention.queries, nullptr);
  GgmlQueriesKeys inputs;
  EXPECT_EQ(ReadGgmlQueriesKeys(attention, {}, &inputs).message(),
            "node shows no queries and keys: something is added to their product");
  EXPECT_FALSE(IsGgmlAttention(sum));
  EXPECT_EQ(AttentionOfGgmlNode(sum, &attention).message(), "node.op is ADD, expected SOFT_MAX or FLASH_ATTN_EXT");
}

TEST_F(GgmlNodeTest, SinksOfOtherHeads) {
  sinks_.ne[0] = 3;
  GgmlQueriesKeys inputs;
  EXPECT_EQ(Read(node_, {}, &inputs).message(), "sinks are 3 of type 0, expected 4 of type 0 (F32)");
}

// Slopes of heads that are no power of two: those of the power below it, then every second of twice as many.
TEST(GgmlSlopesTest, AnyNumberOfHeads) {
  const std::vector<float> slopes = GgmlSlopes(8.0, 6);
  const float expected[6] = {0.25f, 0.0625f, 0.015625f, 0.00390625f, 0.5f, 0.125f};
  for (size_t h = 0; h < 6; ++h) EXPECT_NEAR(slopes[h], expected[h], 1e-7f) << h;
}

}  // namespace
}  // namespace attnscope::test
