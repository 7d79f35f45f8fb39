// SPDX-License-Identifier: Apache-2.0
//
// The part of the C interface that needs attnscope::render.
#include "attnscope/summary_figure.h"
#include "c_interface/handles.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

Status Render(const AttnscopeReport* report, const AttnscopeFigureOptions* options, Image* image) {
  if (report == nullptr) return NullArgument("report");
  FigureOptions figure;
  if (options != nullptr) {
    AttnscopeFigureOptions read = {};
    read.struct_size = sizeof(read);
    AttnscopeFigureOptionsDefaults(&read);
    if (Status status = ReadStruct("options", options, &read); !status.ok()) return status;
    figure.width = read.width;
    figure.height = read.height;
    figure.scale = read.scale;
  }
  return RenderSummary(report->report, figure, image);
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

void AttnscopeFigureOptionsDefaults(AttnscopeFigureOptions* options) {
  const FigureOptions defaults;
  AttnscopeFigureOptions out = {};
  out.width = defaults.width;
  out.height = defaults.height;
  out.scale = defaults.scale;
  WriteStruct(out, options);
}

AttnscopeStatus AttnscopeReportWritePng(const AttnscopeReport* report, const AttnscopeFigureOptions* options,
                                        const char* path) {
  return Guarded([&]() -> Status {
    if (path == nullptr) return NullArgument("path");
    Image image;
    Status status = Render(report, options, &image);
    return status.ok() ? WritePng(image, path) : status;
  });
}

AttnscopeStatus AttnscopeReportEncodePng(AttnscopeReport* report, const AttnscopeFigureOptions* options,
                                         const uint8_t** png, size_t* size) {
  return Guarded([&]() -> Status {
    if (png == nullptr) return NullArgument("png");
    if (size == nullptr) return NullArgument("size");
    Image image;
    Status status = Render(report, options, &image);
    if (status.ok()) status = EncodePng(image, &report->png);
    if (!status.ok()) return status;
    *png = report->png.data();
    *size = report->png.size();
    return {};
  });
}
