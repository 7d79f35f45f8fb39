// SPDX-License-Identifier: Apache-2.0
//
// Tensors as ggml lays them out: permuted views, padded rows, half types.
#include "attnscope/ggml.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/accumulator_checks.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr int kGgmlQ80 = 8;

// The fields of ggml_tensor that are read, in other types than the adapter's own.
enum Type : unsigned { kF32 = 0, kF16 = 1, kBF16 = 30 };
struct Tensor {
  Type type = kF32;
  int64_t ne[4] = {1, 1, 1, 1};
  size_t nb[4] = {0, 0, 0, 0};
  void* data = nullptr;
};

ElementType ElementTypeOf(Type type) {
  return type == kF32 ? ElementType::kFloat32 : type == kF16 ? ElementType::kFloat16 : ElementType::kBFloat16;
}

// Memory of a tensor whose dimensions are stored in the given order, innermost first, with rows of `row_padding` more
// elements; everything that is no element is NaN.
class Stored {
 public:
  Stored(Type type, std::array<int64_t, 4> ne, std::array<int, 4> order, int64_t row_padding) {
    tensor_.type = type;
    size_t bytes = ElementBytes(ElementTypeOf(type));
    for (int i = 0; i < 4; ++i) {
      const int dimension = order[static_cast<size_t>(i)];
      tensor_.ne[dimension] = ne[static_cast<size_t>(dimension)];
      tensor_.nb[dimension] = bytes;
      bytes *= static_cast<size_t>(tensor_.ne[dimension] + (i == 0 ? row_padding : 0));
    }
    memory_.assign(bytes, 0xFF);  // NaN of every type
    tensor_.data = memory_.data();
  }

  void Set(size_t i0, size_t i1, size_t i2, size_t i3, float value) {
    const size_t offset = i0 * tensor_.nb[0] + i1 * tensor_.nb[1] + i2 * tensor_.nb[2] + i3 * tensor_.nb[3];
    StoreElement(ElementTypeOf(tensor_.type), value, memory_.data() + offset, 0);
  }

  Tensor& tensor() { return tensor_; }

 private:
  Tensor tensor_;
  std::vector<uint8_t> memory_;
};

constexpr size_t kKeys = 24;
constexpr size_t kQueries = 3;
constexpr size_t kHeads = 4;
constexpr size_t kBatch = 2;

// Attention in a stored tensor, and the same contiguous.
class GgmlAttentionTest : public ::testing::TestWithParam<Type> {
 protected:
  void ExpectSame(std::array<int, 4> order, int64_t row_padding) {
    const Type type = GetParam();
    Stored stored(type, {kKeys, kQueries, kHeads, kBatch}, order, row_padding);
    const std::vector<float> rows = SoftmaxRows(7, kBatch * kHeads * kQueries, kKeys, 1.5);
    std::vector<uint8_t> contiguous(rows.size() * ElementBytes(ElementTypeOf(type)));
    StoreElements(ElementTypeOf(type), rows, contiguous.data());
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t row = i / kKeys;
      stored.Set(i % kKeys, row % kQueries, row / kQueries % kHeads, row / kQueries / kHeads, rows[i]);
    }
    AttentionView view;
    const Status status = AttentionFromGgml(LayoutOfGgml(stored.tensor()), &view);
    ASSERT_TRUE(status.ok()) << status.message();
    const LayerConfig config = {.heads = kHeads, .max_keys = kKeys, .max_batch = kBatch};
    LayerAccumulator actual = CreateLayer(config);
    LayerAccumulator expected = CreateLayer(config);
    ASSERT_TRUE(actual.AddWeights(view).ok());
    ASSERT_TRUE(
        expected
            .AddWeights(ContiguousAttention(contiguous.data(), ElementTypeOf(type), kBatch, kHeads, kQueries, kKeys))
            .ok());
    EXPECT_EQ(StateOf(actual), StateOf(expected));
    EXPECT_EQ(actual.Stats().layer[Metric::kInvalidRows], 0.0) << "padding was read";
  }
};

TEST_P(GgmlAttentionTest, Contiguous) { ExpectSame({0, 1, 2, 3}, 0); }
TEST_P(GgmlAttentionTest, PaddedRows) { ExpectSame({0, 1, 2, 3}, 8); }
TEST_P(GgmlAttentionTest, PermutedViews) {
  ExpectSame({0, 2, 1, 3}, 0);  // ggml_permute(tensor, 0, 2, 1, 3)
  ExpectSame({0, 3, 2, 1}, 5);
}
INSTANTIATE_TEST_SUITE_P(, GgmlAttentionTest, ::testing::Values(kF32, kF16, kBF16),
                         [](const auto& info) { return NameOf(ElementTypeOf(info.param)); });

