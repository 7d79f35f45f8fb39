// SPDX-License-Identifier: Apache-2.0
//
// The guess of what a row's 50 largest weights are above: where it leads, and when it pauses.
#include "kernels/top_k/bound_guess.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace attnscope::test {
namespace {

uint32_t Pattern(double weight) {
  const auto rounded = static_cast<float>(weight);
  uint32_t bits;
  std::memcpy(&bits, &rounded, sizeof(bits));
  return bits;
}

double Weight(uint32_t bits) {
  float weight;
  std::memcpy(&weight, &bits, sizeof(weight));
  return static_cast<double>(weight);
}

GuessOutcome Rows(size_t rows, uint32_t bound, uint32_t upper) {
  GuessOutcome outcome;
  outcome.rows = rows;
  outcome.bounds = rows * uint64_t{bound};
  outcome.steps = rows * uint64_t{upper - bound};
  return outcome;
}

TEST(BoundGuessTest, NoneBeforeTheFirstBlock) {
  BoundGuess guess = {};
  EXPECT_FALSE(guess.Usable());
  guess.Observe(GuessOutcome());
  EXPECT_FALSE(guess.Usable()) << "a block of short rows shows nothing";
  guess.Observe(Rows(16, Pattern(0.01), Pattern(0.02)));
  EXPECT_TRUE(guess.Usable());
  guess.Observe(Rows(16, Pattern(0.01), Pattern(0.01)));
  EXPECT_FALSE(guess.Usable()) << "equal weights have no guess between them";
  guess.Observe(Rows(16, 0, 0));
  EXPECT_TRUE(guess.Usable()) << "but zeros do, below all others";
}

// Of weights r^-a, r = 1, 2, ..., about 72 are above the guess, whatever the power.
TEST(BoundGuessTest, PowersOfTheRank) {
  for (const double power : {0.1, 0.5, 1.0, 2.0, 5.0}) {
    BoundGuess guess = {};
    guess.Observe(Rows(16, Pattern(std::pow(50.0, -power)), Pattern(std::pow(35.0, -power))));
    const double above = std::pow(Weight(guess.bits), -1.0 / power);
    EXPECT_GT(above, 64.0) << power;
    EXPECT_LT(above, 82.0) << power;
    // From any number of weights that are above a bound, back to 72.
    for (const size_t count : {size_t{10}, size_t{49}, size_t{129}, size_t{500}}) {
      const uint32_t bound = Pattern(std::pow(static_cast<double>(count), -power));
      const double corrected = std::pow(Weight(guess.Corrected(bound, count)), -1.0 / power);
      EXPECT_GT(corrected, 50.0) << power << ", " << count;
      EXPECT_LT(corrected, 105.0) << power << ", " << count;
    }
  }
}

TEST(BoundGuessTest, StaysAPattern) {
  BoundGuess guess = {};
  guess.step = UINT32_MAX;
  EXPECT_EQ(guess.Corrected(100, 0), 0U);
  EXPECT_EQ(guess.Corrected(UINT32_MAX, SIZE_MAX), Pattern(INFINITY));
  guess.step = 0;
  EXPECT_EQ(guess.Corrected(12345, 0), 12345U) << "equal weights leave nowhere to go";
}

TEST(BoundGuessTest, PausesWhereItFails) {
  BoundGuess guess = {};
  const GuessOutcome good = Rows(16, Pattern(0.01), Pattern(0.02));
  GuessOutcome missed = good;
  missed.missed = 9;
  GuessOutcome failed = good;
  failed.missed = failed.failed = 3;
  guess.Observe(good);
  for (const GuessOutcome& bad : {missed, failed}) {
    uint32_t pause = 1;
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(guess.Usable());
      guess.Observe(bad);
      for (uint32_t block = 0; block < pause; ++block) {
        EXPECT_FALSE(guess.Usable()) << i << ", block " << block << " of " << pause;
        guess.Observe(good);
      }
      pause = pause < 31 ? 2 * pause + 1 : 31;
    }
    EXPECT_TRUE(guess.Usable());
    guess.Observe(good);  // and the next pause is short again
  }
  missed.missed = 8;
  failed.missed = failed.failed = 2;
  guess.Observe(missed);
  EXPECT_TRUE(guess.Usable()) << "half of the rows may be missed";
  guess.Observe(failed);
  EXPECT_TRUE(guess.Usable()) << "and an eighth may fail";
}

}  // namespace
}  // namespace attnscope::test
