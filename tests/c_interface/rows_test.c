/* SPDX-License-Identifier: Apache-2.0
 *
 * What each row measures, and what each key has received, in C. */
#include <stdint.h>

#include "tests/c_interface/c_test.h"

enum { kRows = kHeads * kQueries };

static AttnscopeRowBuffer Floats(float* to) {
  const AttnscopeRowBuffer buffer = {.data = to, .type = ATTNSCOPE_ROW_FLOAT32};
  return buffer;
}

/* Head 0 is uniform over four keys; head 1 looks at key 2 alone. */
static void CheckRows(const float* entropy, const double* top5, const int32_t* argmax, const int64_t* visible) {
  for (int row = 0; row < kRows; ++row) {
    const int uniform = row < kQueries;
    CHECK(IsNear((double)entropy[row], uniform ? log(4.0) : 0.0));
    CHECK(IsNear(top5[row], 1.0));
    CHECK(argmax[row] == (uniform ? 0 : 2));
    CHECK(visible[row] == kKeys);
  }
}

static void TestEachWayIn(void) {
  float entropy[kRows];
  double top5[kRows];
  int32_t argmax[kRows];
  int64_t visible[kRows];
  AttnscopeRowOutputs rows = {.struct_size = sizeof rows, .entropy = Floats(entropy)};
  rows.top_mass[0].data = top5;
  rows.top_mass[0].type = ATTNSCOPE_ROW_FLOAT64;
  rows.argmax.data = argmax;
  rows.argmax.type = ATTNSCOPE_ROW_INT32;
  rows.visible_keys.data = visible;
  rows.visible_keys.type = ATTNSCOPE_ROW_INT64;
  const AttnscopeAttentionView weights = WeightsView();
  AttnscopeAccumulator* accumulator = NewAccumulator();
  CHECK_OK(AttnscopeAccumulatorAddWeightsWithRows(accumulator, &weights, NULL, NULL, &rows));
  CheckRows(entropy, top5, argmax, visible);
  memset(entropy, 0xFF, sizeof entropy);
  CHECK_OK(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL));
  CheckRows(entropy, top5, argmax, visible);
  CHECK_OK(AttnscopeAccumulatorAddWeightsWithRows(accumulator, &weights, NULL, NULL, NULL));

  /* Logits whose softmax these weights are. */
  float logits[kHeads][kQueries][kKeys];
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kQueries; ++i) {
      for (int j = 0; j < kKeys; ++j) logits[h][i][j] = h == 0 ? 3.0f : j == 2 ? 900.0f : 0.0f;
    }
  }
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  CHECK_OK(AttnscopeContiguousAttention(logits, ATTNSCOPE_FLOAT32, 1, kHeads, kQueries, kKeys, &view));
  float logsumexp[kRows], max_logit[kRows];
  rows.logsumexp = Floats(logsumexp);
  rows.max_logit = Floats(max_logit);
  CHECK_OK(AttnscopeAccumulatorAddLogitsWithRows(accumulator, &view, NULL, NULL, &rows));
  CheckRows(entropy, top5, argmax, visible);
  CHECK(IsNear((double)logsumexp[0], 3.0 + log(4.0)) && logsumexp[kRows - 1] == 900.0f);
  CHECK(max_logit[0] == 3.0f && max_logit[kRows - 1] == 900.0f);
  memset(entropy, 0xFF, sizeof entropy);
  CHECK_OK(AttnscopeMeasureLogitRows(&view, NULL, &rows, NULL));
  CheckRows(entropy, top5, argmax, visible);

  /* Queries and keys whose products these logits are. */
  const float queries[kHeads][kQueries][2] = {{{1, 0}, {1, 0}, {1, 0}}, {{0, 1}, {0, 1}, {0, 1}}};
  const float keys[kKeys][2] = {{3, 0}, {3, 0}, {3, 900}, {3, 0}};
  AttnscopeQueryKeyView products = {.struct_size = sizeof products};
  CHECK_OK(AttnscopeContiguousQueryKey(queries, keys, ATTNSCOPE_FLOAT32, 1, kHeads, 1, kQueries, kKeys, 2, &products));
  const AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .scale = 1.0};
  CHECK_OK(AttnscopeAccumulatorAddQueriesKeysWithRows(accumulator, &products, &params, NULL, &rows));
  CheckRows(entropy, top5, argmax, visible);
  memset(entropy, 0xFF, sizeof entropy);
  CHECK_OK(AttnscopeMeasureQueryKeyRows(&products, &params, &rows, NULL));
  CheckRows(entropy, top5, argmax, visible);
  AttnscopeAccumulatorDestroy(accumulator);
}

