/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels by themselves, from C: each function gives what its C++ function gives, of rows whose numbers are known.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/c_interface/c_test.h"

/* Three rows of four: uniform, two keys, and invalid. */
static const float kRows[3][4] = {{0.25f, 0.25f, 0.25f, 0.25f}, {0.0f, 0.75f, 0.25f, 0.0f}, {NAN, 0.0f, 0.0f, 0.0f}};

static AttnscopeRows RowsView(const void* data) {
  AttnscopeRows rows = {.struct_size = sizeof rows};
  CHECK_OK(AttnscopeContiguousRows(data, ATTNSCOPE_FLOAT32, 3, 4, &rows));
  CHECK(rows.data == data && rows.rows == 3 && rows.columns == 4 && rows.row_stride == 4);
  return rows;
}

static int AreNear(const double* values, double first, double second) {
  return IsNear(values[0], first) && IsNear(values[1], second) && isnan(values[2]);
}

static void TestEachRow(const AttnscopeRows* rows) {
  const double entropy_of_two = -0.75 * log(0.75) - 0.25 * log(0.25);
  double numbers[3];
  CHECK_OK(AttnscopeRowEntropy(rows, numbers));
  CHECK(AreNear(numbers, log(4.0), entropy_of_two));
  CHECK_OK(AttnscopeRowExpEntropy(rows, numbers));
  CHECK(AreNear(numbers, 4.0, exp(entropy_of_two)));
  CHECK_OK(AttnscopeRowMax(rows, numbers));
  CHECK(AreNear(numbers, 0.25, 0.75));
  CHECK_OK(AttnscopeTopKMass(rows, 2, numbers));
  CHECK(AreNear(numbers, 0.5, 1.0));
  float values[3][2];
  uint32_t indices[3][2];
  CHECK_OK(AttnscopeTopK(rows, 2, values[0], indices[0]));
  CHECK(values[0][1] == 0.25f && indices[0][0] == 0 && indices[0][1] == 1);
  CHECK(values[1][0] == 0.75f && indices[1][0] == 1 && values[1][1] == 0.25f && indices[1][1] == 2);
  CHECK(isnan(values[2][0]) && indices[2][0] == ATTNSCOPE_NO_INDEX);
  CHECK_INVALID(AttnscopeTopK(rows, ATTNSCOPE_MAX_TOP_K + 1, values[0], indices[0]), "k is 1025, expected 1 to 1024");
}

static void TestColumns(const AttnscopeRows* rows) {
  double columns[4];
  size_t invalid = 0;
  CHECK_OK(AttnscopeColumnSums(rows, columns, &invalid));
  CHECK(invalid == 1 && columns[0] == 0.25 && columns[1] == 1.0 && columns[2] == 0.5 && columns[3] == 0.25);
  CHECK_OK(AttnscopeColumnMax(rows, columns, NULL));
  CHECK(columns[0] == 0.25 && columns[1] == 0.75 && columns[2] == 0.25 && columns[3] == 0.25);
}

