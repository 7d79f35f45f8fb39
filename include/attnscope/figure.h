// SPDX-License-Identifier: Apache-2.0
//
// The pictures of reports, and of attention itself, drawn by attnscope's own rasterizer or written as SVG. Link
// attnscope::render.
//
//   using attnscope::FigureKind;
//   attnscope::Status status = attnscope::WriteFigure(FigureKind::kSummary, {&report, 1}, {}, "summary.svg");
#ifndef ATTNSCOPE_FIGURE_H_
#define ATTNSCOPE_FIGURE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnscope/attention_map.h"
#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "attnscope/export.h"
#include "attnscope/key_profile.h"
#include "attnscope/report.h"
#include "attnscope/status.h"

namespace attnscope {

// The kinds of pictures.
enum class FigureKind : uint8_t {
  // One report: six panels over the layer index. Attention entropy; effective rank (log axis); top-5, -10 and -50 mass;
  // max row weight; column entropy and max column sum (two axes); residual update ratio (log axis) with its healthy
  // bounds. A missing or non-finite value is a gap in its curve, never a zero; a zero on a log axis is drawn at the
  // axis's lower end by a marker that points down; layers that the report skips are bridged by a thin dashed line.
  // Labels and legends cover no data; of many values, the most telling are labelled. Healthy ranges (between the
  // thresholds of effective rank, max row weight and residual ratio) are shaded, layers with verdicts (their own or a
  // head's) are marked, and the worst verdict stands under the title.
  kSummary,
  // One report with heads: maps of layers by heads for normalized entropy, max row weight and sink mass, because means
  // over a layer hide a collapsed head. Heads with verdicts are marked.
  kHeads,
  // One report or more, of one model at different times: each metric over time, one line for each layer, coloured by
  // depth. A mark is where a layer's verdict began, or first became critical. Time is the reports' steps or epochs,
  // whichever have more different values (steps, if as many), else the order in which the reports are given. Reports
  // are sorted by it; of those of one time and stage, as of a run that was resumed, the last that is given is shown.
  // Missing values are bridged by a thin dashed line. Reports of up to four stages, such as training and validation,
  // are a set of lines each, told apart by dashes and markers; more are an error.
  kHistory,
  // Key profiles, at most kMostProfiles: attention received by key position, one panel for each layer, on logarithmic
  // axes that are the same for all. The mean over heads, the largest head, and the bound of sinks. Where keys are too
  // many to be told apart, a point is the largest of several, which a note says; less than a hundredth of an even share
  // is drawn as nothing. A report, if there is one, decides what stands under the title.
  kKeys,
  // Attention maps, at most kMostMaps, ascending by layer and then by head: the matrices themselves as thumbnails, a
  // row
  // for each layer and a column for each head (or each layer's heads over several rows, where that makes them larger).
  // Colours are logarithmic, and the same for all; hidden keys and invalid weights have colours of their own. Heads
  // with
  // verdicts of the report, if there is one, are marked.
  kMaps,
};

// Key profiles that a figure has room for.
inline constexpr size_t kMostProfiles = 36;
// And maps.
inline constexpr size_t kMostMaps = 1024;

// 8-bit sRGB pixels, rows from top to bottom, three bytes a pixel (red, green, blue), no padding.
struct Image {
  int width = 0;
  int height = 0;
  double pixels_per_inch = 100.0;  // resolution metadata only
  std::vector<uint8_t> rgb;        // [height, width, 3]
};

// How a figure is drawn.
struct FigureOptions {
  // Layout size, in 1/100 inch (one pixel each at scale 1). From 400 x 300 to 20000 x 20000. Text has its full size
  // from 1400 x 1050 on, and is smaller in smaller figures.
  int width = 2000;
  int height = 1500;
  // Pixels per 1/100 inch: changes the density, never the layout. From 0.1 to 16; at most 2^28 pixels in all.
  double scale = 1.0;
  bool plain = false;  // curves, axes and legends only: no healthy ranges, no marks, no verdict
  bool dark = false;   // for dark backgrounds
  // Decide the verdicts, the marks and the healthy ranges that are shown.
  Thresholds thresholds = {};
  const Baseline* baseline = nullptr;  // beside which the verdicts are made, as by Judge; null: none
};

// What a figure is drawn from: arrays that must outlive the call only.
struct FigureData {
  std::span<const Report> reports = {};
  std::span<const KeyProfile> keys = {};    // of kKeys, whose layers ascend
  std::span<const AttentionMap> maps = {};  // of kMaps
};

// Draws a figure. The same reports and options give the same bytes on every machine. Errors: kInvalidArgument for a
// size or scale beyond its range, a number of reports that the kind cannot show, or layers that do not ascend;
// kOutOfMemory. `*out` is then unchanged. Thread-safe. O(pixels + values).
ATTNSCOPE_EXPORT Status RenderFigure(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                                     Image* out);

// The same of any data. Errors: kInvalidArgument also for what the kind does not show, or too many or too few of what
// it does.
ATTNSCOPE_EXPORT Status RenderFigureOf(FigureKind kind, const FigureData& data, const FigureOptions& options,
                                       Image* out);

// The same drawing as a standalone SVG document: text is text, every element's class tells what it is. `scale` only
// sets the size that the document asks for. Errors and determinism as RenderFigure's.
ATTNSCOPE_EXPORT Status RenderFigureSvg(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                                        std::string* out);
ATTNSCOPE_EXPORT Status RenderFigureSvgOf(FigureKind kind, const FigureData& data, const FigureOptions& options,
                                          std::string* out);

// The image as a PNG file in memory, with its resolution. Errors: kInvalidArgument if the image's sizes do not fit its
// pixels, kOutOfMemory; `*out` is then unchanged. Thread-safe.
ATTNSCOPE_EXPORT Status EncodePng(const Image& image, std::vector<uint8_t>* out);

// Writes a PNG file: to a temporary name beside `path`, flushed, then renamed, so that `path` is never half-written.
// Errors: as EncodePng, and kIoError, whose message names the path and the system's reason.
ATTNSCOPE_EXPORT Status WritePng(const Image& image, const std::string& path);

// Draws a figure into a file in the same safe way: SVG if `path` ends in ".svg", else PNG. Errors: those of the calls
// above.
ATTNSCOPE_EXPORT Status WriteFigure(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                                    const std::string& path);
ATTNSCOPE_EXPORT Status WriteFigureOf(FigureKind kind, const FigureData& data, const FigureOptions& options,
                                      const std::string& path);

}  // namespace attnscope

#endif  // ATTNSCOPE_FIGURE_H_
