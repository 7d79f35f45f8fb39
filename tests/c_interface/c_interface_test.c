/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface, used from C11: compiled by a C compiler, with nothing of C++ in sight. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attnscope/attnscope_c.h"

static int failures = 0;

static void Check(int ok, const char* what, int line) {
  if (ok) return;
  ++failures;
  fprintf(stderr, "%s:%d: failed: %s; the last error is \"%s\"\n", __FILE__, line, what, AttnscopeLastError());
}
#define CHECK(condition) Check((condition) != 0, #condition, __LINE__)
#define CHECK_OK(call) Check((call) == ATTNSCOPE_OK, #call, __LINE__)
/* A call that fails with this status and a message that starts so. */
#define CHECK_ERROR(call, status, message) \
  Check((call) == (status) && strncmp(AttnscopeLastError(), message, strlen(message)) == 0, #call, __LINE__)

enum { kHeads = 2, kQueries = 3, kKeys = 4 };

/* Head 0 is uniform; head 1 attends to key 2 alone. */
static const float kWeights[kHeads][kQueries][kKeys] = {
    {{0.25f, 0.25f, 0.25f, 0.25f}, {0.25f, 0.25f, 0.25f, 0.25f}, {0.25f, 0.25f, 0.25f, 0.25f}},
    {{0.0f, 0.0f, 1.0f, 0.0f}, {0.0f, 0.0f, 1.0f, 0.0f}, {0.0f, 0.0f, 1.0f, 0.0f}},
};

static int IsNear(double value, double expected) { return fabs(value - expected) <= 1e-6; }

static AttnscopeLayerConfig LayerConfig(void) {
  AttnscopeLayerConfig config = {.struct_size = sizeof config};
  AttnscopeLayerConfigDefaults(&config);
  config.heads = kHeads;
  config.max_keys = kKeys;
  return config;
}

static AttnscopeAccumulator* NewAccumulator(void) {
  const AttnscopeLayerConfig config = LayerConfig();
  AttnscopeAccumulator* accumulator = NULL;
  CHECK_OK(AttnscopeAccumulatorCreate(&config, &accumulator));
  return accumulator;
}

static AttnscopeAttentionView WeightsView(void) {
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  AttnscopeContiguousAttention(kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, kQueries, kKeys, &view);
  return view;
}

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
  CHECK(IsNear(layer[ATTNSCOPE_EMPTY_ROWS], 1.0 + 3.0));
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

static void TestStructSizes(void) {
  /* An older program, that knows nothing behind max_keys. */
  struct {
    uint32_t struct_size;
    uint32_t mean_matrix;
    uint64_t heads;
    uint64_t max_keys;
  } old = {sizeof old, 0, kHeads, kKeys};
  AttnscopeAccumulator* accumulator = NULL;
  CHECK_OK(AttnscopeAccumulatorCreate((const AttnscopeLayerConfig*)&old, &accumulator));
  CHECK_OK(AttnscopeAccumulatorEndSequence(accumulator, 0));
  AttnscopeAccumulatorDestroy(accumulator);
  /* A newer one: zeros are fine, values are not. */
  struct {
    AttnscopeLayerConfig config;
    double added;
  } new_one = {LayerConfig(), 0.0};
  new_one.config.struct_size = sizeof new_one;
  CHECK_OK(AttnscopeAccumulatorCreate(&new_one.config, &accumulator));
  AttnscopeAccumulatorDestroy(accumulator);
  new_one.added = 1.0;
  CHECK_ERROR(AttnscopeAccumulatorCreate(&new_one.config, &accumulator), ATTNSCOPE_INVALID_ARGUMENT,
              "config sets fields that attnscope 0.");
  new_one.config.struct_size = 0;
  CHECK_ERROR(AttnscopeAccumulatorCreate(&new_one.config, &accumulator), ATTNSCOPE_INVALID_ARGUMENT,
              "config->struct_size is 0, expected the struct's sizeof");
  /* Defaults reach as far as the caller's struct. */
  AttnscopeLayerConfig config;
  memset(&config, 0x55, sizeof config);
  config.struct_size = 16;
  AttnscopeLayerConfigDefaults(&config);
  CHECK(config.struct_size == 16 && config.heads == 1);
  CHECK(config.max_keys == 0x5555555555555555u);
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
  view.type = -1;
  CHECK_ERROR(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL), ATTNSCOPE_INVALID_ARGUMENT,
              "weights.type is 255, not an ElementType");
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
  CHECK_ERROR(AttnscopeMonitorCreate(&config, &monitor), ATTNSCOPE_INVALID_ARGUMENT, "config is null");
  config.layers = 2;
  config.layer = &layer;
  config.watched_layers = watched;
  config.num_watched_layers = 1;
  config.every_steps = 2;
  config.window_steps = 4;
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

static void TestReport(const char* png_path) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  AttnscopeReport* report = NULL;
  CHECK_OK(AttnscopeReportCreate(&report));
  CHECK_OK(AttnscopeReportSetStage(report, "val"));
  CHECK_OK(AttnscopeReportSetEpoch(report, 3));
  CHECK_OK(AttnscopeReportSetLayer(report, 5, accumulator));
  CHECK_ERROR(AttnscopeReportSetLayer(report, -1, accumulator), ATTNSCOPE_INVALID_ARGUMENT, "layer is -1");
  const char* json = NULL;
  size_t length = 0;
  CHECK_OK(AttnscopeReportToJson(report, &json, &length));
  CHECK(length == strlen(json) && strstr(json, "\"stage\": \"val\"") != NULL);

  AttnscopeReport* read = NULL;
  CHECK_OK(AttnscopeReportCreate(&read));
  CHECK_OK(AttnscopeReportFromJson(read, json, length));
  const char* again = NULL;
  CHECK_OK(AttnscopeReportToJson(read, &again, NULL));
  CHECK(strcmp(json, again) == 0);
  CHECK_ERROR(AttnscopeReportFromJson(read, "{", 1), ATTNSCOPE_DATA_LOSS, "JSON ends too early");
  double value = 0.0;
  CHECK_OK(AttnscopeReportMetric(read, 5, 1, ATTNSCOPE_MAX_ROW_WEIGHT, &value));
  CHECK(IsNear(value, 1.0));
  CHECK_ERROR(AttnscopeReportMetric(read, 4, -1, ATTNSCOPE_ENTROPY, &value), ATTNSCOPE_NOT_FOUND,
              "the report has no layer 4");
  CHECK_ERROR(AttnscopeReportMetric(read, 5, 2, ATTNSCOPE_ENTROPY, &value), ATTNSCOPE_NOT_FOUND,
              "layer 5 of the report has no head 2");
  CHECK_ERROR(AttnscopeReportMetric(read, 5, 0, 99, &value), ATTNSCOPE_INVALID_ARGUMENT, "metric is 99");

  size_t verdicts = 0;
  CHECK_OK(AttnscopeReportDiagnose(report, NULL, &verdicts));
  CHECK(verdicts > 0);
  AttnscopeVerdict verdict = {.struct_size = sizeof verdict};
  CHECK_OK(AttnscopeReportVerdict(report, 0, &verdict));
  CHECK(verdict.severity == ATTNSCOPE_CRITICAL && verdict.layer == 5 && strstr(verdict.message, "layer 5") != NULL);
  CHECK_ERROR(AttnscopeReportVerdict(report, verdicts, &verdict), ATTNSCOPE_OUT_OF_RANGE, "index is");
  AttnscopeThresholds thresholds = {.struct_size = sizeof thresholds};
  AttnscopeThresholdsDefaults(&thresholds);
  CHECK(thresholds.sink_mass_critical == 0.8 && thresholds.invalid_row_share_critical == 0.01);
  double* bounds = &thresholds.one_hot_max_row_weight_warning;
  /* cppcheck-suppress comparePointers ; all fields but the first are doubles, one behind the other */
  while (bounds <= &thresholds.invalid_row_share_critical) *bounds++ = NAN;
  CHECK_OK(AttnscopeReportDiagnose(report, &thresholds, &verdicts));
  CHECK(verdicts == 0);

  AttnscopeFigureOptions options = {.struct_size = sizeof options};
  AttnscopeFigureOptionsDefaults(&options);
  CHECK(options.width == 2000 && options.height == 1500);
  options.width = 800;
  options.height = 600;
  CHECK_OK(AttnscopeReportWritePng(report, &options, png_path));
  const uint8_t* png = NULL;
  size_t size = 0;
  CHECK_OK(AttnscopeReportEncodePng(report, &options, &png, &size));
  CHECK(size > 1000 && memcmp(png, "\x89PNG\r\n\x1a\n", 8) == 0);
  FILE* file = fopen(png_path, "rb");
  CHECK(file != NULL);
  uint8_t* bytes = malloc(size + 1);
  CHECK(file != NULL && bytes != NULL && fread(bytes, 1, size + 1, file) == size && memcmp(bytes, png, size) == 0);
  free(bytes);
  if (file != NULL) fclose(file);
  remove(png_path);
  options.width = 1;
  CHECK_ERROR(AttnscopeReportEncodePng(report, &options, &png, &size), ATTNSCOPE_INVALID_ARGUMENT, "");
  CHECK_ERROR(AttnscopeReportWritePng(report, NULL, "/nowhere/at/all.png"), ATTNSCOPE_IO_ERROR, "");
  AttnscopeReportDestroy(read);
  AttnscopeReportDestroy(report);
  AttnscopeAccumulatorDestroy(accumulator);
}

int main(int argc, char** argv) {
  CHECK(strcmp(AttnscopeLastError(), "") == 0);
  TestVersionAndTargets();
  TestMetricNames();
  TestWeights();
  TestMaskAndRunner();
  TestLogitsAndQueriesKeys();
  TestMergeByArrays();
  TestStructSizes();
  TestErrors();
  TestResidualAndGradient();
  TestMonitor();
  TestReport(argc > 1 ? argv[1] : "c_interface_test.png");
  if (failures == 0) puts("all of the C interface works");
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
