// SPDX-License-Identifier: Apache-2.0
#include "kernels/key_scores/choose_keys.h"

#include <algorithm>
#include <functional>

namespace attnscope {
namespace {

// Keys [begin, end) are chosen by score, `heavy` of them; all others are.
struct Contest {
  size_t begin;
  size_t end;
  size_t heavy;

  Contest(size_t keys, const KeyChoice& choice) {
    begin = std::min(choice.first, keys);
    end = keys - std::min(choice.recent, keys - begin);
    heavy = std::min(choice.heavy, end - begin);
  }
};

}  // namespace

size_t NumChosen(size_t keys, const KeyChoice& choice) {
  const Contest contest(keys, choice);
  return keys - (contest.end - contest.begin) + contest.heavy;
}

void ChooseKeys(std::span<const double> scores, const KeyChoice& choice, double* scratch, size_t* chosen) {
  const Contest contest(scores.size(), choice);
  for (size_t key = 0; key < contest.begin; ++key) *chosen++ = key;
  if (contest.heavy != 0) {
    // The least score that is chosen, and how many have just that.
    const size_t keys = contest.end - contest.begin;
    std::copy(scores.begin() + static_cast<ptrdiff_t>(contest.begin),
              scores.begin() + static_cast<ptrdiff_t>(contest.end), scratch);
    std::nth_element(scratch, scratch + contest.heavy - 1, scratch + keys, std::greater<>());
    const double least = scratch[contest.heavy - 1];
    auto equal = static_cast<size_t>(std::count(scratch, scratch + contest.heavy, least));
    for (size_t key = contest.begin; key < contest.end; ++key) {
      if (scores[key] < least) continue;
      if (scores[key] == least && equal-- == 0) {
        equal = 0;
        continue;
      }
      *chosen++ = key;
    }
  }
  for (size_t key = contest.end; key < scores.size(); ++key) *chosen++ = key;
}

}  // namespace attnscope
