// SPDX-License-Identifier: Apache-2.0
//
// The six-panel picture of a report, drawn by attnscope's own rasterizer. Link attnscope::render.
#ifndef ATTNSCOPE_SUMMARY_FIGURE_H_
#define ATTNSCOPE_SUMMARY_FIGURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/report.h"
#include "attnscope/status.h"

namespace attnscope {

// 8-bit sRGB pixels, rows from top to bottom, three bytes a pixel (red, green, blue), no padding.
struct Image {
  int width = 0;
  int height = 0;
  double pixels_per_inch = 100.0;  // resolution metadata only
  std::vector<uint8_t> rgb;        // [height, width, 3]
};

struct FigureOptions {
  // Layout size, in 1/100 inch (one pixel each at scale 1). From 400 x 300 to 20000 x 20000. Text has its full size
  // from 1400 x 1050 on, and is smaller in smaller figures.
  int width = 2000;
  int height = 1500;
  // Pixels per 1/100 inch: changes the density, never the layout. From 0.1 to 16; at most 2^28 pixels in all.
  double scale = 1.0;
};

// Draws, as a grid of 3 rows and 2 columns over the layer index: attention entropy; effective rank (log axis); top-5,
// -10 and -50 mass; max row weight; column entropy and max column sum (two axes); residual update ratio (log axis) with
// its healthy bounds. A missing or non-finite value is a gap in its curve, never a zero; a zero on a log axis is drawn
// at the axis's lower end by a marker that points down; layers that the report skips are bridged by a thin dashed line.
// Labels and legends cover no data; of many values, the most telling are labelled. The same report and options give the
// same bytes on every machine. Errors: kInvalidArgument for a size or scale beyond its range, kOutOfMemory; `*out` is
// then unchanged. Thread-safe.
ATTNSCOPE_EXPORT Status RenderSummary(const Report& report, const FigureOptions& options, Image* out);

// The image as a PNG file in memory. Errors: kInvalidArgument if the image's sizes do not fit its pixels, kOutOfMemory.
ATTNSCOPE_EXPORT Status EncodePng(const Image& image, std::vector<uint8_t>* out);

// Writes a PNG file: to a temporary name beside `path`, flushed, then renamed, so that `path` is never half-written.
// Errors: as EncodePng, and kIoError, whose message names the path and the system's reason.
ATTNSCOPE_EXPORT Status WritePng(const Image& image, const std::string& path);

}  // namespace attnscope

#endif  // ATTNSCOPE_SUMMARY_FIGURE_H_
