/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface, used from C11: compiled by a C compiler, with nothing of C++ in sight. */
#include "tests/c_interface/c_test.h"

#include <stdlib.h>

int failures = 0;

static void TestVersionAndTargets(void) {
  CHECK(AttnscopeAbiVersion() == ATTNSCOPE_ABI_VERSION);
  char version[64];
  snprintf(version, sizeof version, "%d.%d.%d", ATTNSCOPE_VERSION_MAJOR, ATTNSCOPE_VERSION_MINOR,
           ATTNSCOPE_VERSION_PATCH);
  CHECK(strcmp(AttnscopeVersion(), version) == 0);
  const char* best = AttnscopeChosenTarget();
  size_t count = 0;
  while (AttnscopeCompiledTarget(count) != NULL) ++count;
  CHECK(count >= 1);
  const char* last = AttnscopeCompiledTarget(count - 1);
  CHECK_OK(AttnscopeForceTarget(last));
  CHECK(strcmp(AttnscopeChosenTarget(), last) == 0);
  CHECK_ERROR(AttnscopeForceTarget("none"), ATTNSCOPE_INVALID_ARGUMENT, "target is \"none\", which is not compiled in");
  CHECK_OK(AttnscopeForceTarget(NULL));
  CHECK(strcmp(AttnscopeChosenTarget(), best) == 0);
}

static void TestMetricNames(void) {
  CHECK(AttnscopeNumMetrics() == ATTNSCOPE_NUM_METRICS);
  CHECK(strcmp(AttnscopeMetricName(ATTNSCOPE_ENTROPY), "entropy") == 0);
  CHECK(strcmp(AttnscopeMetricName(ATTNSCOPE_GRADIENT_NORM), "gradient_norm") == 0);
  CHECK(AttnscopeMetricName(-1) == NULL);
  CHECK(AttnscopeMetricName(ATTNSCOPE_NUM_METRICS) == NULL);
  AttnscopeMetricInfo info = {.struct_size = sizeof info};
  CHECK_OK(AttnscopeMetricInfoOf(ATTNSCOPE_GRADIENT_NORM, &info));
  CHECK(info.metric == ATTNSCOPE_GRADIENT_NORM && info.group == ATTNSCOPE_GROUP_LAYER && info.per_head == 0);
  CHECK(strcmp(info.report_key, "gradient_norms") == 0 && strlen(info.meaning) > 5);
  CHECK(info.kind == ATTNSCOPE_KIND_OTHER && info.unit == ATTNSCOPE_UNIT_BUFFER && info.scale == ATTNSCOPE_SCALE_LOG);
  CHECK(strcmp(info.title, "Gradient Norm") == 0 && strcmp(info.axis, "Norm") == 0 && info.column == 0);
  CHECK_OK(AttnscopeMetricInfoOf(ATTNSCOPE_UNNORMALIZED_ROWS, &info));
  CHECK(info.metric == ATTNSCOPE_UNNORMALISED_ROWS && strcmp(info.old_name, "unnormalised_rows") == 0);
  CHECK(info.kind == ATTNSCOPE_KIND_COUNT && info.digits == 0 && info.column > 0 && strcmp(info.title, "") == 0);
  CHECK_OK(AttnscopeMetricInfoOf(ATTNSCOPE_ROWS, &info));
  CHECK(info.is_count == 1 && info.per_head == 1 && strcmp(info.name, "rows") == 0);
  CHECK_INVALID(AttnscopeMetricInfoOf(-1, &info), "metric is -1, not an AttnscopeMetric");
  CHECK_INVALID(AttnscopeMetricInfoOf(ATTNSCOPE_NUM_METRICS, &info), "metric is 31");
}

