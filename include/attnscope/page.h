// SPDX-License-Identifier: Apache-2.0
//
// A report as one HTML file to open and to send around: what was found and what was not judged, tables that sort and
// filter, and the figures, which tell the value under the pointer. It loads nothing, needs no server, has a light and a
// dark look, and prints. Link attnscope::render.
//
//   attnscope::Status status = attnscope::WritePage({.reports = {&report, 1}}, {}, "report.html");
#ifndef ATTNSCOPE_PAGE_H_
#define ATTNSCOPE_PAGE_H_

#include <string>

#include "attnscope/export.h"
#include "attnscope/figure.h"
#include "attnscope/status.h"

namespace attnscope {

// Makes the page of one report or more; of several, which are shown over time too, the last one is judged. Key profiles
// and maps are shown if there are any. Of `options`, thresholds and baseline count: they decide the verdicts. All text
// of reports is escaped. The same data give the same bytes on every machine. A page of 96 layers with 64 heads and 1000
// reports over time has less than 5 MB. Errors: those of RenderFigureOf for the figures; kInvalidArgument without a
// report; kOutOfMemory. `*out` is then unchanged. Thread-safe. O(values).
ATTNSCOPE_EXPORT Status RenderPage(const FigureData& data, const FigureOptions& options, std::string* out);

// Writes it to a file, whole or not at all. Errors: also kIoError, whose message names the path and the system's
// reason.
ATTNSCOPE_EXPORT Status WritePage(const FigureData& data, const FigureOptions& options, const std::string& path);

}  // namespace attnscope

#endif  // ATTNSCOPE_PAGE_H_
