// SPDX-License-Identifier: Apache-2.0
//
// One row to the cells of a map, against one question for each key: any length, type and cut into cells, guard pages on
// both sides, weights that are none, and masks.
#include "kernels/maps/pool_row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class PoolRowTest : public TargetTest {
 protected:
  PoolRowTest() : row_memory_(size_t{1} << 16), shown_memory_(size_t{1} << 14) {}

  // Pools `values` as keys [begin, ...) of a row of `keys`, at both ends of guarded memory, and compares.
  void Check(ElementType type, const std::vector<float>& values, const std::vector<uint8_t>& shown, size_t begin,
             size_t keys, size_t columns, const std::string& what) {
    const KeyRange range = {begin, begin + values.size()};
    const size_t bytes = values.size() * ElementBytes(type);
    for (const bool at_end : {true, false}) {
      void* const row = at_end ? row_memory_.PlaceAtEnd(bytes) : row_memory_.PlaceAtFront(bytes);
      StoreElements(type, values, row);
      uint8_t* mask = nullptr;
      if (!shown.empty()) {
        mask = static_cast<uint8_t*>(at_end ? shown_memory_.PlaceAtEnd(shown.size())
                                            : shown_memory_.PlaceAtFront(shown.size()));
        std::copy(shown.begin(), shown.end(), mask);
      }
      // Old cells: hidden, smaller, larger and bad ones.
      std::vector<float> cells(columns);
      for (size_t i = 0; i < columns; ++i) cells[i] = std::vector<float>{-1.0f, 0.01f, 1e30f, kNan, 0.0f}[i % 5];
      const std::vector<float> expected = Expected(type, row, range, shown, keys, cells);
      PoolRow(row, type, range, mask, {cells.data(), columns, keys});
      for (size_t i = 0; i < columns; ++i) {
        ASSERT_TRUE(std::isnan(cells[i]) == std::isnan(expected[i]) &&
                    (std::isnan(cells[i]) || cells[i] == expected[i]))
            << what << ", " << NameOf(type) << ": cell " << i << " is " << cells[i] << ", not " << expected[i];
      }
    }
  }

  static std::vector<float> Expected(ElementType type, const void* row, const KeyRange& range,
                                     const std::vector<uint8_t>& shown, size_t keys, std::vector<float> cells) {
    for (size_t key = range.begin; key < range.end; ++key) {
      if (!shown.empty() && shown[key - range.begin] == 0) continue;
      size_t cell = 0;
      while ((cell + 1) * keys / cells.size() <= key) ++cell;
      const long double weight = LoadElement(type, row, key - range.begin);
      if (std::isnan(cells[cell])) continue;
      if (!(weight >= 0.0L) || std::isinf(weight)) {
        cells[cell] = kNan;
      } else {
        cells[cell] = std::max(cells[cell], static_cast<float>(weight));
      }
    }
    return cells;
  }

  GuardedBuffer row_memory_;
  GuardedBuffer shown_memory_;
};
ATTNSCOPE_FOR_EACH_TARGET(PoolRowTest);

std::vector<float> Weights(Random& random, size_t count) {
  std::vector<float> weights(count);
  for (float& weight : weights) weight = static_cast<float>(random.Uniform());
  return weights;
}

TEST_P(PoolRowTest, EveryLengthAndCut) {
  Random random(1);
  for (const ElementType type : kAllTypes) {
    for (size_t keys = 1; keys <= 300; keys += 1 + keys / 40) {
      for (const size_t columns : {size_t{1}, size_t{3}, size_t{64}, keys}) {
        if (columns > keys) continue;
        const size_t begin = random.Below(keys);
        const size_t count = random.Below(keys - begin + 1);
        Check(type, Weights(random, count), {}, begin, keys, columns, std::to_string(keys) + " keys");
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(PoolRowTest, WeightsThatAreNone) {
  Random random(2);
  for (const ElementType type : kAllTypes) {
    for (const float bad : {kNan, -kNan, kInfinity, -kInfinity, -0.25f, -0.0f, 65504.0f}) {
      for (size_t place = 0; place < 140; place += 3) {
        std::vector<float> weights = Weights(random, 140);
        weights[place] = bad;
        for (const size_t columns : {size_t{1}, size_t{7}, size_t{140}}) {
          Check(type, weights, {}, 0, 140, columns, std::to_string(bad) + " at " + std::to_string(place));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(PoolRowTest, HiddenKeysAreNotLookedAt) {
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    const size_t keys = 1 + random.Below(200);
    const size_t begin = random.Below(keys);
    const size_t count = random.Below(keys - begin + 1);
    std::vector<float> weights = Weights(random, count);
    std::vector<uint8_t> shown(count);
    const size_t run = 1 + random.Below(30);
    for (size_t i = 0; i < count; ++i) {
      shown[i] = (i / run) % 2 == 0 || random.Below(5) == 0 ? static_cast<uint8_t>(1 + random.Below(255)) : 0;
      if (shown[i] == 0) weights[i] = random.Below(2) == 0 ? kNan : -1.0f;
    }
    if (count == 0) shown.assign(1, 0);
    Check(kAllTypes[random.Below(3)], weights, shown, begin, keys, 1 + random.Below(keys), "round");
    if (HasFatalFailure()) return;
  }
}

TEST(Cells, ShareAllKeys) {
  for (const size_t keys : {1u, 2u, 5u, 63u, 64u, 65u, 1000u}) {
    for (size_t cells = 1; cells <= std::min<size_t>(keys, 64); ++cells) {
      EXPECT_EQ(FirstOfCell(0, cells, keys), 0u);
      EXPECT_EQ(FirstOfCell(cells, cells, keys), keys);
      for (size_t key = 0; key < keys; ++key) {
        const size_t cell = CellOf(key, cells, keys);
        ASSERT_TRUE(FirstOfCell(cell, cells, keys) <= key && key < FirstOfCell(cell + 1, cells, keys))
            << key << " of " << keys << " in " << cells;
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::test
