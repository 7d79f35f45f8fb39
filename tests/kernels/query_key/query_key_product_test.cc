// SPDX-License-Identifier: Apache-2.0
//
// Products of queries and keys against a naive product in long double: every shape around the sizes of tiles, every
// element type, layouts, pages and masks.
#include "kernels/query_key/query_key_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/simd/aligned_buffer.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr float kUntouched = -12345.0f;

// Queries and keys of one type in guarded memory, as far at its end as they reach.
class Inputs {
 public:
  Inputs(ElementType type, size_t heads, size_t kv_heads, size_t queries, size_t keys, size_t head_dim)
      : query_memory_(heads * queries * head_dim * sizeof(float)),
        key_memory_(kv_heads * keys * head_dim * sizeof(float)) {
    Random random(heads * 7 + queries * 1000 + keys * 31 + head_dim);
    void* query = Fill(random, type, heads * queries * head_dim, query_memory_);
    void* key = Fill(random, type, kv_heads * keys * head_dim, key_memory_);
    view_ = ContiguousQueryKey(query, key, type, 1, heads, kv_heads, queries, keys, head_dim);
  }

  QueryKeyView view() const { return view_; }

 private:
  static void* Fill(Random& random, ElementType type, size_t count, GuardedBuffer& memory) {
    void* to = memory.PlaceAtEnd(count * ElementBytes(type));
    for (size_t i = 0; i < count; ++i) StoreElement(type, static_cast<float>(random.Normal()), to, i);
    return to;
  }

  GuardedBuffer query_memory_;
  GuardedBuffer key_memory_;
  QueryKeyView view_;
};

// All products of a block, [heads * rows][keys]; what must not be written is checked.
class Products {
 public:
  explicit Products(const ProductBlock& block) {
    const size_t rows = block.num_heads * block.num_rows;
    stride_ = (block.view->keys + kMaxProductColumns + 63) / 64 * 64;
    products_ = AllocateAlignedBuffer<float>(rows * stride_ + kMaxProductColumns);
    for (size_t i = 0; i < rows * stride_ + kMaxProductColumns; ++i) products_[i] = kUntouched;
    const auto queries = AllocateAlignedBuffer<float>(PackedQueries(rows));
    const auto keys = AllocateAlignedBuffer<float>(kPackedKeys);
    MultiplyQueriesKeys(block, queries.get(), keys.get(), products_.get(), stride_);
    for (size_t i = rows * stride_; i < rows * stride_ + kMaxProductColumns; ++i) {
      EXPECT_EQ(products_[i], kUntouched) << "a row too much was written";
    }
  }

  float operator()(size_t row, size_t key) const { return products_[row * stride_ + key]; }

 private:
  size_t stride_;
  AlignedBuffer<float> products_;
};

class QueryKeyProductTest : public TargetTest {
 protected:
  void Check(const ProductBlock& block, const std::string& what) {
    const QueryKeyView& view = *block.view;
    const Products products(block);
    for (size_t head = 0; head < block.num_heads; ++head) {
      const size_t kv_head = (block.first_head + head) / (view.heads / view.kv_heads);
      for (size_t row = 0; row < block.num_rows; ++row) {
        for (size_t key = 0; key < block.visible.Range(row).end; ++key) {
          long double exact = 0.0L, magnitude = 0.0L;
          for (size_t dim = 0; dim < view.head_dim; ++dim) {
            const long double term = Query(view, block.sequence, block.first_head + head, block.first_row + row, dim) *
                                     Key(view, block.sequence, kv_head, key, dim);
            exact += term;
            magnitude += std::abs(term);
          }
          record_.Add(static_cast<double>(products(head * block.num_rows + row, key)), exact,
                      1e-7L * static_cast<long double>(view.head_dim) * magnitude,
                      what + ", head " + std::to_string(head) + ", row " + std::to_string(row) + ", key " +
                          std::to_string(key));
          if (HasFailure()) return;
        }
      }
    }
  }

