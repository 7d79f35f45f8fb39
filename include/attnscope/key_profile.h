// SPDX-License-Identifier: Apache-2.0
//
// How much attention each key of a layer receives, by its position: where sinks are, and what a cache may forget.
//
//   std::vector<double> column_sums(heads * keys);  // of the heads of an open sequence
//   const std::vector<double> rows(heads, queries);  // all of which were measured
//   for (size_t head = 0; head < heads; ++head) {
//     status = accumulator.ColumnSums(/*sequence=*/0, head, {&column_sums[head * keys], keys});
//   }
//   attnscope::KeyProfile profile;
//   status = attnscope::MakeKeyProfile(/*layer=*/3, column_sums, rows, &profile);
#ifndef ATTNSCOPE_KEY_PROFILE_H_
#define ATTNSCOPE_KEY_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/status.h"

namespace attnscope {

// Shares of attention: what a key receives from a mean row, 0 to 1, so that the keys of a head sum to 1 where its rows
// do. NaN: nothing was measured.
struct KeyProfile {
  int64_t layer = 0;
  size_t heads = 0;             // that the mean is over: those with rows
  std::vector<double> mean;     // [keys], over heads
  int64_t largest_head = -1;    // the head that gives one key the most, the first of equals; -1: not told
  std::vector<double> largest;  // [keys], of that head; empty where it is not told
};

// From the column sums [heads, keys] of a layer's matrices, which may be added over sequences, and from the number of
// rows [heads] that were added, of all those sequences. A head without rows is left out. One head is no largest of
// several: largest_head is then -1. Errors: kInvalidArgument for no heads, a number of sums that is no multiple of that
// of the heads, or a number of rows or a sum that is negative, NaN or infinite; `*out` is then unchanged.
// Thread-safe. O(heads * keys); the result is allocated: it throws std::bad_alloc if there is no memory for that.
ATTNSCOPE_EXPORT Status MakeKeyProfile(int64_t layer, std::span<const double> column_sums, std::span<const double> rows,
                                       KeyProfile* out);

}  // namespace attnscope

#endif  // ATTNSCOPE_KEY_PROFILE_H_
