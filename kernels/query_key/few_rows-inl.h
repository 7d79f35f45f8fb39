// SPDX-License-Identifier: Apache-2.0
//
// Products of a few rows of queries, as those of a step of decoding, straight from where the keys stand: each key is
// loaded once, and nothing is packed.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_QUERY_KEY_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_QUERY_KEY_FEW_ROWS_INL_H_
#undef ATTNSCOPE_KERNELS_QUERY_KEY_FEW_ROWS_INL_H_
#else
#define ATTNSCOPE_KERNELS_QUERY_KEY_FEW_ROWS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "attnscope/query_key_view.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/query_key/key_quads-inl.h"
#include "kernels/query_key/key_rows.h"
#include "kernels/query_key/key_tile-inl.h"
#include "kernels/query_key/query_key_product.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if ATTNSCOPE_LOADS_QUADS

// Of kFewRows, so many are multiplied at once, of so many of a quad's four vectors: their sums fill at most half of the
// registers.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
inline constexpr size_t kSumsAtOnce = 8;
#else
inline constexpr size_t kSumsAtOnce = 16;
#endif
template <size_t kRows>
inline constexpr size_t kVectorsAtOnce = kRows* kQuad <= kSumsAtOnce ? kQuad : 2;
template <size_t kRows>
inline constexpr size_t kRowsAtOnce = HWY_MIN(kRows, kSumsAtOnce / kVectorsAtOnce<kRows>);

// Rows of the panel that so many rows are packed in.
HWY_INLINE size_t FewRowsPanel(size_t rows) { return rows == 1 ? 1 : rows <= 4 ? 4 : 8; }

// Brings keys to the L1 cache that are multiplied later, since memory takes as long to answer as kBytesAhead take to be
// multiplied: key by key, so that each vector of keys brings another one while it is read in some passes. Measured on
// Zen 5 at four rows: twice as many bytes ahead, or keys brought to the L2 cache only, cost a sixth of the rate.
template <typename T>
class KeysAhead {
 public:
  KeysAhead() = default;
  // While vectors of head `head` of so many are multiplied, which take turns, those of another are brought, or of the
  // same: so many turns later. `keys` are all that are multiplied, the first ones of which are brought at once.
  KeysAhead(const ProductBlock& block, size_t head, size_t heads, const KeyRange& keys, size_t passes)
      : step_(block.view->key_stride), head_dim_(block.view->head_dim) {
    const QueryKeyView& view = *block.view;
    const size_t turns = hwy::DivCeil(kBytesAhead, N() * head_dim_ * sizeof(T));
    rows_ = KeyRows(view, block.sequence, block.first_head / (view.heads / view.kv_heads) + (head + turns) % heads);
    end_ = rows_.has_loader() ? keys.begin : keys.end;
    distance_ = (head + turns) / heads * N();
    dims_of_turn_ = kBlockDims<T>;
    while (2 * dims_of_turn_ * N() <= passes * head_dim_) dims_of_turn_ *= 2;
    keys_of_turn_ = hwy::DivCeil(N() * dims_of_turn_, passes * head_dim_);
    for (size_t key = keys.begin; key < HWY_MIN(keys.begin + distance_, end_); ++key) PrefetchKey(Key(key));
  }

  // Before the vector of keys from `first` on, which begin at `now`. Where the keys ahead are in several pieces, what
  // stands behind the first one is brought instead.
  HWY_INLINE void BeginVector(size_t first, const T* now) {
    const bool has_more = first + distance_ < end_;
    key_ = has_more ? Key(first + distance_) : now;
    step_of_vector_ = has_more ? step_ : 0;
  }
  // While dimension `dim` is multiplied.
  HWY_INLINE void Turn(size_t dim) {
    if ((dim & (dims_of_turn_ - 1)) != 0) return;
    for (size_t i = 0; i < keys_of_turn_; ++i, key_ += step_of_vector_) PrefetchKey(key_);
  }

 private:
  static constexpr size_t kBytesAhead = size_t{8} << 10;