  static long double At(const void* data, ElementType type, int64_t offset) {
    return LoadElement(type, static_cast<const uint8_t*>(data) + offset * static_cast<int64_t>(ElementBytes(type)), 0);
  }
  static long double Query(const QueryKeyView& view, size_t sequence, size_t head, size_t row, size_t dim) {
    return At(view.query_data, view.query_type,
              static_cast<int64_t>(sequence) * view.query_batch_stride +
                  static_cast<int64_t>(head) * view.query_head_stride + static_cast<int64_t>(row) * view.query_stride +
                  static_cast<int64_t>(dim) * view.query_dim_stride);
  }
  static long double Key(const QueryKeyView& view, size_t sequence, size_t kv_head, size_t key, size_t dim) {
    const void* data = view.key_data;
    int64_t offset = static_cast<int64_t>(kv_head) * view.key_head_stride;
    if (view.pages == nullptr) {
      offset += static_cast<int64_t>(sequence) * view.key_batch_stride;
    } else {
      const KeyPage* page = view.pages;
      while (key >= page->keys) key -= (page++)->keys;
      data = page->data;
    }
    return At(data, view.key_type,
              offset + static_cast<int64_t>(key) * view.key_stride + static_cast<int64_t>(dim) * view.key_dim_stride);
  }

  ErrorRecord record_{"query_key_product"};
};
ATTNSCOPE_FOR_EACH_TARGET(QueryKeyProductTest);

ProductBlock AllOf(const QueryKeyView& view, const Mask& mask = {}) {
  ProductBlock block;
  block.view = &view;
  block.num_heads = view.heads / view.kv_heads;
  block.num_rows = view.queries;
  block.visible = RowVisibility(mask, view.queries, view.keys, 0, 0);
  return block;
}

std::string ShapeOf(const QueryKeyView& view) {
  return std::string(NameOf(view.key_type)) + " " + std::to_string(view.heads) + " heads, " +
         std::to_string(view.queries) + " x " + std::to_string(view.keys) + " x " + std::to_string(view.head_dim);
}

TEST_P(QueryKeyProductTest, ShapesAroundTiles) {
  for (const size_t keys :
       std::initializer_list<size_t>{1, 2, 3, 4, 5, 11, 12, 13, 15, 16, 17, 23, 24, 25, 47, 48, 49, 95, 96, 97, 145}) {
    for (const size_t queries : std::initializer_list<size_t>{1, 2, 3, 4, 5, 7, 8, 9}) {
      for (const size_t head_dim : std::initializer_list<size_t>{1, 3, 4, 5, 8, 17}) {
        const Inputs inputs(ElementType::kFloat32, 1, 1, queries, keys, head_dim);
        const QueryKeyView view = inputs.view();
        Check(AllOf(view), ShapeOf(view));
      }
    }
  }
  record_.Report(1e-3);
}

TEST_P(QueryKeyProductTest, EveryHeadSizeAndType) {
  for (const ElementType type : kAllTypes) {
    std::vector<size_t> head_dims = {255, 256, 257, 384, 511, 512, 513, 576, 1023, kMaxHeadDim};
    for (size_t head_dim = 1; head_dim < 255; head_dim += head_dim < 70 ? 1 : 9) head_dims.push_back(head_dim);
    for (const size_t head_dim : head_dims) {
      // As few as need no packed keys, and more.
      for (const size_t queries : std::initializer_list<size_t>{1, 3, 5, 9}) {
        const Inputs inputs(type, 1, 1, queries, 19 + 2 * queries, head_dim);
        const QueryKeyView view = inputs.view();
        Check(AllOf(view), ShapeOf(view));
      }
    }
  }
  record_.Report(1e-3);
}

TEST_P(QueryKeyProductTest, MasksAndGroups) {
  for (const size_t group : std::initializer_list<size_t>{1, 2, 3, 4, 5, 7, 8}) {
    for (const size_t queries : std::initializer_list<size_t>{1, 2, 5, 16}) {
      for (const int64_t offset : {-3, 0, 1, 40, 60}) {
        const Inputs inputs(ElementType::kFloat32, 2 * group, 2, queries, 61, 8);
        const QueryKeyView view = inputs.view();
        ProductBlock block = AllOf(view, {.causal = true, .causal_offset = offset});
        block.first_head = group;  // of the second head of keys
        Check(block, ShapeOf(view) + ", causal " + std::to_string(offset));
      }
    }
  }
}

// Keys that no row may see are not multiplied: they may be NaN, and their tiles are left alone.
TEST_P(QueryKeyProductTest, MaskedTilesAreNotComputed) {
  const size_t keys = 4 * kMaxProductColumns;
  const Inputs inputs(ElementType::kFloat32, 1, 1, 8, keys, 16);
  const QueryKeyView view = inputs.view();
  ProductBlock block = AllOf(view, {.causal = true, .causal_offset = 0});
  const Products products(block);
  for (size_t row = 0; row < 8; ++row) {
    for (size_t key = kMaxProductColumns; key < keys; ++key) ASSERT_EQ(products(row, key), kUntouched);
  }
}

