// SPDX-License-Identifier: Apache-2.0
//
// Rows made to defeat the top-k filter of the weights sweep: every sum of the k largest weights is exact but for its
// rounding, for the usual k, for those that need the long list, and for those that take a selection of their own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/sweep/weights_sweep.h"
#include "tests/support/compare.h"
#include "tests/support/open_sweep.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostKeys = size_t{1} << 17;
constexpr size_t kManyCandidates = 512;  // about as many as a filter may keep

class TopKTest : public TargetTest {
 protected:
  TopKTest() : sweep_(kMostKeys) {}

  void Check(const std::vector<float>& row, const std::string& what) { CheckBlock(row, 1, what); }

  // What the rows of all tests are measured by.
  static const std::vector<MassSizes>& AllMassSizes() {
    static const std::vector<MassSizes> kAll = {MassSizes({5, 10, 50}), MassSizes({1, 11, 51, 63, 64}),
                                                MassSizes({7, 50, 65, 128, 700, 1024})};
    return kAll;
  }

  // Rows that stand one behind the other.
  static MatrixInMemory Matrix(const std::vector<float>& weights, size_t rows) {
    MatrixInMemory matrix;
    matrix.data = weights.data();
    matrix.rows = rows;
    matrix.keys = weights.size() / rows;
    matrix.stride = static_cast<int64_t>(matrix.keys);
    return matrix;
  }

  // The sums over a block of `rows` rows.
  void CheckBlock(const std::vector<float>& weights, size_t rows, const std::string& what) {
    for (const MassSizes& masses : AllMassSizes()) CheckMasses(masses, weights, rows, what);
  }

  void CheckMasses(const MassSizes& masses, std::vector<float> weights, size_t rows, const std::string& what) {
    MatrixInMemory matrix = Matrix(weights, rows);
    matrix.masses = &masses;
    sweep_.Clear();
    sweep_.Add(matrix.All());
    double max = 0.0;
    for (size_t i = 0; i < rows; ++i) {
      float* row = weights.data() + i * matrix.keys;
      std::sort(row, row + matrix.keys, std::greater<>());
      max += matrix.keys == 0 ? 0.0 : static_cast<double>(row[0]);
    }
    const auto check = [&](RowSum which, size_t k) {
      long double sum = 0.0L;
      for (size_t i = 0; i < weights.size(); ++i) sum += i % matrix.keys < k ? static_cast<long double>(weights[i]) : 0;
      EXPECT_TRUE(Within(sweep_[which], sum, 2e-6L * sum)) << what << ", " << matrix.keys << " keys, top " << k;
    };
    for (size_t i = 0; i < masses.size(); ++i) check(TopMassSum(i), masses.k[i]);
    for (size_t i = masses.size(); i < kMaxTopMasses; ++i) EXPECT_EQ(sweep_[TopMassSum(i)], 0.0);
    ASSERT_EQ(sweep_[RowSumOf<Metric::kMaxRowWeight>()], max) << what;
  }

  OpenSweep sweep_;
};
ATTNSCOPE_FOR_EACH_TARGET(TopKTest);

// Distinct multiples of 2^-20: sums that miss or repeat a weight differ by far more than the bound.
float Weight(size_t rank) { return static_cast<float>(rank + 1) * 0x1p-20f; }

std::vector<size_t> Sizes() {
  std::vector<size_t> sizes;
  for (size_t power = 1; power <= (kSlowBuild ? size_t{1} << 14 : kMostKeys); power *= 2) {
    for (const size_t keys : {power - 1, power, power + 1}) {
      if (keys <= kMostKeys) sizes.push_back(keys);
    }
  }
  return sizes;
}

TEST_P(TopKTest, AscendingDescendingSawtooth) {
  for (const size_t keys : Sizes()) {
    std::vector<float> row(keys);
    for (size_t i = 0; i < keys; ++i) row[i] = Weight(i);
    Check(row, "ascending");
    std::reverse(row.begin(), row.end());
    Check(row, "descending");
    for (const size_t period : {size_t{3}, size_t{64}, size_t{1000}, size_t{kTileColumns}}) {
      for (size_t i = 0; i < keys; ++i) row[i] = Weight(i % period + i / period);
      Check(row, "sawtooth of " + std::to_string(period));
    }
    for (size_t i = 0; i < keys; ++i) row[i] = Weight(i % 2 == 0 ? i : keys - i);
    Check(row, "ascending and descending, interleaved");
  }
}

