// SPDX-License-Identifier: Apache-2.0
//
// The weights of a row that outputs ask for by their place: where the largest one stands, those of the first key, of
// the query's own and of the one before it. Only where a block has outputs; while its weights are there.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_ROW_PICKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_ROW_PICKS_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_ROW_PICKS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_ROW_PICKS_INL_H_
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/slow_row.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/top_k-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest weight of each row so far, and which weight of the row it is, the first of equals.
struct LargestPlaces {
  HWY_ALIGN_MAX uint32_t bits[kMaxFloatLanes];
  size_t index[kRowsPerBlock];
};

// The element of type T, as an unsigned number, that has a weight's bit pattern as float32: the weight is one of them.
template <typename T>
HWY_INLINE hwy::UnsignedFromSize<sizeof(T)> ElementBits(uint32_t float_bits) {
  if constexpr (sizeof(T) == sizeof(uint32_t)) return float_bits;
  if constexpr (hwy::IsSame<T, hwy::bfloat16_t>()) return static_cast<uint16_t>(float_bits >> 16);
  if constexpr (hwy::IsSame<T, hwy::float16_t>()) {
    if (float_bits >= uint32_t{113} << 23) return static_cast<uint16_t>((float_bits >> 13) - (112u << 10));
    float value;  // below 2^-14, of 2^-24 each
    memcpy(&value, &float_bits, sizeof(value));
    return static_cast<uint16_t>(value * 0x1p24f);
  }
}

// Lanes(d) elements from any address as unsigned numbers.
template <class D>
HWY_INLINE hn::Vec<D> LoadBits(D d, const float* HWY_RESTRICT from) {
  return hn::BitCast(d, hn::LoadU(hn::RebindToFloat<D>(), from));
}
template <class D, typename THalf>
HWY_INLINE hn::Vec<D> LoadBits(D d, const THalf* HWY_RESTRICT from) {
  return hn::LoadU(d, reinterpret_cast<const uint16_t*>(from));
}

// The first of the elements at `from` that, as an unsigned number, equals `number`; `count` if there is none. None is
// larger: so the larger ones of some vectors tell whether one of these has it.
template <typename T, typename TU>
HWY_INLINE size_t FindLargestNumber(const T* HWY_RESTRICT from, size_t count, TU number) {
  constexpr size_t kVectors = 16;
  const hn::CappedTag<TU, 64 / sizeof(TU)> d;
  const size_t N = hn::Lanes(d);
  const auto wanted = hn::Set(d, number);
  size_t i = 0;
  for (; i + kVectors * N <= count; i += kVectors * N) {
    const auto larger = [&](size_t vector) HWY_ATTR {
      return hn::Max(LoadBits(d, from + i + vector * N), LoadBits(d, from + i + (vector + 1) * N));
    };
    const auto of_four = [&](size_t vector) HWY_ATTR { return hn::Max(larger(vector), larger(vector + 2)); };
    const auto all = hn::Max(hn::Max(of_four(0), of_four(4)), hn::Max(of_four(8), of_four(12)));
    if (!hn::AllFalse(d, hn::Eq(all, wanted))) break;
  }
  for (; i + N <= count; i += N) {
    const auto equal = hn::Eq(LoadBits(d, from + i), wanted);
    const intptr_t first = hn::FindFirstTrue(d, equal);
    if (first >= 0) return i + static_cast<size_t>(first);
  }
  for (; i < count; ++i) {
    TU bits;
    hwy::CopyBytes<sizeof(T)>(from + i, &bits);
    if (bits == number) break;
  }
  return i;
}