// Nor are tiles that only later rows may see: here those behind the keys of row 5, with which a panel of any target
// ends, and which end with a tile of any vectors.
TEST_P(QueryKeyProductTest, MaskedTilesOfEarlierRowsAreNotComputed) {
  const size_t visible = kMaxProductColumns;
  const Inputs inputs(ElementType::kFloat32, 1, 1, 18, visible + 12, 16);
  const QueryKeyView view = inputs.view();
  const Products products(AllOf(view, {.causal = true, .causal_offset = static_cast<int64_t>(visible) - 6}));
  for (size_t row = 0; row < 6; ++row) {
    for (size_t key = visible; key < visible + 12; ++key) ASSERT_EQ(products(row, key), kUntouched);
  }
}

TEST_P(QueryKeyProductTest, Sequences) {
  for (const size_t queries : std::initializer_list<size_t>{1, 3, 10}) {
    // Three heads, read as sequences of one head.
    const Inputs inputs(ElementType::kFloat32, 3, 3, queries, 50, 12);
    QueryKeyView view = inputs.view();
    view.batch = 3;
    view.heads = view.kv_heads = 1;
    view.query_batch_stride = view.query_head_stride;
    view.key_batch_stride = view.key_head_stride;
    for (size_t sequence = 0; sequence < 3; ++sequence) {
      ProductBlock block = AllOf(view);
      block.sequence = sequence;
      Check(block, "sequence " + std::to_string(sequence));
    }
  }
}

TEST_P(QueryKeyProductTest, Layouts) {
  for (const size_t queries : std::initializer_list<size_t>{1, 3, 10}) {
    const Inputs inputs(ElementType::kBFloat16, 4, 2, queries, 70, 12);
    const std::string rows = ", " + std::to_string(queries) + " queries";
    // Token-major: [queries, heads, head_dim].
    QueryKeyView view = TokenMajorQueryKey(inputs.view().query_data, inputs.view().key_data, ElementType::kBFloat16, 1,
                                           4, 2, queries, 70, 12);
    Check(AllOf(view), "token-major" + rows);
    // Keys [head_dim, keys], queries [head_dim, queries].
    view = inputs.view();
    view.query_stride = view.key_stride = 1;
    view.query_dim_stride = static_cast<int64_t>(queries);
    view.key_dim_stride = 70;
    Check(AllOf(view), "transposed" + rows);
    // Backwards, from the last key of the last head.
    view = inputs.view();
    view.key_data = static_cast<const uint16_t*>(view.key_data) + size_t{2} * 70 * 12 - 12;
    view.key_head_stride = -view.key_head_stride;
    view.key_stride = -view.key_stride;
    Check(AllOf(view), "backwards" + rows);
    // One key for all.
    view = inputs.view();
    view.key_stride = 0;
    Check(AllOf(view), "repeated" + rows);
    // Another type for the keys.
    view = inputs.view();
    view.key_type = ElementType::kFloat16;
    Check(AllOf(view), "mixed" + rows);
  }
}

TEST_P(QueryKeyProductTest, Pages) {
  for (const size_t queries : std::initializer_list<size_t>{1, 2, 6, 11}) {
    const Inputs inputs(ElementType::kFloat16, 2, 2, queries, 200, 20);
    QueryKeyView view = inputs.view();
    const auto at = [&view](size_t key) { return static_cast<const uint16_t*>(view.key_data) + key * 20; };
    // Out of order, of all sizes, one empty. Heads are 200 keys apart.
    const KeyPage pages[] = {{at(100), 7}, {at(0), 1}, {at(50), 0}, {at(20), 60}, {at(120), 80}, {at(3), 52}};
    view.pages = pages;
    view.num_pages = 6;
    ProductBlock block = AllOf(view);
    Check(block, "pages");
    block.first_head = 1;
    Check(block, "pages, second head");
    // Of 16 keys each, as vectors have, last to first.
    std::vector<KeyPage> even;
    for (size_t page = 12; page-- > 0;) even.push_back({at(page * 16), 16});
    view.keys = 192;
    view.pages = even.data();
    view.num_pages = even.size();
    Check(AllOf(view), "even pages");
  }
}