TEST_P(TopKTest, EveryShortLengthShuffled) {
  Random random(3);
  for (size_t keys = 0; keys <= 300; ++keys) {
    std::vector<float> row(keys);
    for (size_t i = 0; i < keys; ++i) row[i] = Weight(i);
    for (size_t i = keys; i > 1; --i) std::swap(row[i - 1], row[random.Below(i)]);
    Check(row, "shuffled");
  }
}

TEST_P(TopKTest, AllEqual) {
  for (const size_t keys : Sizes()) Check(std::vector<float>(keys, 0.375f), "all equal");
}

// Around 5, 10 and 50 large weights above a sea of equal ones, wherever they stand.
TEST_P(TopKTest, FewLargeWeightsAboveTies) {
  Random random(4);
  for (const size_t keys : {size_t{64}, size_t{300}, size_t{5000}, 2 * kTileColumns + 100}) {
    for (const size_t large : {size_t{1}, size_t{4}, size_t{5}, size_t{6}, size_t{9}, size_t{10}, size_t{11},
                               size_t{49}, size_t{50}, size_t{51}, size_t{60}}) {
      for (const float sea : {0.0f, 0x1p-30f, 0x1p-10f}) {
        std::vector<float> row(keys, sea);
        for (size_t i = 0; i < large; ++i) row[i] = 0.5f + Weight(i * 100);  // all in the first groups
        const std::string what = std::to_string(large) + " large weights above " + std::to_string(sea);
        Check(row, what + " in front");
        std::reverse(row.begin(), row.end());
        Check(row, what + " at the end");
        for (size_t i = keys; i > 1; --i) std::swap(row[i - 1], row[random.Below(i)]);
        Check(row, what + " anywhere");
      }
    }
  }
}

// 49, 50 or 51 weights of the first tile set the bound; later tiles repeat the bound's value, and pass it by one ulp.
TEST_P(TopKTest, WeightsEqualToTheBoundAcrossTiles) {
  for (const size_t first : {size_t{49}, size_t{50}, size_t{51}, size_t{200}, size_t{1024}}) {
    for (const size_t later : {size_t{1}, size_t{49}, size_t{50}, size_t{600}}) {
      std::vector<float> row(3 * kTileColumns, 0x1p-12f);
      for (size_t i = 0; i < first; ++i) row[i * (kTileColumns / first)] = 0.5f;
      for (size_t i = 0; i < later; ++i) row[kTileColumns + i * 3] = 0.5f;
      for (size_t i = 0; i < later; ++i) row[2 * kTileColumns + i * 5] = std::nextafter(0.5f, i % 2 == 0 ? 1.0f : 0.0f);
      Check(row, std::to_string(first) + " ties, then " + std::to_string(later));
    }
  }
}

// More candidates than the buffer holds: the largest weights of each group rise from tile to tile, so that no bound
// from earlier tiles helps, and all weights of a few groups are large.
TEST_P(TopKTest, CandidatesOverflow) {
  for (const size_t together : {size_t{64}, size_t{256}, kManyCandidates, kManyCandidates + 1, 3 * kManyCandidates}) {
    for (const size_t begin : {size_t{0}, size_t{13}, kTileColumns - 100, 2 * kTileColumns}) {
      std::vector<float> row(4 * kTileColumns + 1, 0x1p-25f);
      for (size_t i = 0; i < together; ++i) row[begin + i] = 0.25f + Weight(i);
      Check(row, std::to_string(together) + " ascending together from " + std::to_string(begin));
      std::reverse(row.begin(), row.end());
      Check(row, std::to_string(together) + " descending together");
      for (float& weight : row) weight = weight > 0.1f ? 0.25f : weight;
      Check(row, std::to_string(together) + " equal together");
    }
  }
}

// Columns of the same few slots (SlotMasks), whatever the vectors: every fourth lap has the same order.
bool InFewSlots(size_t column, size_t slots) { return column % (4 * kSlots) < slots; }

