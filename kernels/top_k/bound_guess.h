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

// Guesses extrapolate from a row's kTopK-th largest weight and this one.
inline constexpr size_t kGuessFrom = 35;

// How the guess turned out in the first tiles of a block's rows, and what these rows show.
struct GuessOutcome {
  size_t rows = 0;
  size_t missed = 0;  // rows that needed another guess, or other means
  size_t failed = 0;  // rows that needed other means
  // Bit patterns of each row's 50th largest weight, and how much more its 35th largest is; sums over all rows.
  uint64_t bounds = 0;
  uint64_t steps = 0;
};

// A weight that a few more than 50 weights of a row's first tile are likely to be above, as a bit pattern, which is
// about a logarithm. A wrong guess costs time, never a result. Zeroed: there is no guess yet.
struct BoundGuess {
  // As many weights as are to be above it: enough for chance to leave 50, and for one network of 96.
  static constexpr float kAim = 72.0f;

  uint32_t bits;
  uint32_t step;  // from the 50th to the 35th largest weight
  uint32_t known;
  uint32_t pause;       // blocks to go without a guess
  uint32_t last_pause;  // how long it was when guessing failed last

  // Where rows have more weights equal to their 50th, none is above that and below the others.
  bool Usable() const { return known != 0 && pause == 0 && (step != 0 || bits == 0); }

  // A better guess for a row of which `count` weights are above `bound`, if their number is a power of it.
  uint32_t Corrected(uint32_t bound, size_t count) const {
    const float ratio = kAim / HWY_MAX(static_cast<float>(count), 0.5f);
    int32_t pattern;
    hwy::CopyBytes<sizeof(pattern)>(&ratio, &pattern);
    constexpr double kLog2OfStep = 0.5146;  // log2(kTopK / kGuessFrom)
    static_assert(kTopK == 50 && kGuessFrom == 35);
    const double steps = (pattern - 0x3F800000) / (8388608.0 * kLog2OfStep);
    const double corrected = static_cast<double>(bound) - steps * static_cast<double>(step);
    return static_cast<uint32_t>(HWY_MIN(HWY_MAX(corrected, 0.0), 2139095040.0));
  }

  // After the first tiles of a block. Where half of the rows were missed, or an eighth of them failed, guessing pauses,
  // each time for longer: rows that have nothing in common pay for it in one of 32 blocks.
  void Observe(const GuessOutcome& outcome) {
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
    bits = Corrected(static_cast<uint32_t>(outcome.bounds / outcome.rows), kTopK);
    known = 1;
  }
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_BOUND_GUESS_H_
