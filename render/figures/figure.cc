// SPDX-License-Identifier: Apache-2.0
#include "attnscope/figure.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <new>
#include <string_view>
#include <utility>

#include "attnscope/summary_figure.h"
#include "attnscope/write_file.h"
#include "render/draw/png.h"
#include "render/draw/raster_canvas.h"
#include "render/draw/svg_canvas.h"
#include "render/figures/figure_look.h"
#include "render/figures/heads.h"
#include "render/figures/history.h"
#include "render/figures/summary.h"
#include "render/figures/timeline.h"

namespace attnscope {
namespace {

constexpr int kMinWidth = 400;
constexpr int kMinHeight = 300;
constexpr int kMaxSide = 20000;
constexpr double kMinScale = 0.1;
constexpr double kMaxScale = 16.0;
constexpr double kMaxPixels = 268435456.0;  // 2^28
constexpr double kUnitsPerInch = 100.0;

Status Check(FigureKind kind, std::span<const Report> reports, const FigureOptions& options) {
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
  if (kind == FigureKind::kHistory ? reports.empty() : reports.size() != 1) {
    return error("reports holds " + std::to_string(reports.size()) + " reports; this figure shows " +
                 (kind == FigureKind::kHistory ? "one or more" : "one"));
  }
  if (kind == FigureKind::kHistory) {
    const size_t stages = render::CountStages(reports);
    if (stages > render::kMostStages) {
      return error("reports are of " + std::to_string(stages) + " stages; a history shows at most " +
                   std::to_string(render::kMostStages) + " beside one another");
    }
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    const std::vector<LayerReport>& layers = reports[i].layers;
    const auto ascends = [](const LayerReport& a, const LayerReport& b) { return a.layer < b.layer; };
    const auto found = std::adjacent_find(layers.begin(), layers.end(), std::not_fn(ascends));
    if (found == layers.end()) continue;
    return error("reports[" + std::to_string(i) + "].layers must ascend, but " + std::to_string(found->layer) +
                 " stands before " + std::to_string(std::next(found)->layer));
  }
  return {};
}

Status NoMemory(const FigureOptions& options) {
  return {StatusCode::kOutOfMemory, "no memory for a picture of " + std::to_string(options.width) + " x " +
                                        std::to_string(options.height) + " at scale " + std::to_string(options.scale)};
}

render::FigureLook LookOf(const FigureOptions& options) {
  return {.theme = options.dark ? render::DarkTheme() : render::LightTheme(),
          .plain = options.plain,
          .thresholds = options.thresholds,
          .baseline = options.baseline};
}

void DrawFigure(FigureKind kind, std::span<const Report> reports, const render::FigureLook& look,
                const FigureOptions& options, render::Canvas* canvas) {
  const double width = options.width;
  const double height = options.height;
  switch (kind) {
    case FigureKind::kSummary:
      return render::DrawSummary(reports[0], look, width, height, canvas);
    case FigureKind::kHeads:
      return render::DrawHeads(reports[0], look, width, height, canvas);
    case FigureKind::kHistory:
      return render::DrawHistory(reports, look, width, height, canvas);
  }
}

std::string_view TitleOf(FigureKind kind) {
  switch (kind) {
    case FigureKind::kSummary:
      return "Transformer attention diagnostics";
    case FigureKind::kHeads:
      return "Transformer attention by layer and head";
    case FigureKind::kHistory:
      break;
  }
  return "Transformer attention over time";
}

void FillWith(const render::Color& color, Image* image) {
  for (size_t i = 0; i < image->rgb.size(); i += 3) {
    image->rgb[i] = color.red;
    image->rgb[i + 1] = color.green;
    image->rgb[i + 2] = color.blue;
  }
}

}  // namespace

Status RenderFigure(FigureKind kind, std::span<const Report> reports, const FigureOptions& options, Image* out) {
  if (Status status = Check(kind, reports, options); !status.ok()) return status;
  try {
    const render::FigureLook look = LookOf(options);
    Image image;
    image.width = static_cast<int>(std::lround(options.width * options.scale));
    image.height = static_cast<int>(std::lround(options.height * options.scale));
    image.pixels_per_inch = kUnitsPerInch * options.scale;
    render::ReservePixels(&image);
    image.rgb.assign(3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height), 0xFF);
    if (options.dark) FillWith(look.theme.background, &image);
    render::RasterCanvas canvas(options.scale, &image);
    DrawFigure(kind, reports, look, options, &canvas);
    *out = std::move(image);
  } catch (const std::bad_alloc&) {
    return NoMemory(options);
  }
  return {};
}

Status RenderFigureSvg(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                       std::string* out) {
  if (Status status = Check(kind, reports, options); !status.ok()) return status;
  try {
    const render::FigureLook look = LookOf(options);
    render::SvgCanvas canvas(options.width, options.height, options.scale, look.theme.background);
    DrawFigure(kind, reports, look, options, &canvas);
    *out = canvas.Document(TitleOf(kind));
  } catch (const std::bad_alloc&) {
    return NoMemory(options);
  }
  return {};
}

Status WriteFigure(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                   const std::string& path) {
  if (path.ends_with(".svg")) {
    std::string svg;
    Status status = RenderFigureSvg(kind, reports, options, &svg);
    return status.ok() ? WriteFileAtomically(path, svg) : status;
  }
  Image image;
  Status status = RenderFigure(kind, reports, options, &image);
  return status.ok() ? WritePng(image, path) : status;
}

Status RenderSummary(const Report& report, const FigureOptions& options, Image* out) {
  return RenderFigure(FigureKind::kSummary, {&report, 1}, options, out);
}

}  // namespace attnscope
