// SPDX-License-Identifier: Apache-2.0
//
// Squares of rows, by the code that measures residual streams and gradients.
#include "attnscope/kernels.h"
#include "kernels/norms.h"
#include "kernels/plain_rows/row_checks.h"

namespace attnscope::kernels {

Status SquaredNorm(const Rows& numbers, double* squares) {
  Status status = CheckRows("numbers", numbers, {{"squares", squares, numbers.rows}});
  if (status.ok()) {
    SumRowSquares({numbers.data, numbers.row_stride}, numbers.type, numbers.rows, numbers.columns, squares);
  }
  return status;
}

Status SquaredDistance(const Rows& from, const Rows& to, double* squares) {
  Status status = CheckRows("from", from, {{"squares", squares, from.rows}});
  if (status.ok()) status = CheckRows("to", to, {});
  if (status.ok()) status = CheckSameShape(from, to);
  if (status.ok()) {
    SumRowDistances({from.data, from.row_stride}, {to.data, to.row_stride}, from.type, from.rows, from.columns,
                    squares);
  }
  return status;
}

}  // namespace attnscope::kernels