  static HWY_INLINE size_t N() { return hn::Lanes(hn::ScalableTag<float>()); }
  HWY_INLINE const T* Key(size_t key) { return reinterpret_cast<const T*>(rows_(key)); }
  HWY_INLINE void PrefetchKey(const T* key) const {
    for (size_t dim = 0; dim < head_dim_; dim += 64 / sizeof(T)) hwy::Prefetch(key + dim);
  }

  KeyRows rows_;
  size_t end_;
  int64_t step_;
  size_t head_dim_;
  size_t distance_;      // in keys
  size_t dims_of_turn_;  // a power of two
  size_t keys_of_turn_;
  const T* key_;
  int64_t step_of_vector_;
};

// Where a vector of keys stands, and a copy of their last dimensions, less than 128 bits, padded by zeros.
template <typename T>
struct VectorOfKeys {
  const T* first;
  int64_t stride;
  KeyReader<T> last;
};

// Sums of vectors [vector, vector + kVectors) of the quads, of dimensions [begin, end), for kAtOnce of a panel's kRows
// rows, made into sums of two: of_two[row][vector / 2]. `queries` [quad][kRows][kQuad] begins with the first row and
// dimension.
template <size_t kRows, size_t kAtOnce, size_t kVectors, typename T, class VF>
HWY_INLINE void SumQuads(const float* HWY_RESTRICT queries, const VectorOfKeys<T>& keys, size_t begin, size_t end,
                         size_t vector, KeysAhead<T>& ahead, VF (&of_two)[kAtOnce][2]) {
  const hn::ScalableTag<float> df;
  VF sums[kAtOnce][kVectors];
  for (auto& of_row : sums) {
    for (VF& sum : of_row) sum = hn::Zero(df);
  }
  KeyReader<T> reader;
  reader.Init(keys.first + begin, keys.stride);
  int64_t stride = keys.stride;
  for (size_t dim = begin; dim < end; dim += kBlockDims<T>, reader.Advance()) {
    ahead.Turn(dim);
    if (HWY_UNLIKELY(end - dim < kBlockDims<T>)) {
      reader = keys.last;
      stride = static_cast<int64_t>(kBlockDims<T>);
    }
    VF quads[kVectors][kBlockQuads<T>];
    for (size_t i = 0; i < kVectors; ++i) LoadQuads(df, reader, static_cast<int64_t>(vector + i) * stride, quads[i]);
    for (size_t quad = 0; quad < kBlockQuads<T>; ++quad, queries += kRows * kQuad) {
      for (size_t row = 0; row < kAtOnce; ++row) {
        const VF query = QueryQuad(df, queries + row * kQuad, 0);
        for (size_t i = 0; i < kVectors; ++i) sums[row][i] = hn::MulAdd(query, quads[i][quad], sums[row][i]);
      }
    }
  }
  for (size_t row = 0; row < kAtOnce; ++row) {
    for (size_t i = 0; i < kVectors; i += 2) {
      of_two[row][(vector + i) / 2] = SumOfTwo(df, sums[row][i], sums[row][i + 1]);
    }
  }
}

// products[row * stride, + Lanes) of the first num_rows rows of a panel of kRows.
template <size_t kRows, typename T>
HWY_INLINE void MultiplyVector(const float* HWY_RESTRICT queries, const VectorOfKeys<T>& keys, KeysAhead<T>& ahead,
                               size_t head_dim, size_t num_rows, float* HWY_RESTRICT products, size_t stride) {
  constexpr size_t kVectors = kVectorsAtOnce<kRows>;
  constexpr size_t kAtOnce = kRowsAtOnce<kRows>;
  const hn::ScalableTag<float> df;
  for (size_t dim = 0, dims; dim < head_dim; dim += dims) {
    dims = NextDims(head_dim - dim);
    for (size_t first = 0; first < kRows; first += kAtOnce) {
      const float* from = queries + (dim * kRows + first * kQuad);
      hn::Vec<decltype(df)> of_two[kAtOnce][2];
      for (size_t vector = 0; vector < kQuad; vector += kVectors) {
        SumQuads<kRows, kAtOnce, kVectors>(from, keys, dim, dim + dims, vector, ahead, of_two);
      }
      for (size_t row = 0; row < kAtOnce; ++row) {
        if (first + row >= num_rows) continue;
        StoreProducts(df, SumOfQuads(df, of_two[row][0], of_two[row][1]), dim != 0, products + (first + row) * stride);
      }
    }
  }
}