// Nearly all large weights share slots, so that the bound is low and hundreds are above it, in all orders.
TEST_P(TopKTest, FewSlots) {
  Random random(7);
  for (const size_t slots : {size_t{1}, size_t{16}, size_t{40}, size_t{49}, size_t{50}, size_t{64}}) {
    for (const size_t keys : {kTileColumns / 2, kTileColumns, 2 * kTileColumns + 100}) {
      std::vector<float> row(keys, 0x1p-30f);
      std::vector<size_t> large;
      for (size_t i = 0; i < keys; ++i) {
        if (InFewSlots(i, slots)) large.push_back(i);
      }
      const std::string what = std::to_string(large.size()) + " large weights in " + std::to_string(slots) + " slots, ";
      for (size_t i = 0; i < large.size(); ++i) row[large[i]] = Weight(i);
      sweep_.SetGuess({});  // else a guess would reduce the candidates
      Check(row, what + "ascending");
      for (size_t i = 0; i < large.size(); ++i) row[large[i]] = Weight(large.size() - i);
      sweep_.SetGuess({});
      Check(row, what + "descending");
      for (size_t i = large.size(); i > 1; --i) std::swap(row[large[i - 1]], row[large[random.Below(i)]]);
      sweep_.SetGuess({});
      Check(row, what + "shuffled");
      Check(row, what + "shuffled, guessed");
    }
  }
}

// The same for the candidates that are left: of those in few slots, the larger ones are in few slots again.
TEST_P(TopKTest, FewSlotsTwice) {
  for (const size_t slots : {size_t{16}, size_t{32}, size_t{48}, size_t{64}}) {
    std::vector<float> row(kTileColumns, 0x1p-30f);
    size_t candidates = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i % kSlots >= slots) continue;
      row[i] = Weight((candidates % kSlots < slots ? kTileColumns : 0) + candidates);
      ++candidates;
    }
    sweep_.SetGuess({});  // else a guess would reduce the candidates
    Check(row, std::to_string(slots) + " slots");
  }
}

// Weights that repeat with any period, rise or fall on the way, and are large in a part of it.
void FillPeriodicRow(Random& random, float* row, size_t keys) {
  const size_t period = 1 + random.Below(random.Below(2) == 0 ? 2000 : 200);
  const size_t width = 1 + random.Below(period);
  const size_t distinct = 1 + random.Below(random.Below(2) == 0 ? 5000 : 100);
  const size_t trend = random.Below(3);
  for (size_t i = 0; i < keys; ++i) {
    const size_t rank = trend == 0 ? i : trend == 1 ? keys - i : random.Below(1 << 14);
    row[i] = i % period < width ? Weight(1000 + rank % distinct) : Weight(random.Below(900));
  }
}

size_t AnyLength(Random& random) { return 1 + random.Below(random.Below(4) == 0 ? 3 * kTileColumns : 1500); }

TEST_P(TopKTest, AnyPeriodicRow) {
  Random random(8);
  for (int i = 0; i < (kSlowBuild ? 100 : 1000) && !HasFailure(); ++i) {
    std::vector<float> row(AnyLength(random));
    FillPeriodicRow(random, row.data(), row.size());
    Check(row, "row " + std::to_string(i));
  }
}

// Rows of a block go through the same networks: none may see another's weights.
TEST_P(TopKTest, BlocksOfPeriodicRows) {
  Random random(9);
  for (int i = 0; i < (kSlowBuild ? 20 : 200) && !HasFailure(); ++i) {
    const size_t keys = AnyLength(random);
    std::vector<float> rows(kRowsPerBlock * keys);
    for (size_t row = 0; row < kRowsPerBlock; ++row) FillPeriodicRow(random, rows.data() + row * keys, keys);
    CheckBlock(rows, kRowsPerBlock, "block " + std::to_string(i));
  }
}

// Of a block's rows, one has large weights in few slots, more than a network takes; its neighbours have none.
TEST_P(TopKTest, OneRowOfABlockOverflows) {
  constexpr size_t kKeys = kTileColumns + 100;
  for (size_t hard = 0; hard < kRowsPerBlock; ++hard) {
    std::vector<float> rows(kRowsPerBlock * kKeys, 0x1p-30f);
    for (size_t i = 0; i < kKeys; ++i) {
      if (InFewSlots(i, 48)) rows[hard * kKeys + i] = static_cast<float>(i + 1) * 0x1p-13f;
    }
    CheckBlock(rows, kRowsPerBlock, "row " + std::to_string(hard));
  }
}

