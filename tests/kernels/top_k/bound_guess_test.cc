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
  guess.Observe(kUsualList, GuessOutcome());
  EXPECT_FALSE(guess.Usable()) << "a block of short rows shows nothing";
  guess.Observe(kUsualList, Rows(16, Pattern(0.01), Pattern(0.02)));
  EXPECT_TRUE(guess.Usable());
  guess.Observe(kUsualList, Rows(16, Pattern(0.01), Pattern(0.01)));
  EXPECT_FALSE(guess.Usable()) << "equal weights have no guess between them";
  guess.Observe(kUsualList, Rows(16, 0, 0));
  EXPECT_TRUE(guess.Usable()) << "but zeros do, below all others";
}

// Of weights r^-a, r = 1, 2, ..., about as many as the list aims at are above the guess, whatever the power.
TEST(BoundGuessTest, PowersOfTheRank) {
  struct Case {
    ListSize list;
    double least, most;                      // above the first guess
    double least_corrected, most_corrected;  // and above a corrected one
  };
  for (const auto& [list, least, most, least_corrected, most_corrected] :
       {Case{kUsualList, 64.0, 82.0, 50.0, 105.0}, Case{kLongList, 72.0, 104.0, 50.0, 132.0}}) {
    EXPECT_NEAR(list.log2_of_step, std::log2(static_cast<double>(list.kept) / static_cast<double>(list.guess_from)),
                1e-4);
    for (const double power : {0.1, 0.5, 1.0, 2.0, 5.0}) {
      const auto at = [power](size_t rank) { return Pattern(std::pow(static_cast<double>(rank), -power)); };
      BoundGuess guess = {};
      guess.Observe(list, Rows(16, at(list.kept), at(list.guess_from)));
      const double above = std::pow(Weight(guess.bits), -1.0 / power);
      EXPECT_GT(above, least) << power;
      EXPECT_LT(above, most) << power;
      // From any number of weights that are above a bound, back to the aim.
      for (const size_t count : {size_t{10}, size_t{49}, size_t{129}, size_t{500}}) {
        const double corrected = std::pow(Weight(guess.Corrected(list, at(count), count)), -1.0 / power);
        EXPECT_GT(corrected, least_corrected) << power << ", " << count;
        EXPECT_LT(corrected, most_corrected) << power << ", " << count;
      }
    }
  }
}

TEST(BoundGuessTest, StaysAPattern) {
  BoundGuess guess = {};
  guess.step = UINT32_MAX;
  EXPECT_EQ(guess.Corrected(kUsualList, 100, 0), 0U);
  EXPECT_EQ(guess.Corrected(kUsualList, UINT32_MAX, SIZE_MAX), Pattern(INFINITY));
  guess.step = 0;
  EXPECT_EQ(guess.Corrected(kUsualList, 12345, 0), 12345U) << "equal weights leave nowhere to go";
}

TEST(BoundGuessTest, PausesWhereItFails) {
  BoundGuess guess = {};
  const GuessOutcome good = Rows(16, Pattern(0.01), Pattern(0.02));
  GuessOutcome missed = good;
  missed.missed = 9;
  GuessOutcome failed = good;
  failed.missed = failed.failed = 3;
  guess.Observe(kUsualList, good);
  for (const GuessOutcome& bad : {missed, failed}) {
    uint32_t pause = 1;
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(guess.Usable());
      guess.Observe(kUsualList, bad);
      for (uint32_t block = 0; block < pause; ++block) {
        EXPECT_FALSE(guess.Usable()) << i << ", block " << block << " of " << pause;
        guess.Observe(kUsualList, good);
      }
      pause = pause < 31 ? 2 * pause + 1 : 31;
    }
    EXPECT_TRUE(guess.Usable());
    guess.Observe(kUsualList, good);  // and the next pause is short again
  }
  missed.missed = 8;
  failed.missed = failed.failed = 2;
  guess.Observe(kUsualList, missed);
  EXPECT_TRUE(guess.Usable()) << "half of the rows may be missed";
  guess.Observe(kUsualList, failed);
  EXPECT_TRUE(guess.Usable()) << "and an eighth may fail";
}

}  // namespace
}  // namespace attnscope::test