static void TestOtherNames(void) {
  CHECK(AttnscopeNumPathologies() == ATTNSCOPE_NUM_PATHOLOGIES);
  CHECK(strcmp(AttnscopePathologyName(ATTNSCOPE_ONE_HOT_COLLAPSE), "one-hot collapse") == 0);
  CHECK(strcmp(AttnscopePathologyName(ATTNSCOPE_BAD_NUMBERS), "bad numbers") == 0);
  CHECK(AttnscopePathologyName(-1) == NULL && AttnscopePathologyName(ATTNSCOPE_NUM_PATHOLOGIES) == NULL);
  CHECK(strcmp(AttnscopeSeverityName(ATTNSCOPE_HEALTHY), "healthy") == 0);
  CHECK(strcmp(AttnscopeSeverityName(ATTNSCOPE_CRITICAL), "critical") == 0);
  CHECK(strcmp(AttnscopeOutcomeName(ATTNSCOPE_OUTCOME_NOT_JUDGED), "not judged") == 0);
  CHECK(AttnscopeOutcomeName(-1) == NULL && AttnscopeOutcomeName(3) == NULL);
  CHECK(AttnscopeSeverityName(-1) == NULL && AttnscopeSeverityName(3) == NULL);
  CHECK(AttnscopeElementBytes(ATTNSCOPE_FLOAT32) == 4 && AttnscopeElementBytes(ATTNSCOPE_FLOAT16) == 2);
  CHECK(AttnscopeElementBytes(ATTNSCOPE_BFLOAT16) == 2);
  CHECK(AttnscopeElementBytes(-1) == 0 && AttnscopeElementBytes(3) == 0);
}

static void TestWeights(void) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  CHECK_OK(AttnscopeAccumulatorEndSequences(accumulator));
  double layer[ATTNSCOPE_NUM_METRICS + 1];
  double heads[kHeads + 1][ATTNSCOPE_NUM_METRICS + 1];
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, layer, &heads[0][0], ATTNSCOPE_NUM_METRICS + 1, kHeads + 1));
  CHECK(IsNear(layer[ATTNSCOPE_ENTROPY], 0.5 * log(4.0)));
  CHECK(IsNear(heads[0][ATTNSCOPE_ENTROPY], log(4.0)));
  CHECK(IsNear(heads[1][ATTNSCOPE_ENTROPY], 0.0));
  CHECK(IsNear(heads[1][ATTNSCOPE_SINK_POSITION], 2.0));
  CHECK(IsNear(layer[ATTNSCOPE_ROWS], kHeads * kQueries));
  CHECK(isnan(layer[ATTNSCOPE_LOGIT_MEAN]));
  CHECK(isnan(layer[ATTNSCOPE_NUM_METRICS]) && isnan(heads[kHeads][ATTNSCOPE_ENTROPY]));
  CHECK_OK(AttnscopeAccumulatorReset(accumulator));
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, layer, NULL, 1, 0));
  CHECK(isnan(layer[0]) && IsNear(layer[ATTNSCOPE_ROWS], kHeads * kQueries));
  AttnscopeAccumulatorDestroy(accumulator);
}

static void TestMaskAndRunner(void) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  const AttnscopeMask mask = {.struct_size = sizeof mask, .causal = 1, .causal_offset = -1};
  AttnscopeThreadPool* pool = NULL;
  CHECK_OK(AttnscopeThreadPoolCreate(2, &pool));
  AttnscopeRunner runner = {.struct_size = sizeof runner};
  CHECK_OK(AttnscopeThreadPoolRunner(pool, &runner));
  CHECK(runner.threads == 2 && runner.run != NULL);
  CHECK_OK(AttnscopeAccumulatorReserve(accumulator, &runner));
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, &mask, &runner));
  double layer[ATTNSCOPE_NUM_METRICS];
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, layer, NULL, ATTNSCOPE_NUM_METRICS, 0));
  /* Rows see 0, 1 and 2 keys: head 1's weight is behind the mask in all three. */
  CHECK(IsNear(layer[ATTNSCOPE_MASKED_ROWS], 2.0) && IsNear(layer[ATTNSCOPE_EMPTY_ROWS], 2.0));
  AttnscopeThreadPoolDestroy(pool);
  AttnscopeAccumulatorDestroy(accumulator);
}