// Tiles behind the first have any number of weights above all before, together or apart: those are few enough to be
// merged as they are, or too many, in any order of tiles and with other rows of the block. A row's sums do not depend
// on its neighbours, in any bit.
TEST_P(TopKTest, LaterTiles) {
  constexpr size_t kNumbers[] = {0, 1, 31, 32, 33, 64, 127, 128, 129, 200, 1000, kTileColumns};
  Random random(10);
  OpenSweep alone(kMostKeys);
  for (int block = 0; block < (kSlowBuild ? 4 : 40) && !HasFailure(); ++block) {
    const size_t keys = 4 * kTileColumns + random.Below(kTileColumns);
    const size_t num_rows = 1 + random.Below(kRowsPerBlock);
    std::vector<float> rows(num_rows * keys);
    for (size_t row = 0; row < num_rows; ++row) {
      for (size_t begin = 0; begin < keys; begin += kTileColumns) {
        float* const tile = rows.data() + row * keys + begin;
        const size_t columns = std::min(kTileColumns, keys - begin);
        const size_t above = std::min(columns, kNumbers[random.Below(std::size(kNumbers))]);
        for (size_t i = 0; i < columns; ++i) {
          tile[i] = Weight(i < above ? (begin / kTileColumns + 1) * 3 * kTileColumns + i : random.Below(kTileColumns));
        }
        if (random.Below(2) == 0) std::rotate(tile, tile + random.Below(columns), tile + columns);
        if (random.Below(2) == 0) continue;
        for (size_t i = columns; i > 1; --i) std::swap(tile[i - 1], tile[random.Below(i)]);
      }
    }
    for (const MassSizes& masses : AllMassSizes()) {
      CheckMasses(masses, rows, num_rows, "block " + std::to_string(block));
      alone.Clear();
      MatrixInMemory matrix = Matrix(rows, num_rows);
      matrix.masses = &masses;
      for (size_t row = 0; row < num_rows; ++row) alone.Add(matrix.Rows(row, 1));
      EXPECT_TRUE(SameBits(alone.State(), sweep_.State())) << "block " << block;
    }
  }
}

// Any guess of what the kept weights are above gives the same bits as none: too low, too high, a weight of the row, one
// that 49 or 63, 50 or 64, 127, 128 or 129 of its weights are above; and any step to the next guess.
TEST_P(TopKTest, AnyGuess) {
  Random random(11);
  OpenSweep guessed(kMostKeys);
  const auto pattern = [](float weight) {
    uint32_t bits;
    std::memcpy(&bits, &weight, sizeof(bits));
    return bits;
  };
  for (int block = 0; block < (kSlowBuild ? 60 : 300) && !HasFailure(); ++block) {
    const size_t keys = 257 + AnyLength(random) % (block % 4 == 0 ? 2 * kTileColumns : 1500);
    const size_t num_rows = 1 + random.Below(kRowsPerBlock);
    std::vector<float> rows(num_rows * keys);
    for (size_t row = 0; row < num_rows; ++row) FillPeriodicRow(random, rows.data() + row * keys, keys);
    const bool distinct = keys <= kTileColumns && random.Below(2) == 0;
    // The last candidate is the largest.
    for (size_t i = 0; distinct && i < rows.size(); ++i) rows[i] = Weight(i % keys);
    const MassSizes& masses = AllMassSizes()[static_cast<size_t>(block) / 4 % 2];
    const size_t kept = masses.list->kept;
    sweep_.SetGuess({});
    CheckMasses(masses, rows, num_rows, "block " + std::to_string(block));
    std::vector<float> sorted(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(keys, kTileColumns)));
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const size_t ranks[] = {kept - 1, kept, 127, 128, 129, kept - 2, 0, random.Below(sorted.size())};
    const uint32_t weight = pattern(sorted[ranks[random.Below(distinct ? 5 : std::size(ranks))]]);
    const uint32_t patterns[] = {0, 1, weight - 1, weight, weight + 1, 0x7F800000, UINT32_MAX};
    const uint32_t steps[] = {0, 1, 1 + static_cast<uint32_t>(random.Below(1 << 24)), UINT32_MAX};
    BoundGuess guess = {};
    guess.bits = distinct ? weight : patterns[random.Below(std::size(patterns))];
    guess.step = steps[random.Below(std::size(steps))];
    guess.known = 1;
    guessed.Clear();
    guessed.SetGuess(guess);
    MatrixInMemory matrix = Matrix(rows, num_rows);
    matrix.masses = &masses;
    guessed.Add(matrix.All());
    EXPECT_TRUE(SameBits(guessed.State(), sweep_.State()))
        << "block " << block << ", " << keys << " keys, guess " << guess.bits << ", step " << guess.step;
  }
}

