// SPDX-License-Identifier: Apache-2.0
//
// The part of the C interface that needs attnscope::render.
#include "attnscope/figure.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "c_interface/fields.h"
#include "c_interface/handles.h"
#include "c_interface/struct_size.h"
#include "c_interface/thresholds.h"

// What a figure became.
struct AttnscopeFigure {
  attnscope::Image image;  // no pixels in it but for ATTNSCOPE_FORMAT_RGB
  std::vector<uint8_t> png;
  std::string svg;
  const void* bytes = nullptr;
  size_t size = 0;
};

namespace attnscope::c_interface {
namespace {

static_assert(static_cast<int>(FigureKind::kSummary) == ATTNSCOPE_FIGURE_SUMMARY);
static_assert(static_cast<int>(FigureKind::kHeads) == ATTNSCOPE_FIGURE_HEADS);
static_assert(static_cast<int>(FigureKind::kHistory) == ATTNSCOPE_FIGURE_HISTORY);

AttnscopeFigureOptions DefaultOptions() {
  const FigureOptions defaults;
  AttnscopeFigureOptions out = {};
  out.struct_size = sizeof(out);
  out.width = defaults.width;
  out.height = defaults.height;
  out.scale = defaults.scale;
  out.plain = defaults.plain ? 1 : 0;
  out.dark = defaults.dark ? 1 : 0;
  return out;
}

Status ReadOptions(const AttnscopeFigureOptions* options, FigureOptions* out) {
  if (options == nullptr) return {};
  AttnscopeFigureOptions read = DefaultOptions();
  if (Status status = ReadStruct("options", options, &read); !status.ok()) return status;
  out->width = read.width;
  out->height = read.height;
  out->scale = read.scale;
  if (Status status = CheckReserved("options", read.reserved); !status.ok()) return status;
  if (Status status = ReadFlag("options", "plain", read.plain, &out->plain); !status.ok()) return status;
  if (Status status = ReadFlag("options", "dark", read.dark, &out->dark); !status.ok()) return status;
  if (read.baseline != nullptr) out->baseline = &read.baseline->baseline;
  return Read("options->thresholds", read.thresholds, &out->thresholds);
}

// The arguments of a call that draws several reports, read.
struct Drawing {
  Status Read(int32_t c_kind, const AttnscopeReport* const* handles, size_t count,
              const AttnscopeFigureOptions* c_options) {
    if (c_kind < ATTNSCOPE_FIGURE_SUMMARY || c_kind > ATTNSCOPE_FIGURE_HISTORY) {
      return {StatusCode::kInvalidArgument,
              "kind is " + std::to_string(c_kind) + ", expected an AttnscopeFigureKind, 0 to 2"};
    }
    kind = static_cast<FigureKind>(c_kind);
    if (handles == nullptr && count != 0) return NullArgument("reports");
    for (size_t i = 0; i < count; ++i) {
      if (handles[i] == nullptr) return NullArgument(("reports[" + std::to_string(i) + "]").c_str());
    }
    if (count == 1) {
      reports = {&handles[0]->report, 1};
    } else {
      for (size_t i = 0; i < count; ++i) copies.push_back(handles[i]->report);
      reports = copies;
    }
    return ReadOptions(c_options, &options);
  }