static void TestLogitsAndQueriesKeys(void) {
  AttnscopeAccumulator* from_logits = NewAccumulator();
  AttnscopeAccumulator* from_products = NewAccumulator();
  /* Queries and keys of one dimension: their products are the logits. */
  const float queries[kHeads][kQueries] = {{1.0f, 2.0f, 3.0f}, {-1.0f, 0.5f, 0.0f}};
  const float keys[kKeys] = {0.5f, 1.0f, -2.0f, 4.0f};
  float logits[kHeads][kQueries][kKeys];
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kQueries; ++i) {
      for (int j = 0; j < kKeys; ++j) logits[h][i][j] = queries[h][i] * keys[j];
    }
  }
  const AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .scale = 0.5, .soft_cap = 3.0};
  AttnscopeAttentionView view = WeightsView();
  view.data = logits;
  CHECK_OK(AttnscopeAccumulatorAddLogits(from_logits, &view, &params, NULL));
  AttnscopeQueryKeyView products = {.struct_size = sizeof products};
  AttnscopeContiguousQueryKey(queries, keys, ATTNSCOPE_FLOAT32, 1, kHeads, /*kv_heads=*/1, kQueries, kKeys, 1,
                              &products);
  const AttnscopeKeyPage pages[2] = {{keys, 3}, {keys + 3, 1}};
  products.key_data = NULL;
  products.pages = pages;
  products.num_pages = 2;
  CHECK_OK(AttnscopeAccumulatorAddQueriesKeys(from_products, &products, &params, NULL));
  double a[ATTNSCOPE_NUM_METRICS];
  double b[ATTNSCOPE_NUM_METRICS];
  CHECK_OK(AttnscopeAccumulatorStats(from_logits, a, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK_OK(AttnscopeAccumulatorStats(from_products, b, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK(IsNear(a[ATTNSCOPE_ENTROPY], b[ATTNSCOPE_ENTROPY]) && a[ATTNSCOPE_ENTROPY] > 0.1);
  CHECK(IsNear(a[ATTNSCOPE_MAX_ABS_LOGIT], b[ATTNSCOPE_MAX_ABS_LOGIT]));
  CHECK(IsNear(a[ATTNSCOPE_MAX_ABS_LOGIT], 3.0 * tanh(0.5 * 12.0 / 3.0)));
  AttnscopeAccumulatorDestroy(from_logits);
  AttnscopeAccumulatorDestroy(from_products);
}

/* The same queries and keys in the other order of their dimensions give the same numbers. */
static void TestTokenMajor(void) {
  enum { kKvHeads = 1, kDim = 3 };
  float head_major[kHeads][kQueries][kDim];
  float token_major[kQueries][kHeads][kDim];
  const float keys[kKeys][kDim] = {{0.5f, 1.0f, -2.0f}, {4.0f, 0.0f, 1.0f}, {-1.0f, 2.0f, 0.25f}, {3.0f, -3.0f, 1.5f}};
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kQueries; ++i) {
      for (int d = 0; d < kDim; ++d) {
        head_major[h][i][d] = token_major[i][h][d] = (float)(h + 1) * 0.25f * (float)(i * kDim + d - 4);
      }
    }
  }
  double metrics[2][ATTNSCOPE_NUM_METRICS];
  for (int way = 0; way < 2; ++way) {
    AttnscopeAccumulator* accumulator = NewAccumulator();
    AttnscopeQueryKeyView view = {.struct_size = sizeof view};
    if (way == 0) {
      CHECK_OK(AttnscopeContiguousQueryKey(head_major, keys, ATTNSCOPE_FLOAT32, 1, kHeads, kKvHeads, kQueries, kKeys,
                                           kDim, &view));
    } else {
      CHECK_OK(AttnscopeTokenMajorQueryKey(token_major, keys, ATTNSCOPE_FLOAT32, 1, kHeads, kKvHeads, kQueries, kKeys,
                                           kDim, &view));
      CHECK(view.query_stride == kHeads * kDim && view.query_head_stride == kDim && view.key_stride == kDim);
    }
    CHECK_OK(AttnscopeAccumulatorAddQueriesKeys(accumulator, &view, NULL, NULL));
    CHECK_OK(AttnscopeAccumulatorStats(accumulator, metrics[way], NULL, ATTNSCOPE_NUM_METRICS, 0));
    AttnscopeAccumulatorDestroy(accumulator);
  }
  CHECK(metrics[0][ATTNSCOPE_ENTROPY] == metrics[1][ATTNSCOPE_ENTROPY] && metrics[0][ATTNSCOPE_ENTROPY] > 0.1);
  CHECK(metrics[0][ATTNSCOPE_LOGIT_STD] == metrics[1][ATTNSCOPE_LOGIT_STD]);
}

/* ggml's sizes and strides, the innermost first. */
static void TestGgml(void) {
  const int64_t ne[4] = {kKeys, kQueries, kHeads, 1};
  const size_t nb[4] = {4, 4 * kKeys, 4 * kKeys * kQueries, sizeof kWeights};
  const AttnscopeAttentionView expected = WeightsView();
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  CHECK_OK(AttnscopeAttentionFromGgml(0, ne, nb, kWeights, &view));
  CHECK(memcmp(&view, &expected, sizeof view) == 0);
  CHECK_INVALID(AttnscopeAttentionFromGgml(2, ne, nb, kWeights, &view), "attention.type is 2, expected 0 (F32)");
  CHECK_INVALID(AttnscopeAttentionFromGgml(0, NULL, nb, kWeights, &view), "attention has no sizes or strides");
  AttnscopeQueryKeyView products = {.struct_size = sizeof products};
  CHECK_OK(AttnscopeQueriesKeysFromGgml(0, ne, nb, kWeights, 30, ne, nb, kWeights, &products));
  CHECK(products.head_dim == kKeys && products.queries == kQueries && products.keys == kQueries);
  CHECK(products.heads == kHeads && products.kv_heads == kHeads && products.key_type == ATTNSCOPE_BFLOAT16);
  CHECK(products.query_stride == kKeys && products.key_stride == 2 * kKeys);
  const int64_t other_ne[4] = {kKeys + 1, kQueries, kHeads, 1};
  CHECK_INVALID(AttnscopeQueriesKeysFromGgml(0, ne, nb, kWeights, 0, other_ne, nb, kWeights, &products),
                "queries have head size 4 and batch 1, keys 5 and 1");
}

static void TestConfigAndScratch(void) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  AttnscopeLayerConfig config = {.struct_size = sizeof config};
  CHECK_OK(AttnscopeAccumulatorConfig(accumulator, &config));
  const AttnscopeLayerConfig expected = LayerConfig();
  CHECK(memcmp(&config, &expected, sizeof config) == 0);
  AttnscopeThreadPool* pool = NULL;
  CHECK_OK(AttnscopeThreadPoolCreate(2, &pool));
  AttnscopeRunner runner = {.struct_size = sizeof runner};
  CHECK_OK(AttnscopeThreadPoolRunner(pool, &runner));
  uint64_t one = 0;
  uint64_t two = 0;
  CHECK_OK(AttnscopeAccumulatorScratchBytes(accumulator, NULL, &one));
  CHECK_OK(AttnscopeAccumulatorScratchBytes(accumulator, &runner, &two));
  CHECK(one > 0 && two > one);
  CHECK_INVALID(AttnscopeAccumulatorScratchBytes(NULL, NULL, &one), "accumulator is null");
  CHECK_INVALID(AttnscopeAccumulatorScratchBytes(accumulator, NULL, NULL), "bytes is null");
  CHECK_INVALID(AttnscopeAccumulatorConfig(NULL, &config), "accumulator is null");
  AttnscopeThreadPoolDestroy(pool);
  AttnscopeAccumulatorDestroy(accumulator);
}