// Short rows (kShortColumns) and longer ones in one block, in causal matrices: each row's sums are exact, and have the
// bits that they have where the row is alone.
TEST_P(TopKTest, ShortRowsBesideLongOnes) {
  Random random(12);
  OpenSweep alone(kMostKeys);
  for (const size_t around : {size_t{64}, size_t{96}, kSlots, kSlots + 16, size_t{192}, kShortColumns, size_t{320}}) {
    for (const size_t offset : {size_t{3}, size_t{8}, size_t{40}}) {
      constexpr size_t kRows = 48;
      const size_t keys = around + offset;
      std::vector<float> weights(kRows * keys);
      for (float& weight : weights) weight = Weight(random.Below(1 << 14));
      MatrixInMemory matrix = Matrix(weights, kRows);
      matrix.mask.causal = true;
      matrix.mask.causal_offset = static_cast<int64_t>(keys) - static_cast<int64_t>(kRows);
      sweep_.Clear();
      sweep_.Add(matrix.All());
      std::vector<std::vector<long double>> rows = matrix.ExactRows();
      for (const auto& [which, k] : {std::pair(TopMassSum(0), 5U), {TopMassSum(1), 10U}, {TopMassSum(2), 50U}}) {
        long double sum = 0.0L;
        for (std::vector<long double>& row : rows) {
          std::sort(row.begin(), row.end(), std::greater<>());
          for (size_t i = 0; i < std::min<size_t>(k, row.size()); ++i) sum += row[i];
        }
        EXPECT_TRUE(Within(sweep_[which], sum, 2e-6L * sum)) << keys << " keys, top " << k;
      }
      alone.Clear();
      for (size_t row = 0; row < kRows; ++row) alone.Add(matrix.Rows(row, 1));
      EXPECT_TRUE(SameBits(alone.State(), sweep_.State())) << keys << " keys";
    }
  }
}

// One group of four vectors holds all that counts, for vectors of up to 64 lanes.
TEST_P(TopKTest, AllCandidatesInOneGroup) {
  for (size_t lanes = 1; lanes <= kMaxFloatLanes; lanes *= 2) {
    for (const size_t group : {size_t{0}, size_t{1}, size_t{7}}) {
      std::vector<float> row(size_t{48} * kMaxFloatLanes, 0x1p-20f);
      for (size_t i = 0; i < 4 * lanes; ++i) row[group * 4 * lanes + i] = 0.5f + Weight(i * 37 % 256);
      Check(row, "group " + std::to_string(group) + " of " + std::to_string(lanes) + " lanes");
    }
  }
}

// Few weights are not zero: fewer than k of them.
TEST_P(TopKTest, FewerWeightsThanK) {
  for (const size_t keys : {size_t{3}, size_t{60}, size_t{5000}}) {
    for (size_t large = 0; large <= 55; ++large) {
      std::vector<float> row(keys);
      for (size_t i = 0; i < std::min(large, keys); ++i) row[i * 7919 % keys] = Weight(i);
      Check(row, std::to_string(large) + " weights");
    }
  }
}

TEST_P(TopKTest, FewDistinctValues) {
  Random random(5);
  for (const size_t keys : Sizes()) {
    for (const size_t distinct : {size_t{2}, size_t{3}, size_t{40}}) {
      std::vector<float> row(keys);
      // Rare large values: the 50th largest falls into ties of each kind.
      for (float& weight : row) weight = Weight(std::min(random.Below(distinct), random.Below(distinct * 20)));
      Check(row, std::to_string(distinct) + " distinct values");
    }
  }
}

TEST_P(TopKTest, Denormals) {
  for (const size_t keys : {size_t{70}, size_t{300}, 2 * kTileColumns}) {
    std::vector<float> row(keys);
    for (size_t i = 0; i < keys; ++i) row[i] = static_cast<float>(i * 31 % keys) * 0x1p-149f;
    Check(row, "denormals");
  }
}

}  // namespace
}  // namespace attnscope::test
