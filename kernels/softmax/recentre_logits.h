// SPDX-License-Identifier: Apache-2.0
//
// The careful path for the few rows whose logits are too large for the sums of two float32 that a bias or a soft cap
// makes of them: a padded query, say, all of whose keys have a bias of -1e9.
#ifndef ATTNSCOPE_KERNELS_SOFTMAX_RECENTRE_LOGITS_H_
#define ATTNSCOPE_KERNELS_SOFTMAX_RECENTRE_LOGITS_H_

#include <cmath>
#include <cstddef>

#include "kernels/softmax/softmax_rows.h"

namespace attnscope {

// What the rest of a row's measures needs of the s_j that are not -infinity. Zeros if the row is invalid or if there is
// none.
struct RecentredLogits {
  bool valid = true;    // no s_j is NaN or +infinity
  double centre = 0.0;  // the largest s_j
  double sum = 0.0;
  double squares = 0.0;
  double max_abs = 0.0;
  double max = -HUGE_VAL;
};

// Fills high[j] + low[j] = s_j - centre for j in [0, keys), for any finite x_j, scale, soft cap and bias: the largest
// is 0, those below -10^6 may be -10^6, and those of -infinity stay. An invalid row's stay what they were.
//
// Differences are taken of the x_j and of the biases before they are scaled and added, so what all keys share, however
// large, costs no digit: those that a softmax sees (above -100) are off by at most 2^-50 of the larger of their two
// terms. O(keys), in float64 and without SIMD; allocates nothing.
RecentredLogits RecentreLogits(const SoftmaxRow& row, const LogitScale& scale, float* high, float* low);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_RECENTRE_LOGITS_H_