static void TestMergeByArrays(void) {
  AttnscopeAccumulator* ranks[2] = {NewAccumulator(), NewAccumulator()};
  AttnscopeAccumulator* merged = NewAccumulator();
  for (int rank = 0; rank < 2; ++rank) {
    AttnscopeAttentionView view = WeightsView();
    view.data = kWeights[rank];
    view.heads = 1;
    view.first_head = (uint64_t)rank;
    CHECK_OK(AttnscopeAccumulatorAddWeights(ranks[rank], &view, NULL, NULL));
  }
  CHECK_OK(AttnscopeAccumulatorMerge(merged, ranks[0]));
  CHECK_OK(AttnscopeAccumulatorMerge(merged, ranks[1]));
  size_t count = 0;
  size_t closed = 0;
  double* sums = AttnscopeAccumulatorSums(ranks[0], &count, &closed);
  const double* more = AttnscopeAccumulatorSums(ranks[1], NULL, NULL);
  CHECK(closed > 0 && closed < count);
  for (size_t i = 0; i < count; ++i) sums[i] += more[i];
  CHECK(memcmp(sums, AttnscopeAccumulatorSums(merged, NULL, NULL), count * sizeof(double)) == 0);
  double* maxima = AttnscopeAccumulatorMaxima(ranks[0], &count, &closed);
  const double* other = AttnscopeAccumulatorMaxima(ranks[1], NULL, NULL);
  for (size_t i = 0; i < count; ++i) maxima[i] = maxima[i] < other[i] ? other[i] : maxima[i];
  CHECK(memcmp(maxima, AttnscopeAccumulatorMaxima(merged, NULL, NULL), count * sizeof(double)) == 0);
  for (int rank = 0; rank < 2; ++rank) AttnscopeAccumulatorDestroy(ranks[rank]);
  AttnscopeAccumulatorDestroy(merged);
}

