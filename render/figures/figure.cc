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
#include "render/figures/figure.h"
#include "render/figures/heads.h"
#include "render/figures/history.h"
#include "render/figures/keys.h"
#include "render/figures/maps.h"
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

Status Invalid(const std::string& message) { return {StatusCode::kInvalidArgument, message}; }

Status CheckSize(const FigureOptions& options) {
  if (options.width < kMinWidth || options.width > kMaxSide) {
    return Invalid("options.width is " + std::to_string(options.width) + "; it must be from 400 to 20000");
  }
  if (options.height < kMinHeight || options.height > kMaxSide) {
    return Invalid("options.height is " + std::to_string(options.height) + "; it must be from 300 to 20000");
  }
  if (!(options.scale >= kMinScale && options.scale <= kMaxScale)) {
    return Invalid("options.scale is " + std::to_string(options.scale) + "; it must be from 0.1 to 16");
  }
  const double pixels = options.width * options.scale * options.height * options.scale;
  if (pixels > kMaxPixels) {
    return Invalid("options.width x options.height at options.scale " + std::to_string(options.scale) + " is " +
                   std::to_string(static_cast<int64_t>(pixels)) + " pixels; at most 2^28 are allowed");
  }
  return {};
}

// How many of one thing a kind shows.
struct Room {
  size_t least = 0;
  size_t most = 0;
};

Status CheckCount(const char* field, const char* things, size_t count, const Room& room) {
  if (count >= room.least && count <= room.most) return {};
  std::string expected = "this figure shows ";
  if (room.most == 0) {
    expected += "none";
  } else if (room.least == room.most) {
    expected += "one";
  } else if (room.most == SIZE_MAX) {
    expected += "one or more";
  } else {
    expected += std::to_string(room.least) + " to " + std::to_string(room.most);
  }
  return Invalid(std::string(field) + " holds " + std::to_string(count) + " " + things + "; " + expected);
}

Status CheckCounts(FigureKind kind, const FigureData& data) {
  const bool is_of_reports = kind != FigureKind::kKeys && kind != FigureKind::kMaps;
  const Room reports = !is_of_reports ? Room{0, 1} : kind == FigureKind::kHistory ? Room{1, SIZE_MAX} : Room{1, 1};
  const Room keys = kind == FigureKind::kKeys ? Room{1, kMostProfiles} : Room{};
  if (Status status = CheckCount("reports", "reports", data.reports.size(), reports); !status.ok()) return status;
  if (Status status = CheckCount("keys", "profiles", data.keys.size(), keys); !status.ok()) return status;
  const Room maps = kind == FigureKind::kMaps ? Room{1, kMostMaps} : Room{};
  return CheckCount("maps", "maps", data.maps.size(), maps);
}

// The layers of `all`, `name`[i]`field`, ascend.
template <typename Layers>
Status CheckAscending(const std::string& name, const Layers& all) {
  const auto ascends = [](const auto& a, const auto& b) { return a.layer < b.layer; };
  const auto found = std::adjacent_find(all.begin(), all.end(), std::not_fn(ascends));
  if (found == all.end()) return {};
  return Invalid(name + " must ascend, but " + std::to_string(found->layer) + " stands before " +
                 std::to_string(std::next(found)->layer));
}

Status CheckProfiles(std::span<const KeyProfile> profiles) {
  for (size_t i = 0; i < profiles.size(); ++i) {
    const KeyProfile& profile = profiles[i];
    if (profile.largest.empty() || profile.largest.size() == profile.mean.size()) continue;
    return Invalid("keys[" + std::to_string(i) + "].largest has " + std::to_string(profile.largest.size()) +
                   " keys, but .mean has " + std::to_string(profile.mean.size()));
  }
  return CheckAscending("layers of keys", profiles);
}

Status CheckMaps(std::span<const AttentionMap> maps) {
  for (size_t i = 0; i < maps.size(); ++i) {
    const AttentionMap& map = maps[i];
    const std::string name = "maps[" + std::to_string(i) + "]";
    const bool is_small = map.rows <= kMaxMapCells && map.columns <= kMaxMapCells;
    if (!is_small || map.cells.size() != map.rows * map.columns) {
      return Invalid(name + " has " + std::to_string(map.cells.size()) + " cells, rows is " + std::to_string(map.rows) +
                     " and columns is " + std::to_string(map.columns) + ", each at most " +
                     std::to_string(kMaxMapCells));
    }
    if (i == 0 || std::pair(maps[i - 1].layer, maps[i - 1].head) < std::pair(map.layer, map.head)) continue;
    return Invalid("maps must ascend by layer and head, but layer " + std::to_string(map.layer) + ", head " +
                   std::to_string(map.head) + " stands behind layer " + std::to_string(maps[i - 1].layer) + ", head " +
                   std::to_string(maps[i - 1].head));
  }
  return {};
}

}  // namespace