  FigureKind kind = FigureKind::kSummary;
  std::span<const Report> reports;
  std::vector<Report> copies;  // of several reports, since a figure takes an array
  FigureOptions options;
};

// The picture of one report alone.
Status RenderSummary(const AttnscopeReport* report, const AttnscopeFigureOptions* c_options, Image* image) {
  if (report == nullptr) return NullArgument("report");
  FigureOptions options;
  if (Status status = ReadOptions(c_options, &options); !status.ok()) return status;
  return RenderFigure(FigureKind::kSummary, {&report->report, 1}, options, image);
}

Status Draw(const Drawing& drawing, int32_t format, AttnscopeFigure* figure) {
  if (format == ATTNSCOPE_FORMAT_SVG) {
    Status status = RenderFigureSvg(drawing.kind, drawing.reports, drawing.options, &figure->svg);
    figure->bytes = figure->svg.data();
    figure->size = figure->svg.size();
    return status;
  }
  Status status = RenderFigure(drawing.kind, drawing.reports, drawing.options, &figure->image);
  if (!status.ok()) return status;
  if (format == ATTNSCOPE_FORMAT_PNG) {
    status = EncodePng(figure->image, &figure->png);
    figure->image.rgb = {};
  }
  const std::vector<uint8_t>& bytes = format == ATTNSCOPE_FORMAT_PNG ? figure->png : figure->image.rgb;
  figure->bytes = bytes.data();
  figure->size = bytes.size();
  return status;
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeFigureOptionsDefaults(AttnscopeFigureOptions* options) {
  return Guarded([&] { return WriteStruct("options", DefaultOptions(), options); });
}

AttnscopeStatus AttnscopeFigureCreate(int32_t kind, int32_t format, const AttnscopeReport* const* reports,
                                      size_t num_reports, const AttnscopeFigureOptions* options,
                                      AttnscopeFigure** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    if (format < ATTNSCOPE_FORMAT_RGB || format > ATTNSCOPE_FORMAT_SVG) {
      return {StatusCode::kInvalidArgument,
              "format is " + std::to_string(format) + ", expected an AttnscopeFigureFormat, 0 to 2"};
    }
    Drawing drawing;
    Status status = drawing.Read(kind, reports, num_reports, options);
    if (!status.ok()) return status;
    auto figure = std::make_unique<AttnscopeFigure>();
    if (status = Draw(drawing, format, figure.get()); !status.ok()) return status;
    *out = figure.release();
    return {};
  });
}

void AttnscopeFigureDestroy(AttnscopeFigure* figure) { delete figure; }

AttnscopeStatus AttnscopeFigureBytes(const AttnscopeFigure* figure, const uint8_t** bytes, size_t* size) {
  return Guarded([&]() -> Status {
    if (figure == nullptr) return NullArgument("figure");
    if (bytes == nullptr) return NullArgument("bytes");
    if (size == nullptr) return NullArgument("size");
    *bytes = static_cast<const uint8_t*>(figure->bytes);
    *size = figure->size;
    return {};
  });
}

AttnscopeStatus AttnscopeFigurePixels(const AttnscopeFigure* figure, int32_t* width, int32_t* height,
                                      double* pixels_per_inch) {
  return Guarded([&]() -> Status {
    if (figure == nullptr) return NullArgument("figure");
    if (figure->image.width == 0) return {StatusCode::kNotFound, "the figure is an SVG, which has no pixels"};
    if (width != nullptr) *width = figure->image.width;
    if (height != nullptr) *height = figure->image.height;
    if (pixels_per_inch != nullptr) *pixels_per_inch = figure->image.pixels_per_inch;
    return {};
  });
}

AttnscopeStatus AttnscopeFigureWrite(int32_t kind, const AttnscopeReport* const* reports, size_t num_reports,
                                     const AttnscopeFigureOptions* options, const char* path) {
  return Guarded([&]() -> Status {
    if (path == nullptr) return NullArgument("path");
    Drawing drawing;
    Status status = drawing.Read(kind, reports, num_reports, options);
    return status.ok() ? WriteFigure(drawing.kind, drawing.reports, drawing.options, path) : status;
  });
}

AttnscopeStatus AttnscopeReportWritePng(const AttnscopeReport* report, const AttnscopeFigureOptions* options,
                                        const char* path) {
  return Guarded([&]() -> Status {
    if (path == nullptr) return NullArgument("path");
    Image image;
    Status status = c_interface::RenderSummary(report, options, &image);
    return status.ok() ? WritePng(image, path) : status;
  });
}

AttnscopeStatus AttnscopeReportEncodePng(AttnscopeReport* report, const AttnscopeFigureOptions* options,
                                         const uint8_t** png, size_t* size) {
  return Guarded([&]() -> Status {
    if (png == nullptr) return NullArgument("png");
    if (size == nullptr) return NullArgument("size");
    Image image;
    Status status = c_interface::RenderSummary(report, options, &image);
    if (status.ok()) status = EncodePng(image, &report->png);
    if (!status.ok()) return status;
    *png = report->png.data();
    *size = report->png.size();
    return {};
  });
}
