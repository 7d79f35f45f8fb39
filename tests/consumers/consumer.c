/* SPDX-License-Identifier: Apache-2.0
 *
 * A C program outside of attnscope's tree. Prints the entropy of four equal weights, and what the monitor says of it.
 */
#include <attnscope/attnscope_c.h>
#include <stdio.h>

static void OnWindow(void* opaque, const char* json_line, size_t length) {
  (void)length;
  *(int*)opaque += 1;
  puts(json_line);
}

int main(void) {
  const float weights[4] = {0.25f, 0.25f, 0.25f, 0.25f};
  int lines = 0;
  AttnscopeLayerConfig layer = {.struct_size = sizeof layer};
  AttnscopeLayerConfigDefaults(&layer);
  layer.max_keys = 4;
  AttnscopeMonitorConfig config = {.struct_size = sizeof config};
  AttnscopeMonitorConfigDefaults(&config);
  config.layers = 1;
  config.layer = &layer;
  config.opaque = &lines;
  config.on_window = OnWindow;
  AttnscopeMonitor* monitor = NULL;
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  AttnscopeContiguousAttention(weights, ATTNSCOPE_FLOAT32, 1, 1, 1, 4, &view);
  if (AttnscopeAbiVersion() != ATTNSCOPE_ABI_VERSION || AttnscopeMonitorCreate(&config, &monitor) != ATTNSCOPE_OK ||
      AttnscopeMonitorAddWeights(monitor, 0, &view, NULL, NULL) != ATTNSCOPE_OK ||
      AttnscopeMonitorCloseWindow(monitor) != ATTNSCOPE_OK) {
    fprintf(stderr, "%s\n", AttnscopeLastError());
    return 1;
  }
  AttnscopeMonitorDestroy(monitor);
  printf("attnscope %s on %s\n", AttnscopeVersion(), AttnscopeChosenTarget());
  return lines == 1 ? 0 : 1;
}