static void TestAllInOnePass(const AttnscopeRows* rows) {
  double entropy[3], exponential[3], sum[3], max[3], top[3][3], columns[4];
  AttnscopeRowMeasures measures = {.struct_size = sizeof measures,
                                   .entropy_nats = entropy,
                                   .exp_entropy = exponential,
                                   .sum = sum,
                                   .max = max,
                                   .top_mass = {top[0], top[1], top[2]},
                                   .column_sums = columns};
  const size_t bytes = AttnscopeMeasureRowsBytes(4);
  void* workspace = malloc(bytes);
  CHECK_OK(AttnscopeMeasureRows(rows, workspace, bytes, &measures));
  CHECK(IsNear(entropy[0], log(4.0)) && IsNear(exponential[0], 4.0) && isnan(entropy[2]) && isnan(exponential[2]));
  CHECK(AreNear(sum, 1.0, 1.0) && AreNear(max, 0.25, 0.75) && AreNear(top[0], 1.0, 1.0) && AreNear(top[1], 1.0, 1.0));
  CHECK(AreNear(top[2], 1.0, 1.0) && columns[1] == 1.0);
  measures.top_k = (AttnscopeTopKValues){3, 0, {1, 2, 1024}};
  CHECK_OK(AttnscopeMeasureRows(rows, workspace, bytes, &measures));
  CHECK(AreNear(top[0], 0.25, 0.75) && AreNear(top[1], 0.5, 1.0) && AreNear(top[2], 1.0, 1.0));
  measures.top_k.values[1] = 1025;
  CHECK_INVALID(AttnscopeMeasureRows(rows, workspace, bytes, &measures),
                "measures.top_k has the value 1025, expected 1 to 1024");
  measures.top_k.num_values = 9;
  CHECK_INVALID(AttnscopeMeasureRows(rows, workspace, bytes, &measures),
                "measures->top_k.num_values is 9, expected 0 to 8");
  measures.top_k.num_values = 0;
  CHECK_INVALID(AttnscopeMeasureRows(rows, workspace, bytes - 1, &measures), "workspace_bytes is ");
  CHECK_INVALID(AttnscopeMeasureRows(rows, NULL, bytes, &measures), "workspace is null");
  free(workspace);
}

static void TestSoftmax(void) {
  const float logits[3][4] = {
      {2.0f, 2.0f, 2.0f, 2.0f}, {-INFINITY, 1.0f, 1.0f, -INFINITY}, {0.0f, INFINITY, 0.0f, 0.0f}};
  const AttnscopeRows rows = RowsView(logits);
  double entropy[3], logsumexp[3];
  float values[3];
  uint32_t indices[3];
  const AttnscopeSoftmaxOutputs outputs = {sizeof outputs, 0, entropy, logsumexp, 1, values, indices};
  CHECK_OK(AttnscopeSoftmaxEntropy(&rows, 0.5, &outputs));
  CHECK(AreNear(entropy, log(4.0), log(2.0)) && AreNear(logsumexp, 1.0 + log(4.0), 0.5 + log(2.0)));
  CHECK(values[0] == 2.0f && indices[0] == 0 && values[1] == 1.0f && indices[1] == 1);
  CHECK(isnan(values[2]) && indices[2] == ATTNSCOPE_NO_INDEX);
  CHECK_INVALID(AttnscopeSoftmaxEntropy(&rows, 0.0, &outputs), "scale is 0.0");
}

static void TestSquares(void) {
  const float from[3][4] = {{1.0f, 2.0f, 0.0f, 2.0f}, {0.0f}, {3e38f}};
  const float to[3][4] = {{0.0f, 2.0f, 2.0f, 2.0f}, {0.0f}, {-3e38f}};
  const AttnscopeRows from_rows = RowsView(from);
  const AttnscopeRows to_rows = RowsView(to);
  double squares[3];
  CHECK_OK(AttnscopeSquaredNorm(&from_rows, squares));
  CHECK(squares[0] == 9.0 && squares[1] == 0.0 && isfinite(squares[2]));
  CHECK_OK(AttnscopeSquaredDistance(&from_rows, &to_rows, squares));
  CHECK(squares[0] == 5.0 && squares[1] == 0.0 && isfinite(squares[2]));
  CHECK_INVALID(AttnscopeSquaredDistance(&from_rows, NULL, squares), "to is null");
}

void TestKernels(void) {
  const AttnscopeRows rows = RowsView(kRows);
  TestEachRow(&rows);
  TestColumns(&rows);
  TestAllInOnePass(&rows);
  TestSoftmax();
  TestSquares();
  double numbers[3];
  CHECK_INVALID(AttnscopeRowEntropy(NULL, numbers), "weights is null");
  CHECK_INVALID(AttnscopeRowEntropy(&rows, NULL), "entropy_nats is null, but there are 3 of it");
}