static void TestErrors(void) {
  AttnscopeLayerConfig config = LayerConfig();
  AttnscopeAccumulator* accumulator = NULL;
  CHECK_ERROR(AttnscopeAccumulatorCreate(NULL, &accumulator), ATTNSCOPE_INVALID_ARGUMENT, "config is null");
  CHECK_ERROR(AttnscopeAccumulatorCreate(&config, NULL), ATTNSCOPE_INVALID_ARGUMENT, "out is null");
  config.heads = 0;
  CHECK_ERROR(AttnscopeAccumulatorCreate(&config, &accumulator), ATTNSCOPE_INVALID_ARGUMENT,
              "heads is 0, expected 1 to 65536");
  CHECK(accumulator == NULL);
  accumulator = NewAccumulator();
  AttnscopeAttentionView view = WeightsView();
  CHECK_ERROR(AttnscopeAccumulatorAddWeights(NULL, &view, NULL, NULL), ATTNSCOPE_INVALID_ARGUMENT,
              "accumulator is null");
  CHECK_ERROR(AttnscopeAccumulatorAddWeights(accumulator, NULL, NULL, NULL), ATTNSCOPE_INVALID_ARGUMENT,
              "weights is null");
  view.keys = kKeys + 1;
  CHECK_ERROR(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL), ATTNSCOPE_OUT_OF_RANGE, "");
  view = WeightsView();
  view.data = NULL;
  CHECK_ERROR(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL), ATTNSCOPE_INVALID_ARGUMENT,
              "weights.data is null");
  CHECK_ERROR(AttnscopeAccumulatorEndSequence(accumulator, 1), ATTNSCOPE_OUT_OF_RANGE, "sequence is 1");
  CHECK_ERROR(AttnscopeAccumulatorMerge(accumulator, NULL), ATTNSCOPE_INVALID_ARGUMENT, "other is null");
  CHECK(AttnscopeAccumulatorSums(NULL, NULL, NULL) == NULL);
  AttnscopeAccumulatorDestroy(accumulator);
  AttnscopeAccumulatorDestroy(NULL);
}

static void TestResidualAndGradient(void) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const float before[4] = {3.0f, 0.0f, 0.0f, 4.0f};
  const float after[4] = {3.0f, 1.0f, 0.0f, 4.0f};
  AttnscopeActivationView views[2] = {{.struct_size = sizeof views[0]}, {.struct_size = sizeof views[1]}};
  AttnscopeContiguousActivation(before, ATTNSCOPE_FLOAT32, 1, 2, 2, &views[0]);
  AttnscopeContiguousActivation(after, ATTNSCOPE_FLOAT32, 1, 2, 2, &views[1]);
  CHECK_OK(AttnscopeAccumulatorAddResidual(accumulator, &views[0], &views[1]));
  const AttnscopeBufferView gradient = {
      .struct_size = sizeof gradient, .type = ATTNSCOPE_FLOAT32, .data = before, .size = 4};
  CHECK_OK(AttnscopeAccumulatorAddGradient(accumulator, &gradient));
  double layer[ATTNSCOPE_NUM_METRICS];
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, layer, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK(IsNear(layer[ATTNSCOPE_RESIDUAL_RATIO], 0.2));
  CHECK(IsNear(layer[ATTNSCOPE_GRADIENT_NORM], 5.0));
  AttnscopeAccumulatorDestroy(accumulator);
}

