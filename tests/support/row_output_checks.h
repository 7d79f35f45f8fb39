// SPDX-License-Identifier: Apache-2.0
//
// What each row measures, in long double and one row at a time, and buffers of any strides to compare with it.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ROW_OUTPUT_CHECKS_H_
#define ATTNSCOPE_TESTS_SUPPORT_ROW_OUTPUT_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/query_key_view.h"
#include "attnscope/row_outputs.h"
#include "attnscope/softmax_params.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {

// Outputs of rows [batch, heads, queries], each in a buffer of its own with room for more than the rows take.
class RowBuffers {
 public:
  struct Shape {
    size_t batch = 1;
    size_t heads = 1;
    size_t queries = 1;
  };

  // Contiguous, of double and int64_t.
  explicit RowBuffers(const Shape& shape);
  // With gaps, dimensions in any order and some of them backwards; of float and int32_t where `narrow`.
  RowBuffers(const Shape& shape, bool narrow, Random& random);

  // All outputs, of the rows from `first_row` on.
  RowOutputs From(size_t first_row);
  RowOutputs All() { return From(0); }
  // Output `index` of a row: those of kRowOutputs, then the top masses.
  double Get(size_t index, size_t sequence, size_t head, size_t row) const;
  // All numbers, output by output, row by row.
  std::vector<double> Numbers() const;
  // Whether nothing but the rows' elements was written, and all of these.
  bool OnlyRowsWritten() const;

  static constexpr size_t kOutputs = kRowOutputs.size() + 3;
  static std::string NameOf(size_t index);
  static bool IsWholeNumber(size_t index) { return index < kRowOutputs.size() && kRowOutputs[index].is_whole_number; }

 private:
  void Allocate();
  size_t Element(size_t sequence, size_t head, size_t row) const;
  double Load(size_t index, size_t element) const;
  bool IsUnwritten(size_t index, size_t element) const;

  Shape shape_;
  bool narrow_ = false;
  int64_t strides_[3] = {};  // of batch, heads, queries
  int64_t first_ = 0;        // element of row [0, 0, 0]
  size_t elements_ = 0;
  std::vector<std::vector<double>> memory_;  // [output]: `elements_` elements of its type
};

// Compares the outputs of every row of a view with the oracle.
void ExpectExactRows(const AttentionView& weights, const Visibility& visibility, const RowBuffers& rows,
                     const std::string& what);
void ExpectExactRowsOfLogits(const AttentionView& logits, const SoftmaxParams& params, const RowBuffers& rows,
                             const std::string& what);
void ExpectExactRows(const QueryKeyView& view, const SoftmaxParams& params, const RowBuffers& rows,
                     const std::string& what);

// The same numbers, bit for bit, where `actual` is rounded to float if it is narrow.
void ExpectSameRows(const RowBuffers& actual, const RowBuffers& expected, bool narrow, const std::string& what);
// All but some outputs.
void ExpectSameRows(const RowBuffers& actual, const RowBuffers& expected, bool narrow,
                    const std::vector<std::string>& without, const std::string& what);

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_ROW_OUTPUT_CHECKS_H_
