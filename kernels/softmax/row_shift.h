// SPDX-License-Identifier: Apache-2.0
//
// What a softmax subtracts from a row's logits. No SIMD here: shared by all targets.
#ifndef ATTNSCOPE_KERNELS_SOFTMAX_ROW_SHIFT_H_
#define ATTNSCOPE_KERNELS_SOFTMAX_ROW_SHIFT_H_

#include <math.h>

namespace attnscope {

// What is subtracted from a row's logits: the largest of them, rounded to a multiple of the last place of all logits
// that matter, so that the rounding error of x - shift is exactly x - ((x - shift) + shift) (Dekker 1971). A softmax
// does not mind that it is off the largest by a few last places.
struct RowShift {
  float shift = 0.0f;
  float least = 0.0f;  // differences below count as this one; their weights are zero

  RowShift(float max, double scale) {
    // Differences beyond this many logits have no weight.
    const double reach = 90.0 / scale;
    least = static_cast<float>(-reach);
    shift = max;
    const double magnitude = fabs(static_cast<double>(max));
    // Else all logits within reach are within a factor of two of the largest, and differences are exact (Sterbenz).
    if (magnitude >= 2.0 * reach) return;
    const double last_place = ldexp(1.0, ilogb(magnitude + reach) - 23);
    shift = static_cast<float>(rint(static_cast<double>(max) / last_place) * last_place);
  }
};

struct ExpSums {
  double weights = 0.0;  // Z = sum_j exp(scale * (x_j - shift))
  double shifted = 0.0;  // sum_j (x_j - shift) exp(scale * (x_j - shift))
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_ROW_SHIFT_H_