typedef struct Seen {
  int windows;
  int changes;
  int criticals;
  char line[4096];
} Seen;

static void OnWindow(void* opaque, const char* json_line, size_t length) {
  Seen* seen = opaque;
  ++seen->windows;
  CHECK(strlen(json_line) == length && length < sizeof seen->line);
  memcpy(seen->line, json_line, length + 1);
}

static void OnChange(void* opaque, const AttnscopeVerdictChange* change) {
  Seen* seen = opaque;
  ++seen->changes;
  CHECK(change->struct_size == sizeof *change && change->from == ATTNSCOPE_HEALTHY);
  CHECK(change->verdict->message[0] != '\0');
  if (change->to == ATTNSCOPE_CRITICAL && change->verdict->pathology == ATTNSCOPE_ONE_HOT_COLLAPSE) {
    CHECK(change->verdict->head == 1 && change->verdict->metric == ATTNSCOPE_NORMALIZED_ENTROPY);
    ++seen->criticals;
  }
}

static void TestMonitor(void) {
  Seen seen = {0};
  const AttnscopeLayerConfig layer = LayerConfig();
  const uint64_t watched[1] = {1};
  AttnscopeMonitorConfig config = {.struct_size = sizeof config};
  AttnscopeMonitorConfigDefaults(&config);
  CHECK(config.every_steps == 16 && strcmp(config.stage, "serve") == 0);
  AttnscopeMonitor* monitor = NULL;
  CHECK_INVALID(AttnscopeMonitorCreate(&config, &monitor), "config->layer is null");
  config.layers = 2;
  config.layer = &layer;
  config.watched_layers = watched;
  config.num_watched_layers = 1;
  config.every_steps = 2;
  config.window_steps = 4;
  const AttnscopeThresholds thresholds = ThresholdsOfFewRows();
  config.thresholds = &thresholds;
  config.opaque = &seen;
  config.on_window = OnWindow;
  config.on_change = OnChange;
  CHECK_OK(AttnscopeMonitorCreate(&config, &monitor));
  const AttnscopeAttentionView view = WeightsView();
  int samples = 0;
  for (uint64_t step = 0; step < 4; ++step) {
    CHECK(!AttnscopeMonitorShouldSample(monitor, 0, step));
    if (AttnscopeMonitorShouldSample(monitor, 1, step)) {
      ++samples;
      CHECK_OK(AttnscopeMonitorAddWeights(monitor, 1, &view, NULL, NULL));
      AttnscopeAccumulator* copy = NewAccumulator();
      CHECK_OK(AttnscopeMonitorMergeInto(monitor, 1, copy));
      double rows = 0.0;
      AttnscopeReport* report = NULL;
      CHECK_OK(AttnscopeReportCreate(&report));
      CHECK_OK(AttnscopeReportSetLayer(report, 1, copy));
      CHECK_OK(AttnscopeReportMetric(report, 1, -1, ATTNSCOPE_ROWS, &rows));
      CHECK(IsNear(rows, samples * kHeads * kQueries));
      AttnscopeReportDestroy(report);
      AttnscopeAccumulatorDestroy(copy);
    }
    CHECK_OK(AttnscopeMonitorEndStep(monitor, step, 7));
  }
  CHECK(samples == 2 && seen.windows == 1 && seen.changes > 0 && seen.criticals == 1);
  CHECK(strstr(seen.line, "\"schema\": \"attnscope.window.v1\"") != NULL);
  CHECK(strstr(seen.line, "\"tokens\": 28, \"layer\": 1, \"samples\": 2") != NULL);
  CHECK_ERROR(AttnscopeMonitorAddWeights(monitor, 0, &view, NULL, NULL), ATTNSCOPE_OUT_OF_RANGE, "layer is 0");
  CHECK_OK(AttnscopeMonitorEndSequence(monitor, 0));
  CHECK_OK(AttnscopeMonitorCloseWindow(monitor));
  CHECK(!AttnscopeMonitorShouldSample(NULL, 0, 0));
  AttnscopeMonitorDestroy(monitor);
  AttnscopeMonitorDestroy(NULL);
}

