/* SPDX-License-Identifier: Apache-2.0
 *
 * attnscope in plain C, without an engine: a made-up model decodes, one head of which falls ill for a while. The
 * monitor samples every second step from queries and keys, prints a line for each window, and tells when verdicts come
 * and go. At the end the picture of the whole run is written. Usage: attnscope_example_plain_c PICTURE.png */
#include <attnscope/attnscope_c.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { kLayers = 6, kHeads = 8, kKvHeads = 2, kHeadDim = 32, kPrompt = 64, kSteps = 256, kKeys = kPrompt + kSteps };

/* Ends the program with the library's message if a call has failed. */
static void Check(AttnscopeStatus status) {
  if (status == ATTNSCOPE_OK) return;
  fprintf(stderr, "%s\n", AttnscopeLastError());
  exit(EXIT_FAILURE);
}

static void OnWindow(void* opaque, const char* json_line, size_t length) {
  (void)opaque;
  printf("%.*s ...\n", length < 150 ? (int)length : 150, json_line);
}

static void OnChange(void* opaque, const AttnscopeVerdictChange* change) {
  (void)opaque;
  printf("step %d: %s\n", (int)change->step, change->verdict->message);
}

/* A number from -1 to 1; the same sequence everywhere. */
static float Random(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / 8388608.0f - 1.0f;
}

/* One token's keys [kKvHeads, kHeadDim] in a cache [kKvHeads, kKeys, kHeadDim]. */
static void AddKeys(float* cache, size_t position) {
  for (size_t h = 0; h < kKvHeads; ++h) {
    float* key = cache + (h * kKeys + position) * kHeadDim;
    for (size_t i = 0; i < kHeadDim; ++i) key[i] = 4.0f * Random();
  }
}

/* Queries [kHeads, 1, kHeadDim]. An ill head asks for one key with all its might. */
static void MakeQueries(float* queries, const float* cache, int is_ill) {
  for (size_t i = 0; i < (size_t)kHeads * kHeadDim; ++i) queries[i] = Random();
  for (size_t i = 0; is_ill && i < kHeadDim; ++i) queries[i] = 2.0f * cache[i];
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s PICTURE.png\n", argv[0]);
    return EXIT_FAILURE;
  }
  AttnscopeLayerConfig layer = {.struct_size = sizeof layer};
  AttnscopeLayerConfigDefaults(&layer);
  layer.heads = kHeads;
  layer.max_keys = kKeys;

  AttnscopeMonitorConfig config = {.struct_size = sizeof config};
  AttnscopeMonitorConfigDefaults(&config);
  config.layers = kLayers;
  config.layer = &layer;
  config.every_steps = 2;
  config.window_steps = 64;
  config.on_window = OnWindow;
  config.on_change = OnChange;
  AttnscopeMonitor* monitor = NULL;
  Check(AttnscopeMonitorCreate(&config, &monitor));

  AttnscopeAccumulator* whole_run[kLayers] = {NULL};
  float* caches[kLayers] = {NULL};
  for (int l = 0; l < kLayers; ++l) {
    Check(AttnscopeAccumulatorCreate(&layer, &whole_run[l]));
    caches[l] = calloc((size_t)kKvHeads * kKeys * kHeadDim, sizeof(float));
    if (caches[l] == NULL) return EXIT_FAILURE;
    for (size_t i = 0; i < kPrompt; ++i) AddKeys(caches[l], i);
  }

  for (uint64_t step = 0; step < kSteps; ++step) {
    const size_t keys = kPrompt + (size_t)step + 1;
    for (uint64_t l = 0; l < kLayers; ++l) {
      float queries[kHeads * kHeadDim];
      AddKeys(caches[l], keys - 1);
      MakeQueries(queries, caches[l], l == 3 && step >= 64 && step < 128);
      if (!AttnscopeMonitorShouldSample(monitor, l, step)) continue;
      AttnscopeQueryKeyView view = {.struct_size = sizeof view};
      AttnscopeContiguousQueryKey(queries, caches[l], ATTNSCOPE_FLOAT32, 1, kHeads, kKvHeads, 1, keys, kHeadDim, &view);
      view.key_head_stride = (int64_t)kKeys * kHeadDim; /* the cache has room for more keys */
      Check(AttnscopeMonitorAddQueriesKeys(monitor, l, &view, NULL, NULL));
    }
    /* The window is about to close: keep its sums for the picture of the whole run. */
    for (uint64_t l = 0; l < kLayers && (step + 1) % 64 == 0; ++l) {
      Check(AttnscopeMonitorMergeInto(monitor, l, whole_run[l]));
      Check(AttnscopeAccumulatorEndSequences(whole_run[l]));
    }
    Check(AttnscopeMonitorEndStep(monitor, step, 1));
  }

  AttnscopeReport* report = NULL;
  Check(AttnscopeReportCreate(&report));
  for (int l = 0; l < kLayers; ++l) Check(AttnscopeReportSetLayer(report, l, whole_run[l]));
  Check(AttnscopeReportWritePng(report, NULL, argv[1]));
  printf("wrote %s\n", argv[1]);

  AttnscopeReportDestroy(report);
  AttnscopeMonitorDestroy(monitor);
  for (int l = 0; l < kLayers; ++l) {
    AttnscopeAccumulatorDestroy(whole_run[l]);
    free(caches[l]);
  }
  return EXIT_SUCCESS;
}
