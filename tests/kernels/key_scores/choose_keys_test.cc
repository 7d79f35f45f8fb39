// SPDX-License-Identifier: Apache-2.0
//
// The keys that a cache keeps, against a sort of them all, with many equal scores.
#include "kernels/key_scores/choose_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

std::vector<size_t> SortedChoice(const std::vector<double>& scores, const KeyChoice& choice) {
  std::vector<size_t> middle, chosen;
  for (size_t key = 0; key < scores.size(); ++key) {
    const bool stays = key < choice.first || scores.size() - key <= choice.recent;
    (stays ? chosen : middle).push_back(key);
  }
  std::stable_sort(middle.begin(), middle.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  middle.resize(std::min(middle.size(), choice.heavy));
  chosen.insert(chosen.end(), middle.begin(), middle.end());
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

TEST(ChooseKeysTest, AsASortDoes) {
  Random random(1);
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    std::vector<double> scores(random.Below(round % 10 == 0 ? 300 : 20));
    const size_t values = 1 + random.Below(round % 2 == 0 ? 4 : 1000);
    for (double& score : scores) score = static_cast<double>(random.Below(values));
    const KeyChoice choice = {.heavy = random.Below(scores.size() + 3),
                              .first = random.Below(3) == 0 ? random.Below(scores.size() + 3) : 0,
                              .recent = random.Below(3) == 0 ? random.Below(scores.size() + 3) : 0};
    const std::vector<size_t> expected = SortedChoice(scores, choice);
    ASSERT_EQ(NumChosen(scores.size(), choice), expected.size());
    std::vector<double> scratch(scores.size());
    std::vector<size_t> chosen(expected.size() + 1, 12345);
    ChooseKeys(scores, choice, scratch.data(), chosen.data());
    EXPECT_EQ(chosen.back(), 12345u) << "nothing is written behind them";
    chosen.pop_back();
    EXPECT_EQ(chosen, expected) << "round " << round;
  }
}

TEST(ChooseKeysTest, NumbersBeyondTheKeys) {
  const KeyChoice all = {.heavy = SIZE_MAX, .first = SIZE_MAX, .recent = SIZE_MAX};
  EXPECT_EQ(NumChosen(0, all), 0u);
  EXPECT_EQ(NumChosen(7, all), 7u);
  EXPECT_EQ(NumChosen(7, {.first = 5, .recent = 5}), 7u);
  EXPECT_EQ(NumChosen(7, {.heavy = 1, .first = 2, .recent = 3}), 6u);
}

}  // namespace
}  // namespace attnscope::test