/* Each way to feed a monitor adds what the accumulator's function of the same name adds. */
static void TestMonitorFeeds(void) {
  const AttnscopeLayerConfig layer = LayerConfig();
  AttnscopeMonitorConfig config = {.struct_size = sizeof config};
  CHECK_OK(AttnscopeMonitorConfigDefaults(&config));
  config.layers = 1;
  config.layer = &layer;
  AttnscopeMonitor* monitor = NULL;
  CHECK_OK(AttnscopeMonitorCreate(&config, &monitor));
  AttnscopeAccumulator* direct = NewAccumulator();
  AttnscopeAccumulator* watched = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  AttnscopeQueryKeyView products = {.struct_size = sizeof products};
  CHECK_OK(
      AttnscopeContiguousQueryKey(kWeights, kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, 1, kQueries, kKeys, 4, &products));
  AttnscopeActivationView before = {.struct_size = sizeof before};
  AttnscopeActivationView after = {.struct_size = sizeof after};
  CHECK_OK(AttnscopeContiguousActivation(kWeights[0], ATTNSCOPE_FLOAT32, 1, kQueries, kKeys, &before));
  CHECK_OK(AttnscopeContiguousActivation(kWeights[1], ATTNSCOPE_FLOAT32, 1, kQueries, kKeys, &after));
  const AttnscopeBufferView gradient = {.struct_size = sizeof gradient, .data = kWeights, .size = 5};
  CHECK_OK(AttnscopeMonitorReserve(monitor, NULL));
  CHECK_OK(AttnscopeMonitorAddLogits(monitor, 0, &view, NULL, NULL));
  CHECK_OK(AttnscopeMonitorAddQueriesKeys(monitor, 0, &products, NULL, NULL));
  CHECK_OK(AttnscopeMonitorAddResidual(monitor, 0, &before, &after));
  CHECK_OK(AttnscopeMonitorAddGradient(monitor, 0, &gradient));
  CHECK_OK(AttnscopeMonitorMergeInto(monitor, 0, watched));
  CHECK_OK(AttnscopeAccumulatorAddLogits(direct, &view, NULL, NULL));
  CHECK_OK(AttnscopeAccumulatorAddQueriesKeys(direct, &products, NULL, NULL));
  CHECK_OK(AttnscopeAccumulatorAddResidual(direct, &before, &after));
  CHECK_OK(AttnscopeAccumulatorAddGradient(direct, &gradient));
  double expected[ATTNSCOPE_NUM_METRICS];
  double metrics[ATTNSCOPE_NUM_METRICS];
  CHECK_OK(AttnscopeAccumulatorStats(direct, expected, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK_OK(AttnscopeAccumulatorStats(watched, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
  for (int i = 0; i < ATTNSCOPE_NUM_METRICS; ++i) {
    CHECK(metrics[i] == expected[i] || (isnan(metrics[i]) && isnan(expected[i])));
  }
  CHECK(IsNear(metrics[ATTNSCOPE_ROWS], 2 * kHeads * kQueries) && metrics[ATTNSCOPE_RESIDUAL_RATIO] > 0.1);
  CHECK(IsNear(metrics[ATTNSCOPE_GRADIENT_NORM], sqrt(5.0) / 4.0));
  CHECK_ERROR(AttnscopeMonitorAddGradient(monitor, 1, &gradient), ATTNSCOPE_OUT_OF_RANGE, "layer is 1");
  AttnscopeAccumulatorDestroy(direct);
  AttnscopeAccumulatorDestroy(watched);
  AttnscopeMonitorDestroy(monitor);
}

int main(int argc, char** argv) {
  CHECK(strcmp(AttnscopeLastError(), "") == 0);
  TestVersionAndTargets();
  TestMetricNames();
  TestOtherNames();
  TestWeights();
  TestMaskAndRunner();
  TestLogitsAndQueriesKeys();
  TestTokenMajor();
  TestGgml();
  TestConfigAndScratch();
  TestMergeByArrays();
  TestErrors();
  TestResidualAndGradient();
  TestMonitor();
  TestMonitorFeeds();
  TestKeyScores();
  TestKernels();
  TestStructs();
  TestRows();
  TestVisibility();
  TestReports(argc > 1 ? argv[1] : "c_interface_test.png");
  if (failures == 0) puts("all of the C interface works");
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