// Of few rows and of many: single elements of any alignment, odd strides between keys, and NaN between them.
TEST_P(QueryKeyProductTest, MisalignedKeys) {
  constexpr size_t kKeys = 41, kRows = 10;
  for (const ElementType type : kAllTypes) {
    for (const size_t head_dim : std::initializer_list<size_t>{1, 4, 7, 16, 29, 64}) {
      const size_t stride = head_dim + 3;
      const size_t elements = (kKeys - 1) * stride + head_dim;
      GuardedBuffer memory((elements + 3) * sizeof(float));
      for (size_t shift = 0; shift < 4; ++shift) {
        const Inputs inputs(type, 1, 1, kRows, 1, head_dim);
        auto* bytes = static_cast<uint8_t*>(memory.PlaceAtEnd((elements + shift) * ElementBytes(type)));
        Random random(shift + 10 * head_dim);
        for (size_t i = 0; i < elements + shift; ++i) StoreElement(type, NAN, bytes, i);
        uint8_t* keys = bytes + shift * ElementBytes(type);
        for (size_t i = 0; i < kKeys; ++i) {
          for (size_t dim = 0; dim < head_dim; ++dim) {
            StoreElement(type, static_cast<float>(random.Normal()), keys, i * stride + dim);
          }
        }
        QueryKeyView view = inputs.view();
        view.key_data = keys;
        view.keys = kKeys;
        view.key_stride = static_cast<int64_t>(stride);
        for (size_t rows = 1; rows <= kRows; ++rows) {
          ProductBlock block = AllOf(view);
          block.num_rows = rows;
          Check(block, ShapeOf(view) + ", " + std::to_string(rows) + " rows, shift " + std::to_string(shift));
        }
      }
    }
  }
}

// NaN, infinities and zeros of a key, or of a query, are seen in its own products alone, also in the last dimensions
// that are padded.
TEST_P(QueryKeyProductTest, SpecialNumbers) {
  constexpr size_t kKeys = 53, kRows = 11;
  for (const ElementType type : kAllTypes) {
    for (const size_t head_dim : std::initializer_list<size_t>{1, 5, 8, 13, 64, 300}) {
      const Inputs inputs(type, 1, 1, kRows, kKeys, head_dim);
      const QueryKeyView view = inputs.view();
      auto* queries = const_cast<void*>(view.query_data);
      auto* keys = const_cast<void*>(view.key_data);
      for (size_t dim = 0; dim < head_dim; ++dim) StoreElement(type, 0.0f, keys, 20 * head_dim + dim);
      StoreElement(type, NAN, keys, 17 * head_dim + head_dim - 1);
      StoreElement(type, HUGE_VALF, keys, 33 * head_dim + head_dim / 2);
      StoreElement(type, -HUGE_VALF, queries, 2 * head_dim + head_dim - 1);
      for (const size_t rows : std::initializer_list<size_t>{3, 4, 8, kRows}) {
        ProductBlock block = AllOf(view);
        block.num_rows = rows;
        const Products products(block);
        for (size_t row = 0; row < rows; ++row) {
          for (size_t key = 0; key < kKeys; ++key) {
            double exact = 0.0;
            for (size_t dim = 0; dim < head_dim; ++dim) {
              exact += static_cast<double>(Query(view, 0, 0, row, dim) * Key(view, 0, 0, key, dim));
            }
            const auto product = static_cast<double>(products(row, key));
            const std::string what = ShapeOf(view) + ", row " + std::to_string(row) + ", key " + std::to_string(key);
            ASSERT_EQ(std::isnan(product), std::isnan(exact)) << what;
            ASSERT_EQ(std::isinf(product), std::isinf(exact)) << what;
            const bool is_known = std::isinf(exact) || (key == 20 && !std::isnan(exact));
            ASSERT_TRUE(!is_known || product == exact) << what;
          }
        }
      }
    }
  }
}

// A product is the same, to the last bit, whatever block it is computed in: of many rows, whose keys are packed, or of
// few, which read them where they stand.
TEST_P(QueryKeyProductTest, BlocksDoNotMatter) {
  constexpr size_t kRows = 21, kKeys = 130;
  for (const ElementType type : kAllTypes) {
    for (const size_t head_dim : std::initializer_list<size_t>{1, 6, 37, 64, 255, 257, 576}) {
      const Inputs inputs(type, 2, 1, kRows, kKeys, head_dim);
      const QueryKeyView view = inputs.view();
      const Products whole(AllOf(view));
      for (size_t head = 0; head < 2; ++head) {
        for (const size_t count : std::initializer_list<size_t>{1, 2, 4, 6, 8, 9}) {
          for (size_t row = 0; row + count <= kRows; row += head_dim == 37 ? 1 : 6) {
            ProductBlock block = AllOf(view);
            block.first_head = head;
            block.num_heads = 1;
            block.first_row = row;
            block.num_rows = count;
            const Products part(block);
            for (size_t i = 0; i < count; ++i) {
              for (size_t key = 0; key < kKeys; ++key) {
                ASSERT_EQ(part(i, key), whole(head * kRows + row + i, key))
                    << ShapeOf(view) << ", " << count << " rows";
              }
            }
          }
        }
      }
    }
  }
}

