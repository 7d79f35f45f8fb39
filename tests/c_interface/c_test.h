/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the C interface in C share: checks that count what failed, and a layer with two heads. */
#ifndef ATTNSCOPE_TESTS_C_INTERFACE_C_TEST_H_
#define ATTNSCOPE_TESTS_C_INTERFACE_C_TEST_H_

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attnscope/attnscope_c.h"

extern int failures;

static inline void Check(int ok, const char* what, const char* file, int line) {
  if (ok) return;
  ++failures;
  fprintf(stderr, "%s:%d: failed: %s; the last error is \"%s\"\n", file, line, what, AttnscopeLastError());
}
#define CHECK(condition) Check((condition) != 0, #condition, __FILE__, __LINE__)
#define CHECK_OK(call) Check((call) == ATTNSCOPE_OK, #call, __FILE__, __LINE__)
/* A call that fails with this status and a message that starts so. */
#define CHECK_ERROR(call, status, message) \
  Check((call) == (status) && strncmp(AttnscopeLastError(), message, strlen(message)) == 0, #call, __FILE__, __LINE__)
#define CHECK_INVALID(call, message) CHECK_ERROR(call, ATTNSCOPE_INVALID_ARGUMENT, message)

enum { kHeads = 2, kQueries = 3, kKeys = 4 };

/* Head 0 is uniform; head 1 attends to key 2 alone. */
/* Few rows and keys are enough for a verdict. */
static inline AttnscopeThresholds ThresholdsOfFewRows(void) {
  AttnscopeThresholds thresholds = {.struct_size = sizeof thresholds};
  AttnscopeThresholdsDefaults(&thresholds);
  thresholds.min_rows = thresholds.sink_min_rows = thresholds.sink_min_rows_each = 1.0;
  thresholds.sink_min_keys = thresholds.one_hot_min_keys = thresholds.uniform_min_keys = 1.0;
  return thresholds;
}

static const float kWeights[kHeads][kQueries][kKeys] = {
    {{0.25f, 0.25f, 0.25f, 0.25f}, {0.25f, 0.25f, 0.25f, 0.25f}, {0.25f, 0.25f, 0.25f, 0.25f}},
    {{0.0f, 0.0f, 1.0f, 0.0f}, {0.0f, 0.0f, 1.0f, 0.0f}, {0.0f, 0.0f, 1.0f, 0.0f}},
};

static inline int IsNear(double value, double expected) { return fabs(value - expected) <= 1e-6; }

static inline AttnscopeLayerConfig LayerConfig(void) {
  AttnscopeLayerConfig config = {.struct_size = sizeof config};
  AttnscopeLayerConfigDefaults(&config);
  config.heads = kHeads;
  config.max_keys = kKeys;
  return config;
}

static inline AttnscopeAccumulator* NewAccumulator(void) {
  const AttnscopeLayerConfig config = LayerConfig();
  AttnscopeAccumulator* created = NULL;
  CHECK_OK(AttnscopeAccumulatorCreate(&config, &created));
  return created;
}

static inline AttnscopeAttentionView WeightsView(void) {
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  AttnscopeContiguousAttention(kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, kQueries, kKeys, &view);
  return view;
}

/* One function for each of the other sources. */
void TestKeyScores(void);
void TestRows(void);
void TestKernels(void);
void TestStructs(void);
void TestVisibility(void);
void TestReports(const char* png_path);

#endif /* ATTNSCOPE_TESTS_C_INTERFACE_C_TEST_H_ */
