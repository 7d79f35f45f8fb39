// SPDX-License-Identifier: Apache-2.0
//
// The loops over a row's keys: every length up to several vectors, every type, every alignment, beside pages that
// cannot be read or written, against long double.
#include "kernels/key_scores/score_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/simd/copy_row.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using ScoreRowsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(ScoreRowsTest);

constexpr size_t kMostKeys = 70;  // more than four of the longest vectors

template <typename T>
T* Place(GuardedBuffer& buffer, size_t count, bool at_end, size_t misaligned) {
  return static_cast<T*>(at_end ? buffer.PlaceAtEnd(count * sizeof(T))
                                : buffer.PlaceAtFront(count * sizeof(T), misaligned * sizeof(T)));
}

// Calls check(count, at_end, misaligned) for all lengths and places.
template <class Check>
void ForEachPlace(const Check& check) {
  for (size_t count = 0; count <= kMostKeys; ++count) {
    for (const size_t misaligned : {size_t{0}, size_t{1}, size_t{3}}) check(count, false, misaligned);
    check(count, true, 0);
  }
}

// A row of weights, in guarded memory.
class GuardedRow {
 public:
  GuardedRow(ElementType type, size_t count, bool at_end, size_t misaligned, Random& random)
      : type_(type), buffer_(kMostKeys * 4 + 64) {
    data_ = at_end ? buffer_.PlaceAtEnd(count * ElementBytes(type))
                   : buffer_.PlaceAtFront(count * ElementBytes(type), misaligned * ElementBytes(type));
    for (size_t i = 0; i < count; ++i) Set(i, static_cast<float>(random.Uniform()));
  }
  void Set(size_t index, float value) { StoreElement(type_, value, data_, index); }
  long double operator[](size_t index) const { return LoadElement(type_, data_, index); }
  const void* data() const { return data_; }

 private:
  ElementType type_;
  GuardedBuffer buffer_;
  void* data_;
};

TEST_P(ScoreRowsTest, AddRowToBlockAndCopyRow) {
  Random random(1);
  GuardedBuffer blocks(kMostKeys * 4 + 64);
  for (const ElementType type : kAllTypes) {
    ForEachPlace([&](size_t count, bool at_end, size_t misaligned) {
      const GuardedRow row(type, count, at_end, misaligned, random);
      float* block = Place<float>(blocks, count, at_end, misaligned);
      CopyRow(row.data(), type, count, block);
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(static_cast<long double>(block[i]), row[i]);
      ASSERT_TRUE(blocks.SlackIntact());
      for (const float factor : {1.0f, 1.7f}) {
        std::vector<float> before(block, block + count);
        AddRowToBlock(row.data(), type, count, factor, block);
        for (size_t i = 0; i < count; ++i) {
          const long double exact = static_cast<long double>(before[i]) + static_cast<long double>(factor) * row[i];
          // A factor of 1 rounds once; others twice where there is no fused multiply-add.
          const long double bound = factor == 1.0f ? 0.6e-7L : 1.2e-7L;
          ASSERT_TRUE(Within(static_cast<double>(block[i]), exact, exact * bound)) << NameOf(type) << " " << count;
        }
        ASSERT_TRUE(blocks.SlackIntact());
      }
    });
  }
}

TEST_P(ScoreRowsTest, IsOrdinaryRow) {
  Random random(2);
  const float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                       -std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       -0.0f,
                       -1.0f};
  for (const ElementType type : kAllTypes) {
    ForEachPlace([&](size_t count, bool at_end, size_t misaligned) {
      GuardedRow row(type, count, at_end, misaligned, random);
      ASSERT_TRUE(IsOrdinaryRow(row.data(), type, count));
      for (size_t i = 0; i < count; ++i) {
        for (const float value : odd) {
          row.Set(i, value);
          ASSERT_FALSE(IsOrdinaryRow(row.data(), type, count)) << NameOf(type) << " " << count << ", " << value;
        }
        row.Set(i, type == ElementType::kFloat16 ? 65504.0f : 0x1p64f);
        ASSERT_TRUE(IsOrdinaryRow(row.data(), type, count));
        row.Set(i, 0x1.02p64f);  // to float16 infinity
        ASSERT_FALSE(IsOrdinaryRow(row.data(), type, count));
        row.Set(i, 0.0f);
      }
    });
  }
}

TEST_P(ScoreRowsTest, FoldBlockAndScores) {
  Random random(3);
  GuardedBuffer of_block(kMostKeys * 4 + 64), of_sums(kMostKeys * 8 + 64), of_scores(kMostKeys * 8 + 64);
  ForEachPlace([&](size_t count, bool at_end, size_t misaligned) {
    float* block = Place<float>(of_block, count, at_end, misaligned);
    double* sums = Place<double>(of_sums, count, at_end, misaligned);
    double* scores = Place<double>(of_scores, count, at_end, misaligned);
    std::vector<long double> exact(count), folded(count);
    for (size_t i = 0; i < count; ++i) {
      block[i] = static_cast<float>(random.Uniform());
      sums[i] = 3.0 * random.Uniform();
      folded[i] = 0.75L * static_cast<long double>(sums[i]) + 1.25L * static_cast<long double>(block[i]);
      scores[i] = random.Uniform();
      exact[i] = static_cast<long double>(scores[i]) + folded[i];
    }
    AddScores(count, 0.75, sums, 1.25, block, scores);
    for (size_t i = 0; i < count; ++i) ASSERT_TRUE(Within(scores[i], exact[i], 1e-15L * exact[i])) << count;
    AddScaledRow(count, 2.5, block, scores);
    for (size_t i = 0; i < count; ++i) {
      const long double more = exact[i] + 2.5L * static_cast<long double>(block[i]);
      ASSERT_TRUE(Within(scores[i], more, 1e-15L * more)) << count;
    }
    FoldBlock(count, 0.75, 1.25, block, sums);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(Within(sums[i], folded[i], 1e-15L * folded[i])) << count;
      ASSERT_EQ(block[i], 0.0f);
    }
    ASSERT_TRUE(of_block.SlackIntact() && of_sums.SlackIntact() && of_scores.SlackIntact());
    // What is less than 2^-900 is zero then, nothing else.
    for (size_t i = 0; i < count; ++i) sums[i] = i % 2 == 0 ? 0x1p-899 : 0x1p-900;
    FoldBlock(count, 0.5, 1.0, block, sums);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(sums[i], i % 2 == 0 ? 0x1p-900 : 0.0);
  });
}

}  // namespace
}  // namespace attnscope::test