// Nor whether several heads of keys are asked for at once, one after the other in memory or side by side, from the
// first head of a group or from within one, of few rows and of many.
TEST_P(QueryKeyProductTest, HeadsTogether) {
  constexpr size_t kKeys = 75;
  for (const ElementType type : kAllTypes) {
    for (const size_t kv_heads : std::initializer_list<size_t>{2, 7, 8, 9, 17}) {
      for (const size_t group : std::initializer_list<size_t>{1, 2, 3, 5, 9}) {
        const size_t head_dim = kv_heads == 7 ? 37 : kv_heads == 9 ? 260 : 16;
        const Inputs inputs(type, kv_heads * group, kv_heads, 2, kKeys, head_dim);
        QueryKeyView view = inputs.view();
        const QueryKeyView views[] = {view, TokenMajorQueryKey(view.query_data, view.key_data, type, 1,
                                                               kv_heads * group, kv_heads, 2, kKeys, head_dim)};
        for (const QueryKeyView& of : views) {
          for (const size_t rows : {size_t{1}, size_t{2}}) {
            ProductBlock block = AllOf(of);
            block.first_head = group - 1;
            block.num_heads = kv_heads * group - block.first_head;
            block.num_rows = rows;
            if (block.num_heads * rows > kMaxProductRows) continue;
            if (kv_heads == 2) Check(block, ShapeOf(of) + ", heads together");
            const Products together(block);
            for (size_t head = 0; head < block.num_heads; ++head) {
              ProductBlock alone = block;
              alone.first_head += head;
              alone.num_heads = 1;
              const Products products(alone);
              for (size_t row = 0; row < rows; ++row) {
                for (size_t key = 0; key < kKeys; ++key) {
                  ASSERT_EQ(products(row, key), together(head * rows + row, key))
                      << ShapeOf(of) << ", " << rows << " rows, head " << head;
                }
              }
            }
          }
        }
      }
    }
  }
}

// Nor does it matter how a key is reached: in one piece, in pages, key by key with its dimensions apart, or by a
// loader, which gives the same numbers in float32.
TEST_P(QueryKeyProductTest, WaysToKeysDoNotMatter) {
  constexpr size_t kKeys = 75, kHeadDim = 44;
  for (const size_t queries : std::initializer_list<size_t>{1, 4, 8, 20}) {
    for (const ElementType type : kAllTypes) {
      const Inputs inputs(type, 1, 1, queries, kKeys, kHeadDim);
      const QueryKeyView view = inputs.view();
      const Products whole(AllOf(view));
      const auto compare = [&](const QueryKeyView& other, const char* what) {
        const Products products(AllOf(other));
        for (size_t row = 0; row < queries; ++row) {
          for (size_t key = 0; key < kKeys; ++key) ASSERT_EQ(products(row, key), whole(row, key)) << what;
        }
      };
      const auto at = [&](size_t key) {
        return static_cast<const uint8_t*>(view.key_data) + key * kHeadDim * ElementBytes(type);
      };
      const KeyPage pages[] = {{at(0), 3}, {at(3), 32}, {at(35), 40}};
      QueryKeyView other = view;
      other.pages = pages;
      other.num_pages = 3;
      compare(other, "pages");
      std::vector<uint8_t> apart(2 * kKeys * kHeadDim * sizeof(float));
      for (size_t i = 0; i < kKeys * kHeadDim; ++i) {
        StoreElement(type, static_cast<float>(LoadElement(type, view.key_data, i)), apart.data(), 2 * i);
      }
      other = view;
      other.key_data = apart.data();
      other.key_stride *= 2;
      other.key_dim_stride = 2;
      compare(other, "dimensions apart");
      other = view;
      other.key_data = nullptr;
      other.key_loader.context = &view;
      other.key_loader.load = [](const void* context, size_t, size_t, size_t first, size_t count, size_t head_dim,
                                 float* to) {
        const auto& of = *static_cast<const QueryKeyView*>(context);
        for (size_t i = 0; i < count * head_dim; ++i) {
          to[i] = static_cast<float>(LoadElement(of.key_type, of.key_data, first * head_dim + i));
        }
      };
      compare(other, "loader");
    }
  }
}

}  // namespace
}  // namespace attnscope::test