// llama.cpp's queries are a permuted view, its keys a view of the cache in float16.
TEST(GgmlQueriesKeysTest, ViewsOfTheCache) {
  constexpr size_t kHeadDim = 16;
  constexpr size_t kKvHeads = 2;
  Stored queries(kF32, {kHeadDim, kQueries, kHeads, 1}, {0, 2, 1, 3}, 0);
  Stored keys(kF16, {kHeadDim, kKeys, kKvHeads, 1}, {0, 2, 1, 3}, 0);
  Random random(3);
  std::vector<float> q(kHeads * kQueries * kHeadDim);
  std::vector<float> k(kKvHeads * kKeys * kHeadDim);
  for (size_t i = 0; i < q.size(); ++i) {
    q[i] = static_cast<float>(random.Normal());
    queries.Set(i % kHeadDim, i / kHeadDim % kQueries, i / kHeadDim / kQueries, 0, q[i]);
  }
  for (size_t i = 0; i < k.size(); ++i) {
    k[i] = static_cast<float>(random.Below(64)) / 16.0f - 2.0f;  // exact in float16
    keys.Set(i % kHeadDim, i / kHeadDim % kKeys, i / kHeadDim / kKeys, 0, k[i]);
  }
  QueryKeyView view;
  const Status status = QueriesKeysFromGgml(LayoutOfGgml(queries.tensor()), LayoutOfGgml(keys.tensor()), &view);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(view.query_data, queries.tensor().data);
  const LayerConfig config = {.heads = kHeads, .max_keys = kKeys};
  LayerAccumulator actual = CreateLayer(config);
  LayerAccumulator expected = CreateLayer(config);
  ASSERT_TRUE(actual.AddQueriesKeys(view).ok());
  ASSERT_TRUE(expected
                  .AddQueriesKeys(ContiguousQueryKey(q.data(), k.data(), ElementType::kFloat32, 1, kHeads, kKvHeads,
                                                     kQueries, kKeys, kHeadDim))
                  .ok());
  const LayerStats a = actual.Stats();
  const LayerStats b = expected.Stats();
  for (const Metric metric : {Metric::kEntropy, Metric::kLogitMean, Metric::kLogSumExp, Metric::kColEntropy}) {
    EXPECT_TRUE(std::abs(a.layer[metric] - b.layer[metric]) <= 1e-5) << InfoOf(metric).name;
  }
  keys.tensor().ne[0] = 8;
  EXPECT_EQ(QueriesKeysFromGgml(LayoutOfGgml(queries.tensor()), LayoutOfGgml(keys.tensor()), &view).message(),
            "queries have head size 16 and batch 1, keys 8 and 1");
}

// llama.cpp's mask: keys and queries padded, one for all heads.
TEST(GgmlBiasTest, PaddedMaskOfAllHeads) {
  const std::vector<float> mask(2 * 64 * 256);
  const AttentionView view = ContiguousAttention(mask.data(), ElementType::kFloat32, 2, 8, 5, 200);
  const int64_t ne[4] = {256, 64, 1, 2};
  const size_t nb[4] = {4, 1024, 65536, 65536};
  BiasView bias;
  ASSERT_TRUE(BiasFromGgml({kGgmlFloat32, ne, nb, mask.data()}, view, &bias).ok());
  EXPECT_EQ(bias.data, mask.data());
  EXPECT_EQ(bias.query_stride, 256);
  EXPECT_EQ(bias.head_stride, 0);
  EXPECT_EQ(bias.batch_stride, 64 * 256);
  const int64_t short_ne[4] = {199, 64, 1, 2};
  EXPECT_EQ(BiasFromGgml({kGgmlFloat32, short_ne, nb, mask.data()}, view, &bias).message(),
            "mask.ne[0] is 199, expected at least 200");
  const int64_t other_ne[4] = {256, 64, 4, 2};
  EXPECT_EQ(BiasFromGgml({kGgmlFloat32, other_ne, nb, mask.data()}, view, &bias).message(),
            "mask.ne[2] is 4, expected 1 or 8");
}

TEST(GgmlErrorsTest, NameTheFieldAndItsValue) {
  Stored stored(kF32, {kKeys, kQueries, kHeads, 1}, {0, 1, 2, 3}, 0);
  const Tensor good = stored.tensor();
  AttentionView view;
  const auto expect = [&](const Tensor& tensor, const std::string& message) {
    const Status status = AttentionFromGgml(LayoutOfGgml(tensor), &view);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), message);
  };
  Tensor tensor = good;
  tensor.type = static_cast<Type>(kGgmlQ80);
  expect(tensor, "attention.type is 8, expected 0 (F32), 1 (F16) or 30 (BF16)");
  tensor = good;
  tensor.ne[2] = -1;
  expect(tensor, "attention.ne[2] is -1");
  tensor = good;
  tensor.nb[1] = 97;
  expect(tensor, "attention.nb[1] is 97, no multiple of an element's 4 bytes");
  Stored transposed(kF32, {kKeys, kQueries, kHeads, 1}, {1, 0, 2, 3}, 0);
  expect(transposed.tensor(),
         "attention.nb[0] is 12, expected an element's size: it is transposed, take it before ggml_transpose or after "
         "ggml_cont");
  EXPECT_EQ(AttentionFromGgml({}, &view).message(), "attention has no sizes or strides");
}

}  // namespace
}  // namespace attnscope::test
