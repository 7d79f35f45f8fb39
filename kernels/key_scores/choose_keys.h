// SPDX-License-Identifier: Apache-2.0
//
// Which keys a cache keeps.
#ifndef ATTNSCOPE_KERNELS_KEY_SCORES_CHOOSE_KEYS_H_
#define ATTNSCOPE_KERNELS_KEY_SCORES_CHOOSE_KEYS_H_

#include <cstddef>
#include <span>

#include "attnscope/key_scores.h"

namespace attnscope {

// How many of `keys` keys that is.
size_t NumChosen(size_t keys, const KeyChoice& choice);

// Fills chosen[0, NumChosen), ascending, from the scores of all keys, which are numbers. `scratch` is as large as
// `scores`. O(keys).
void ChooseKeys(std::span<const double> scores, const KeyChoice& choice, double* scratch, size_t* chosen);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_KEY_SCORES_CHOOSE_KEYS_H_
