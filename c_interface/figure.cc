// SPDX-License-Identifier: Apache-2.0
//
// The part of the C interface that needs attnscope::render.
#include "attnscope/figure.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attnscope/limits.h"
#include "attnscope/page.h"
#include "c_interface/attention_maps.h"
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
static_assert(static_cast<int>(FigureKind::kKeys) == ATTNSCOPE_FIGURE_KEYS);
static_assert(static_cast<int>(FigureKind::kMaps) == ATTNSCOPE_FIGURE_MAPS);

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

std::string Indexed(const char* array, size_t i) { return std::string(array) + "[" + std::to_string(i) + "]"; }

// An array of pointers, none of them null.
template <typename T>
Status CheckPointers(const char* name, const T* const* pointers, size_t count) {
  if (pointers == nullptr && count != 0) return NullArgument(name);
  for (size_t i = 0; i < count; ++i) {
    if (pointers[i] == nullptr) return NullArgument(Indexed(name, i).c_str());
  }
  return {};
}

Status ReadProfile(const std::string& name, const AttnscopeKeyProfile* in, KeyProfile* out) {
  AttnscopeKeyProfile read = {};
  if (Status status = ReadStruct(name.c_str(), in, &read); !status.ok()) return status;
  if (Status status = CheckReserved(name.c_str(), read.reserved); !status.ok()) return status;
  if (read.keys > kMaxKeys) {
    return {StatusCode::kInvalidArgument,
            name + "->keys is " + std::to_string(read.keys) + "; at most " + std::to_string(kMaxKeys) + " are allowed"};
  }
  if (read.mean == nullptr && read.keys != 0) return NullArgument((name + "->mean").c_str());
  out->layer = read.layer;
  out->heads = read.heads;
  out->mean.assign(read.mean, read.mean + read.keys);
  out->largest_head = read.largest_head;
  if (read.largest != nullptr) out->largest.assign(read.largest, read.largest + read.keys);
  return {};
}

// The arguments of a call that draws, read.
struct Drawing {
  Status ReadKind(int32_t c_kind) {
    if (c_kind < ATTNSCOPE_FIGURE_SUMMARY || c_kind > ATTNSCOPE_FIGURE_MAPS) {
      return {StatusCode::kInvalidArgument,
              "kind is " + std::to_string(c_kind) + ", expected an AttnscopeFigureKind, 0 to 4"};
    }
    kind = static_cast<FigureKind>(c_kind);
    return {};
  }

  Status ReadReports(const AttnscopeReport* const* handles, size_t count) {
    if (Status status = CheckPointers("reports", handles, count); !status.ok()) return status;
    if (count == 1) {
      data.reports = {&handles[0]->report, 1};
    } else {
      for (size_t i = 0; i < count; ++i) copies.push_back(handles[i]->report);
      data.reports = copies;
    }
    return {};
  }

  Status ReadKeys(const AttnscopeKeyProfile* const* pointers, size_t count) {
    count = std::min(count, kMostProfiles + 1);  // more are refused, and need not be read
    if (Status status = CheckPointers("keys", pointers, count); !status.ok()) return status;
    for (size_t i = 0; i < count; ++i) {
      Status status = ReadProfile(Indexed("keys", i), pointers[i], &keys.emplace_back());
      if (!status.ok()) return status;
    }
    data.keys = keys;
    return {};
  }

  Status ReadMaps(const AttnscopeAttentionMap* const* pointers, size_t count) {
    count = std::min(count, kMostMaps + 1);
    if (Status status = CheckPointers("maps", pointers, count); !status.ok()) return status;
    for (size_t i = 0; i < count; ++i) {
      if (Status status = ReadMap(Indexed("maps", i), pointers[i], &maps.emplace_back()); !status.ok()) return status;
    }
    data.maps = maps;
    return {};
  }

  Status Read(int32_t c_kind, const AttnscopeReport* const* handles, size_t count,
              const AttnscopeFigureOptions* c_options) {
    Status status = ReadKind(c_kind);
    if (status.ok()) status = ReadReports(handles, count);
    return status.ok() ? ReadOptions(c_options, &options) : status;
  }

  Status Read(int32_t c_kind, const AttnscopeFigureData* c_data, const AttnscopeFigureOptions* c_options) {
    AttnscopeFigureData read = {};
    Status status = ReadKind(c_kind);
    if (status.ok()) status = ReadStruct("data", c_data, &read);
    if (status.ok()) status = CheckReserved("data", read.reserved);
    if (status.ok()) status = ReadReports(read.reports, read.num_reports);
    if (status.ok()) status = ReadKeys(read.keys, read.num_keys);
    if (status.ok()) status = ReadMaps(read.maps, read.num_maps);
    return status.ok() ? ReadOptions(c_options, &options) : status;
  }

  FigureKind kind = FigureKind::kSummary;
  FigureData data;
  std::vector<Report> copies;  // of several reports, since a figure takes an array
  std::vector<KeyProfile> keys;
  std::vector<AttentionMap> maps;
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
    Status status = RenderFigureSvgOf(drawing.kind, drawing.data, drawing.options, &figure->svg);
    figure->bytes = figure->svg.data();
    figure->size = figure->svg.size();
    return status;
  }
  Status status = RenderFigureOf(drawing.kind, drawing.data, drawing.options, &figure->image);
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

template <typename... Arguments>
Status Create(int32_t format, AttnscopeFigure** out, const Arguments&... arguments) {
  if (out == nullptr) return NullArgument("out");
  if (format < ATTNSCOPE_FORMAT_RGB || format > ATTNSCOPE_FORMAT_SVG) {
    return {StatusCode::kInvalidArgument,
            "format is " + std::to_string(format) + ", expected an AttnscopeFigureFormat, 0 to 2"};
  }
  Drawing drawing;
  Status status = drawing.Read(arguments...);
  if (!status.ok()) return status;
  auto figure = std::make_unique<AttnscopeFigure>();
  if (status = Draw(drawing, format, figure.get()); !status.ok()) return status;
  *out = figure.release();
  return {};
}

template <typename... Arguments>
Status Write(const char* path, const Arguments&... arguments) {
  if (path == nullptr) return NullArgument("path");
  Drawing drawing;
  Status status = drawing.Read(arguments...);
  return status.ok() ? WriteFigureOf(drawing.kind, drawing.data, drawing.options, path) : status;
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
  return Guarded([&] { return c_interface::Create(format, out, kind, reports, num_reports, options); });
}

AttnscopeStatus AttnscopeFigureCreateOf(int32_t kind, int32_t format, const AttnscopeFigureData* data,
                                        const AttnscopeFigureOptions* options, AttnscopeFigure** out) {
  return Guarded([&] { return c_interface::Create(format, out, kind, data, options); });
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
  return Guarded([&] { return c_interface::Write(path, kind, reports, num_reports, options); });
}

AttnscopeStatus AttnscopeFigureWriteOf(int32_t kind, const AttnscopeFigureData* data,
                                       const AttnscopeFigureOptions* options, const char* path) {
  return Guarded([&] { return c_interface::Write(path, kind, data, options); });
}

AttnscopeStatus AttnscopePageWrite(const AttnscopeFigureData* data, const AttnscopeFigureOptions* options,
                                   const char* path) {
  return Guarded([&]() -> Status {
    if (path == nullptr) return NullArgument("path");
    Drawing drawing;
    Status status = drawing.Read(ATTNSCOPE_FIGURE_SUMMARY, data, options);
    return status.ok() ? WritePage(drawing.data, drawing.options, path) : status;
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