/* Rows one behind the other for all heads, backwards. */
static void TestStrides(void) {
  const AttnscopeAttentionView weights = WeightsView();
  float first[3 * kRows];
  for (int i = 0; i < 3 * kRows; ++i) first[i] = -1.0f;
  AttnscopeRowOutputs rows = {.struct_size = sizeof rows, .first_token_weight = Floats(first + 3 * (kRows - 1))};
  rows.query_stride = -3 * kHeads;
  rows.head_stride = -3;
  CHECK_OK(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL));
  for (int i = 0; i < 3 * kRows; ++i) {
    const int head = kHeads - 1 - i / 3 % kHeads;
    CHECK(first[i] == (i % 3 != 0 ? -1.0f : head == 0 ? 0.25f : 0.0f));
  }
}

/* Masses of other k: of an accumulator, of its rows, and of rows alone. */
static void TestTopK(void) {
  const AttnscopeAttentionView weights = WeightsView();
  AttnscopeLayerConfig config = {.struct_size = sizeof config};
  CHECK_OK(AttnscopeLayerConfigDefaults(&config));
  CHECK(config.top_k.num_values == 3 && config.top_k.values[0] == 5 && config.top_k.values[2] == 50);
  config.heads = kHeads;
  config.max_keys = kKeys;
  config.top_k = (AttnscopeTopKValues){2, 0, {1, 1024}};
  AttnscopeAccumulator* accumulator = NULL;
  CHECK_OK(AttnscopeAccumulatorCreate(&config, &accumulator));
  double first[kRows], last[kRows];
  AttnscopeRowOutputs rows = {.struct_size = sizeof rows};
  rows.top_mass[0] = (AttnscopeRowBuffer){first, ATTNSCOPE_ROW_FLOAT64, 0};
  rows.top_mass[1] = (AttnscopeRowBuffer){last, ATTNSCOPE_ROW_FLOAT64, 0};
  CHECK_OK(AttnscopeAccumulatorAddWeightsWithRows(accumulator, &weights, NULL, NULL, &rows));
  double layer[3], heads[kHeads][3];
  CHECK_OK(AttnscopeAccumulatorTopMasses(accumulator, layer, heads[0], 3, kHeads));
  CHECK(IsNear(layer[1], 1.0) && isnan(layer[2]) && IsNear(heads[1][0], 1.0) && isnan(heads[1][2]));
  CHECK_OK(AttnscopeAccumulatorTopMasses(accumulator, NULL, NULL, 3, kHeads));
  CHECK_INVALID(AttnscopeAccumulatorTopMasses(NULL, layer, NULL, 3, 0), "accumulator is null");
  for (int row = 0; row < kRows; ++row) CHECK(IsNear(last[row], 1.0) && first[row] <= last[row]);
  AttnscopeLayerConfig read = {.struct_size = sizeof read};
  CHECK_OK(AttnscopeAccumulatorConfig(accumulator, &read));
  CHECK(read.top_k.num_values == 2 && read.top_k.values[1] == 1024);
  rows.top_k = (AttnscopeTopKValues){2, 0, {1, 5}};
  CHECK_INVALID(AttnscopeAccumulatorAddWeightsWithRows(accumulator, &weights, NULL, NULL, &rows),
                "rows.top_k is 1, 5, but the accumulator measures 1, 1024");
  CHECK_OK(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL));
  rows.top_k.reserved = 1;
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL), "rows->top_k.reserved is 1, expected 0");
  AttnscopeAccumulator* other = NewAccumulator();
  CHECK_INVALID(AttnscopeAccumulatorMerge(accumulator, other),
                "the accumulators to merge were made with different top_k: 1, 1024 and 5, 10, 50");
  AttnscopeAccumulatorDestroy(other);
  AttnscopeAccumulatorDestroy(accumulator);
  config.top_k.num_values = 9;
  CHECK_INVALID(AttnscopeAccumulatorCreate(&config, &accumulator), "config->top_k.num_values is 9, expected 0 to 8");
  config.top_k = (AttnscopeTopKValues){2, 0, {5, 5}};
  CHECK_INVALID(AttnscopeAccumulatorCreate(&config, &accumulator), "top_k is 5, 5, which does not ascend");
  config.top_k.num_values = 0;
  CHECK_OK(AttnscopeAccumulatorCreate(&config, &accumulator));
  AttnscopeAccumulatorDestroy(accumulator);
  CHECK(AttnscopeTopMass(5) == ATTNSCOPE_TOP5 && AttnscopeTopMass(0) == -1 && AttnscopeTopMass(1025) == -1);
  CHECK(strcmp(AttnscopeMetricName(AttnscopeTopMass(128)), "top128") == 0);
  AttnscopeReport* report = NULL;
  CHECK_OK(AttnscopeReportCreate(&report));
  CHECK_OK(AttnscopeReportSetMetric(report, 3, -1, AttnscopeTopMass(128), 0.5));
  double value = 0.0;
  CHECK_OK(AttnscopeReportMetric(report, 3, -1, AttnscopeTopMass(128), &value));
  CHECK(value == 0.5);
  for (uint32_t k = 100; k < 107; ++k) CHECK_OK(AttnscopeReportSetMetric(report, 3, -1, AttnscopeTopMass(k), 0.5));
  CHECK_INVALID(AttnscopeReportSetMetric(report, 3, -1, AttnscopeTopMass(200), 0.5), "there is no room for top200");
  AttnscopeReportDestroy(report);
}