namespace render {

Status CheckFigure(FigureKind kind, const FigureData& data, const FigureOptions& options) {
  Status status = CheckSize(options);
  if (status.ok()) status = CheckCounts(kind, data);
  if (status.ok()) status = CheckProfiles(data.keys);
  if (status.ok()) status = CheckMaps(data.maps);
  if (!status.ok()) return status;
  if (kind == FigureKind::kHistory) {
    const size_t stages = render::CountStages(data.reports);
    if (stages > render::kMostStages) {
      return Invalid("reports are of " + std::to_string(stages) + " stages; a history shows at most " +
                     std::to_string(render::kMostStages) + " beside one another");
    }
  }
  for (size_t i = 0; i < data.reports.size(); ++i) {
    status = CheckAscending("reports[" + std::to_string(i) + "].layers", data.reports[i].layers);
    if (!status.ok()) return status;
  }
  return {};
}

FigureLook LookOf(const FigureOptions& options) {
  return {.theme = options.dark ? DarkTheme() : LightTheme(),
          .plain = options.plain,
          .thresholds = options.thresholds,
          .baseline = options.baseline};
}

void DrawFigure(FigureKind kind, const FigureData& data, const FigureLook& look, const FigureOptions& options,
                Canvas* canvas) {
  const double width = options.width;
  const double height = options.height;
  switch (kind) {
    case FigureKind::kSummary:
      return DrawSummary(data.reports[0], look, width, height, canvas);
    case FigureKind::kHeads:
      return DrawHeads(data.reports[0], look, width, height, canvas);
    case FigureKind::kHistory:
      return DrawHistory(data.reports, look, width, height, canvas);
    case FigureKind::kKeys:
      return DrawKeys(data.keys, data.reports.empty() ? nullptr : data.reports.data(), look, width, height, canvas);
    case FigureKind::kMaps:
      return DrawMaps(data.maps, data.reports.empty() ? nullptr : data.reports.data(), look, width, height, canvas);
  }
}

std::string_view TitleOf(FigureKind kind) {
  switch (kind) {
    case FigureKind::kSummary:
      return "Transformer attention diagnostics";
    case FigureKind::kHeads:
      return "Transformer attention by layer and head";
    case FigureKind::kKeys:
      return "Transformer attention by key position";
    case FigureKind::kMaps:
      return "Transformer attention maps";
    case FigureKind::kHistory:
      break;
  }
  return "Transformer attention over time";
}

}  // namespace render

namespace {

Status NoMemory(const FigureOptions& options) {
  return {StatusCode::kOutOfMemory, "no memory for a picture of " + std::to_string(options.width) + " x " +
                                        std::to_string(options.height) + " at scale " + std::to_string(options.scale)};
}

void FillWith(const render::Color& color, Image* image) {
  for (size_t i = 0; i < image->rgb.size(); i += 3) {
    image->rgb[i] = color.red;
    image->rgb[i + 1] = color.green;
    image->rgb[i + 2] = color.blue;
  }
}

}  // namespace

Status RenderFigureOf(FigureKind kind, const FigureData& data, const FigureOptions& options, Image* out) {
  if (Status status = render::CheckFigure(kind, data, options); !status.ok()) return status;
  try {
    const render::FigureLook look = render::LookOf(options);
    Image image;
    image.width = static_cast<int>(std::lround(options.width * options.scale));
    image.height = static_cast<int>(std::lround(options.height * options.scale));
    image.pixels_per_inch = kUnitsPerInch * options.scale;
    render::ReservePixels(&image);
    image.rgb.assign(3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height), 0xFF);
    if (options.dark) FillWith(look.theme.background, &image);
    render::RasterCanvas canvas(options.scale, &image);
    render::DrawFigure(kind, data, look, options, &canvas);
    *out = std::move(image);
  } catch (const std::bad_alloc&) {
    return NoMemory(options);
  }
  return {};
}

Status RenderFigureSvgOf(FigureKind kind, const FigureData& data, const FigureOptions& options, std::string* out) {
  if (Status status = render::CheckFigure(kind, data, options); !status.ok()) return status;
  try {
    const render::FigureLook look = render::LookOf(options);
    render::SvgCanvas canvas(options.width, options.height, options.scale, look.theme.background);
    render::DrawFigure(kind, data, look, options, &canvas);
    *out = canvas.Document(render::TitleOf(kind));
  } catch (const std::bad_alloc&) {
    return NoMemory(options);
  }
  return {};
}

Status WriteFigureOf(FigureKind kind, const FigureData& data, const FigureOptions& options, const std::string& path) {
  if (path.ends_with(".svg")) {
    std::string svg;
    Status status = RenderFigureSvgOf(kind, data, options, &svg);
    return status.ok() ? WriteFileAtomically(path, svg) : status;
  }
  Image image;
  Status status = RenderFigureOf(kind, data, options, &image);
  return status.ok() ? WritePng(image, path) : status;
}

Status RenderFigure(FigureKind kind, std::span<const Report> reports, const FigureOptions& options, Image* out) {
  return RenderFigureOf(kind, {.reports = reports}, options, out);
}

Status RenderFigureSvg(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                       std::string* out) {
  return RenderFigureSvgOf(kind, {.reports = reports}, options, out);
}

Status WriteFigure(FigureKind kind, std::span<const Report> reports, const FigureOptions& options,
                   const std::string& path) {
  return WriteFigureOf(kind, {.reports = reports}, options, path);
}

Status RenderSummary(const Report& report, const FigureOptions& options, Image* out) {
  return RenderFigure(FigureKind::kSummary, {&report, 1}, options, out);
}

}  // namespace attnscope