// Looks for the largest weight of each row where the tile that begins at `column` has raised it.
template <typename T>
HWY_NOINLINE void FindLargest(const RowBlock& block, const Selection<T>& selection, size_t column,
                              LargestPlaces& largest) {
  if (block.outputs->argmax.data == nullptr) return;
  HWY_ALIGN_MAX uint32_t bits[kMaxFloatLanes];
  selection.StoreLargest(bits);
  for (size_t i = 0; i < block.num_rows; ++i) {
    const BlockRow& row = block.rows[i];
    if (column == 0) largest.bits[i] = 0;
    if (bits[i] <= largest.bits[i] || row.visible <= column) continue;
    largest.bits[i] = bits[i];
    const T* from = static_cast<const T*>(row.data) + column;
    const size_t count = HWY_MIN(kTileColumns, row.visible - column);
    largest.index[i] = column + FindLargestNumber(from, count, ElementBits<T>(bits[i]));
  }
}

// The same for a row of any weights, the first of equals.
HWY_NOINLINE inline size_t FindLargestSlowly(const BlockRow& row, ElementType type) {
  size_t index = 0;
  double largest = 0.0;
  for (size_t i = 0; i < row.visible; ++i) {
    const double weight = ElementAsDouble(row.data, type, i);
    if (weight <= largest) continue;
    largest = weight;
    index = i;
  }
  return index;
}

// The column of a row's weight `index`, the largest. Where weights have columns of their own, others may equal it.
template <typename T>
HWY_INLINE int64_t ColumnOfLargest(const BlockRow& row, size_t index) {
  if (HWY_LIKELY(row.positions == nullptr)) return static_cast<int64_t>(row.first_column + index);
  const hn::CappedTag<float, 1> d1;
  const T* weights = static_cast<const T*>(row.data);
  const float largest = hn::GetLane(LoadAsFloat(d1, weights + index));
  int64_t column = row.positions[index];
  for (size_t i = index + 1; i < row.visible; ++i) {
    if (hn::GetLane(LoadAsFloat(d1, weights + i)) == largest) column = HWY_MIN(column, row.positions[i]);
  }
  return column;
}

// The weight of the key at a position, 0 if the row does not see it.
template <typename T>
HWY_INLINE double WeightAt(const BlockRow& row, int64_t position) {
  size_t index = row.visible;
  if (HWY_LIKELY(row.positions == nullptr)) {
    const int64_t from_first = position - static_cast<int64_t>(row.first_column);
    if (from_first >= 0) index = static_cast<size_t>(from_first);
  } else {
    for (index = 0; index < row.visible && row.positions[index] != position;) ++index;
  }
  if (index >= row.visible) return 0.0;
  const hn::CappedTag<float, 1> d1;
  const double weight = static_cast<double>(hn::GetLane(LoadAsFloat(d1, static_cast<const T*>(row.data) + index)));
  return weight + 0.0;  // no negative zero
}

// The same, NaN where there is no such key.
template <typename T>
HWY_INLINE double WeightOfKey(const BlockRow& row, const RowPlace& place, int64_t position) {
  if (position < place.first_key || position >= place.end_key) return NAN;
  return WeightAt<T>(row, position);
}

// Fills in the picks of the rows that are measured.
template <typename T>
HWY_NOINLINE void PickWeights(const RowBlock& block, const LargestPlaces& largest, BlockResult& result) {
  const RowOutputs& outputs = *block.outputs;
  for (size_t i = 0; i < block.num_rows; ++i) {
    const BlockRow& row = block.rows[i];
    const RowPlace& place = block.places[i];
    RowPick& pick = result.picks[i];
    pick = {-1, 0.0, 0.0, 0.0};
    if (result.valid[i] == 0.0 || result.max[i] == 0.0) continue;
    if (outputs.argmax.data != nullptr) {
      const size_t index = HWY_UNLIKELY(result.slow[i]) ? FindLargestSlowly(row, block.type) : largest.index[i];
      pick.argmax = ColumnOfLargest<T>(row, index);
    }
    if (outputs.first_token_weight.data != nullptr) pick.first_token = WeightAt<T>(row, place.first_key);
    if (outputs.self_weight.data != nullptr) pick.self = WeightOfKey<T>(row, place, place.position);
    if (outputs.previous_weight.data != nullptr) pick.previous = WeightOfKey<T>(row, place, place.position - 1);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_ROW_PICKS_INL_H_
