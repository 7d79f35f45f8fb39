// SPDX-License-Identifier: Apache-2.0
//
// Which keys a row sees, as plainly as Visibility says it: one question for each key, asked field by field in 128-bit
// integers. Nothing here knows of ranges of keys, and nothing is shared with the kernels.
#ifndef ATTNSCOPE_TESTS_SUPPORT_VISIBILITY_ORACLE_H_
#define ATTNSCOPE_TESTS_SUPPORT_VISIBILITY_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnscope/visibility.h"

namespace attnscope::test {

// A view's matrices: what the defaults of Visibility depend on.
struct MatrixSizes {
  size_t queries = 0;
  size_t keys = 0;
};

// Whether row `row` of matrix [sequence, head] of the view sees key `key`.
bool Sees(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence, size_t head, size_t row, size_t key);

// Where key `key` of a sequence counts among the columns: its position. -1: nowhere, it is an empty cell.
int64_t ColumnOf(const Visibility& visibility, size_t sequence, size_t key);
// The column that is a sequence's first token.
size_t FirstColumnOf(const Visibility& visibility, size_t sequence);

// The keys of one row.
struct SeenKeys {
  std::vector<size_t> keys;     // that it sees, ascending
  std::vector<size_t> columns;  // where they count
  size_t end = 0;               // one more than the last column that it may see, but for the byte mask; 0: none
};

SeenKeys SeenKeysOf(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence, size_t head, size_t row);

// Position 0 of the view's rows among the keys, with the default resolved.
__int128 OffsetOf(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence);

// What rows [first, first + count) of a view see, as a view of their own, which has the same keys. With positions of
// each sequence the offset must have been given. `query_lengths` [batch] keeps the lengths, where there are any.
Visibility VisibilityOfRows(const Visibility& visibility, const MatrixSizes& whole, size_t first, size_t count,
                            std::span<int64_t> query_lengths = {});

// For messages.
std::string TextOf(const Visibility& visibility, size_t batch);

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_VISIBILITY_ORACLE_H_
