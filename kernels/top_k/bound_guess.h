// SPDX-License-Identifier: Apache-2.0
//
// What the largest weights of rows tell about those of the next rows. No SIMD here: shared by all targets of the sweep.
#ifndef ATTNSCOPE_KERNELS_TOP_K_BOUND_GUESS_H_
#define ATTNSCOPE_KERNELS_TOP_K_BOUND_GUESS_H_

#include <stddef.h>
#include <stdint.h>

#include "hwy/base.h"
#include "kernels/top_k/row_selection.h"

namespace attnscope {

// How the guess turned out in the first tiles of a block's rows, and what these rows show.
struct GuessOutcome {
  size_t rows = 0;
  size_t missed = 0;  // rows that needed another guess, or other means
  size_t failed = 0;  // rows that needed other means
  // Bit patterns of the last of each row's list, and how much more the one is that guesses are made from (ListSize);
  // sums over all rows.
  uint64_t bounds = 0;
  uint64_t steps = 0;
};

// A weight that a few more weights of a row's first tile than are kept are likely to be above, as a bit pattern, which
// is about a logarithm. A wrong guess costs time, never a result. Zeroed: there is no guess yet.
struct BoundGuess {
  uint32_t bits;
  uint32_t step;  // see GuessOutcome::steps
  uint32_t known;
  uint32_t pause;       // blocks to go without a guess
  uint32_t last_pause;  // how long it was when guessing failed last

  // Where rows have more weights equal to the last of their list, none is above that and below the others.
  bool Usable() const { return known != 0 && pause == 0 && (step != 0 || bits == 0); }

  // A better guess for a row of which `count` weights are above `bound`, if their number is a power of it.
  uint32_t Corrected(const ListSize& list, uint32_t bound, size_t count) const {
    const float ratio = list.aim / HWY_MAX(static_cast<float>(count), 0.5f);
    int32_t pattern;
    hwy::CopyBytes<sizeof(pattern)>(&ratio, &pattern);
    const double steps = (pattern - 0x3F800000) / (8388608.0 * list.log2_of_step);
    const double corrected = static_cast<double>(bound) - steps * static_cast<double>(step);
    return static_cast<uint32_t>(HWY_MIN(HWY_MAX(corrected, 0.0), 2139095040.0));
  }

  // After the first tiles of a block. Where half of the rows were missed, or an eighth of them failed, guessing pauses,
  // each time for longer: rows that have nothing in common pay for it in one of 32 blocks.
  void Observe(const ListSize& list, const GuessOutcome& outcome) {
    constexpr uint32_t kLongestPause = 31;
    if (outcome.rows == 0) return;
    if (pause > 0) {
      --pause;
    } else if (known != 0) {
      const bool in_vain = 2 * outcome.missed > outcome.rows || 8 * outcome.failed > outcome.rows;
      last_pause = in_vain ? HWY_MIN(2 * last_pause + 1, kLongestPause) : 0;
      pause = last_pause;
    }
    step = static_cast<uint32_t>(outcome.steps / outcome.rows);
    bits = Corrected(list, static_cast<uint32_t>(outcome.bounds / outcome.rows), list.kept);
    known = 1;
  }
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_BOUND_GUESS_H_
