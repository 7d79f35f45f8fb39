// SPDX-License-Identifier: Apache-2.0
#include "attnscope/summary_figure.h"

#include <cmath>
#include <new>
#include <string>
#include <utility>

#include "render/raster_canvas.h"
#include "render/summary.h"

namespace attnscope {
namespace {

constexpr int kMinWidth = 400;
constexpr int kMinHeight = 300;
constexpr int kMaxSide = 20000;
constexpr double kMinScale = 0.1;
constexpr double kMaxScale = 16.0;
constexpr double kMaxPixels = 268435456.0;  // 2^28
constexpr double kUnitsPerInch = 100.0;

Status CheckOptions(const FigureOptions& options) {
  const auto error = [](const std::string& message) { return Status(StatusCode::kInvalidArgument, message); };
  if (options.width < kMinWidth || options.width > kMaxSide) {
    return error("options.width is " + std::to_string(options.width) + "; it must be from 400 to 20000");
  }
  if (options.height < kMinHeight || options.height > kMaxSide) {
    return error("options.height is " + std::to_string(options.height) + "; it must be from 300 to 20000");
  }
  if (!(options.scale >= kMinScale && options.scale <= kMaxScale)) {
    return error("options.scale is " + std::to_string(options.scale) + "; it must be from 0.1 to 16");
  }
  const double pixels = options.width * options.scale * options.height * options.scale;
  if (pixels > kMaxPixels) {
    return error("options.width x options.height at options.scale " + std::to_string(options.scale) + " is " +
                 std::to_string(static_cast<int64_t>(pixels)) + " pixels; at most 2^28 are allowed");
  }
  return {};
}

}  // namespace

Status RenderSummary(const Report& report, const FigureOptions& options, Image* out) {
  if (Status status = CheckOptions(options); !status.ok()) return status;
  try {
    Image image;
    image.width = static_cast<int>(std::lround(options.width * options.scale));
    image.height = static_cast<int>(std::lround(options.height * options.scale));
    image.pixels_per_inch = kUnitsPerInch * options.scale;
    image.rgb.assign(3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height), 0xFF);
    render::RasterCanvas canvas(options.scale, &image);
    render::DrawSummary(report, options.width, options.height, &canvas);
    *out = std::move(image);
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "no memory for a picture of " + std::to_string(options.width) + " x " +
                                          std::to_string(options.height) + " at scale " +
                                          std::to_string(options.scale)};
  }
  return {};
}

}  // namespace attnscope