// One head of keys, and the queries that are multiplied by it.
template <typename T>
struct HeadOfFew {
  KeyRows rows;
  KeysAhead<T> ahead;
  const float* queries;  // packed
  float* products;
};

// Prepares a block's heads of keys, each with a panel of queries. Not inlined, as panels of all sizes call it.
template <typename T>
HWY_NOINLINE void PrepareHeads(const ProductBlock& block, size_t heads, const KeyRange& range, size_t passes,
                               const float* queries, size_t panel_size, float* products, size_t stride,
                               HeadOfFew<T>* HWY_RESTRICT of) {
  const QueryKeyView& view = *block.view;
  HWY_DASSERT(heads <= kMostHeadsTogether);
  for (size_t i = 0; i < heads; ++i) {
    of[i].rows = KeyRows(view, block.sequence, block.first_head / (view.heads / view.kv_heads) + i);
    of[i].ahead = KeysAhead<T>(block, i, heads, range, passes);
    of[i].queries = queries + i * panel_size;
    of[i].products = products + i * (block.num_heads / heads) * block.num_rows * stride;
  }
}

// All products of a block of `heads` heads of keys and at most kRows rows for each of them. A vector of keys of all
// heads after another, so that memory is read in order where the heads of a key stand side by side.
template <size_t kRows, typename T>
HWY_NOINLINE void MultiplyPanelsOfFew(const ProductBlock& block, size_t heads, const KeyRange& range,
                                      const float* HWY_RESTRICT queries, T* HWY_RESTRICT copies,
                                      float* HWY_RESTRICT products, size_t stride) {
  const QueryKeyView& view = *block.view;
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  const size_t num_rows = block.num_heads / heads * block.num_rows;
  constexpr size_t kPasses = kRows / kRowsAtOnce<kRows> * (kQuad / kVectorsAtOnce<kRows>);
  HeadOfFew<T> of[kMostHeadsTogether];
  PrepareHeads(block, heads, range, kPasses, queries, kRows * PaddedDims(view.head_dim), products, stride, of);
  const size_t last_dims = view.head_dim % kBlockDims<T>;
  HWY_ALIGN T last_copies[HWY_LANES(float) * kBlockDims<T>];
  for (size_t first = range.begin; first < range.end; first += N) {
    for (size_t i = 0; i < heads; ++i) {
      HeadOfFew<T>& head = of[i];
      const KeyTile<T> tile = FindKeys(view, head.rows, first, range.end, 1, copies);
      VectorOfKeys<T> keys = {tile.first[0], tile.stride, {}};
      if (HWY_UNLIKELY(last_dims != 0)) {
        keys.last = CopyLastDims(keys.first, keys.stride, view.head_dim - last_dims, view.head_dim, last_copies);
      }
      head.ahead.BeginVector(first, keys.first);
      MultiplyVector<kRows>(head.queries, keys, head.ahead, view.head_dim, num_rows, head.products + first, stride);
    }
  }
}

// The same for all numbers of rows up to kFewRows, packed in panels of FewRowsPanel.
template <typename T>
HWY_INLINE void MultiplyFewRows(const ProductBlock& block, size_t heads, const KeyRange& keys,
                                const float* HWY_RESTRICT queries, float* HWY_RESTRICT packed_keys,
                                float* HWY_RESTRICT products, size_t stride) {
  T* copies = reinterpret_cast<T*>(packed_keys);
  const size_t rows = block.num_heads / heads * block.num_rows;
  if (rows == 1) return MultiplyPanelsOfFew<1>(block, heads, keys, queries, copies, products, stride);
  if (rows <= 4) return MultiplyPanelsOfFew<4>(block, heads, keys, queries, copies, products, stride);
  MultiplyPanelsOfFew<8>(block, heads, keys, queries, copies, products, stride);
}

#endif  // ATTNSCOPE_LOADS_QUADS

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_FEW_ROWS_INL_H_