static void TestErrors(void) {
  const AttnscopeAttentionView weights = WeightsView();
  float values[kRows];
  AttnscopeRowOutputs rows = {.struct_size = sizeof rows, .entropy = Floats(values)};
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, NULL, NULL), "rows is null");
  CHECK_INVALID(AttnscopeMeasureWeightRows(NULL, NULL, &rows, NULL), "weights is null");
  CHECK_INVALID(AttnscopeAccumulatorAddWeightsWithRows(NULL, &weights, NULL, NULL, &rows), "accumulator is null");
  rows.entropy.type = 4;
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL), "rows->entropy.type is 4, expected");
  rows.entropy.type = ATTNSCOPE_ROW_INT32;
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL), "rows.entropy is a buffer of int32_t");
  rows.entropy.type = ATTNSCOPE_ROW_FLOAT32;
  rows.entropy.reserved = 1;
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL), "rows->entropy.reserved is 1, expected 0");
  rows.entropy.reserved = 0;
  rows.reserved = 1;
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL), "rows->reserved is 1, expected 0");
  rows.reserved = 0;
  rows.struct_size = 8;
  CHECK_INVALID(AttnscopeMeasureWeightRows(&weights, NULL, &rows, NULL), "rows->struct_size is 8");
}

typedef struct Received {
  int matrices;
  double sums[kHeads][kKeys];
} Received;

static void Receive(void* opaque, uint64_t sequence, uint64_t head, const double* columns, uint64_t keys) {
  Received* to = opaque;
  CHECK(sequence == 0 && keys == kKeys);
  memcpy(to->sums[head], columns, sizeof to->sums[head]);
  ++to->matrices;
}

static void TestColumns(void) {
  const AttnscopeAttentionView weights = WeightsView();
  AttnscopeAccumulator* accumulator = NewAccumulator();
  CHECK(AttnscopeAccumulatorOpenKeys(accumulator, 0, 0) == 0);
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &weights, NULL, NULL));
  CHECK(AttnscopeAccumulatorOpenKeys(accumulator, 0, 1) == kKeys);
  CHECK(AttnscopeAccumulatorOpenKeys(accumulator, 0, kHeads) == 0 && AttnscopeAccumulatorOpenKeys(NULL, 0, 0) == 0);
  double sums[kKeys];
  CHECK_OK(AttnscopeAccumulatorColumnSums(accumulator, 0, 1, sums, kKeys));
  CHECK(sums[0] == 0.0 && sums[2] == 3.0);
  CHECK_INVALID(AttnscopeAccumulatorColumnSums(accumulator, 0, 1, sums, 3), "columns has room for 3 keys");
  CHECK_INVALID(AttnscopeAccumulatorColumnSums(accumulator, 0, 1, NULL, 3), "columns is null");
  CHECK_INVALID(AttnscopeAccumulatorColumnSums(NULL, 0, 1, sums, 3), "accumulator is null");
  CHECK_ERROR(AttnscopeAccumulatorColumnSums(accumulator, 1, 0, sums, kKeys), ATTNSCOPE_OUT_OF_RANGE, "sequence is 1");
  CHECK_ERROR(AttnscopeAccumulatorColumnSums(accumulator, 0, 2, sums, kKeys), ATTNSCOPE_OUT_OF_RANGE, "head is 2");
  Received received = {0};
  CHECK_ERROR(AttnscopeAccumulatorEndSequenceWithColumns(accumulator, 1, Receive, &received), ATTNSCOPE_OUT_OF_RANGE,
              "sequence is 1");
  CHECK_OK(AttnscopeAccumulatorEndSequenceWithColumns(accumulator, 0, Receive, &received));
  CHECK(received.matrices == kHeads && received.sums[0][3] == 0.75 && received.sums[1][2] == 3.0);
  CHECK(AttnscopeAccumulatorOpenKeys(accumulator, 0, 1) == 0);
  CHECK_OK(AttnscopeAccumulatorEndSequenceWithColumns(accumulator, 0, NULL, NULL));
  CHECK(received.matrices == kHeads);
  AttnscopeAccumulatorDestroy(accumulator);
}

void TestRows(void) {
  TestEachWayIn();
  TestStrides();
  TestTopK();
  TestErrors();
  TestColumns();
}
