/* SPDX-License-Identifier: Apache-2.0
 *
 * A C program outside of attnscope's tree that uses all three libraries: numbers become a report, the report becomes
 * JSON and comes back, and all kinds of figures are drawn from it. */
#include <attnscope/attnscope_c.h>
#include <stdio.h>

static int Fail(void) {
  fprintf(stderr, "%s\n", AttnscopeLastError());
  return 1;
}

int main(void) {
  AttnscopeReport* report = NULL;
  AttnscopeReport* again = NULL;
  if (AttnscopeReportCreate(&report) != ATTNSCOPE_OK || AttnscopeReportCreate(&again) != ATTNSCOPE_OK) return Fail();
  for (int64_t layer = 0; layer < 4; ++layer) {
    for (int64_t head = -1; head < 2; ++head) {
      const double value = 0.2 * (double)layer;
      if (AttnscopeReportSetMetric(report, layer, head, ATTNSCOPE_SINK_MASS, value) != ATTNSCOPE_OK) return Fail();
    }
  }
  const char* json = NULL;
  size_t length = 0;
  if (AttnscopeReportToJson(report, &json, &length) != ATTNSCOPE_OK) return Fail();
  if (AttnscopeReportFromJson(again, json, length) != ATTNSCOPE_OK) return Fail();
  if (AttnscopeWriteFileAtomically("consumer_figures.json", json, length) != ATTNSCOPE_OK) return Fail();

  const AttnscopeReport* const reports[2] = {report, again};
  size_t bytes = 0;
  for (int kind = ATTNSCOPE_FIGURE_SUMMARY; kind <= ATTNSCOPE_FIGURE_HISTORY; ++kind) {
    AttnscopeFigure* figure = NULL;
    const uint8_t* svg = NULL;
    size_t size = 0;
    const size_t count = kind == ATTNSCOPE_FIGURE_HISTORY ? 2 : 1;
    if (AttnscopeFigureCreate(kind, ATTNSCOPE_FORMAT_SVG, reports, count, NULL, &figure) != ATTNSCOPE_OK ||
        AttnscopeFigureBytes(figure, &svg, &size) != ATTNSCOPE_OK) {
      return Fail();
    }
    bytes += size;
    AttnscopeFigureDestroy(figure);
  }
  if (AttnscopeReportWritePng(report, NULL, "consumer_figures.png") != ATTNSCOPE_OK) return Fail();
  AttnscopeReportDestroy(report);
  AttnscopeReportDestroy(again);
  printf("attnscope %s drew %lu bytes of SVG\n", AttnscopeVersion(), (unsigned long)bytes);
  return 0;
}
