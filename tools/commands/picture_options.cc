// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/picture_options.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "attnscope/figure.h"
#include "attnscope/report.h"

namespace attnscope::tools {
namespace {

// "1200x900".
Status ParseSize(const std::string& text, FigureOptions* figure) {
  const char* const end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, figure->width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, figure->height);
    if (height.ec == std::errc() && height.ptr == end) return {};
  }
  return {StatusCode::kInvalidArgument, "--size " + text + ": needs WIDTHxHEIGHT, such as 2000x1500"};
}

Status ReadSets(const char* option, const std::string& text, std::vector<LayerSet>* out) {
  if (text.empty() || ReadLayerSets(text, out)) return {};
  return {StatusCode::kInvalidArgument,
          std::string(option) + " " + text + ": needs numbers, as in 0,4, 0-11 or, of every second from 1 on, 1/2"};
}

// Before anything is measured. The library's limits are those that it has for an empty picture.
Status CheckLimits(const std::string& size, const FigureOptions& figure) {
  const Report nothing;
  std::string svg;
  const Status status = RenderFigureSvg(FigureKind::kSummary, {&nothing, 1}, figure, &svg);
  if (status.ok()) return status;
  const std::string option =
      status.message().starts_with("options.scale") || size.empty() ? "--scale" : "--size " + size;
  return {status.code(), option + ": " + status.message()};
}

}  // namespace

void AddLookOptions(CommandLine* line, LookOptions* options) {
  line->AddFlag("--plain", &options->figure.plain, "Curves and axes only: no healthy ranges, marks or verdict");
  line->AddFlag("--dark", &options->figure.dark, "For dark backgrounds");
  line->AddOption("--size", &options->size, "Size of the layout, in 1/100 inch; 2000x1500 if not given")
      .Placeholder("WxH");
}

Status ReadLook(const LookOptions& options, const std::string& drawn_by, bool is_drawn, FigureOptions* out) {
  FigureOptions figure = options.figure;
  const std::string given = figure.plain ? "--plain" : figure.dark ? "--dark" : !options.size.empty() ? "--size" : "";
  if (!is_drawn && !given.empty()) {
    return {StatusCode::kInvalidArgument,
            given + " needs " + drawn_by + ": it is of pictures, and pages have their own look"};
  }
  if (!options.size.empty()) {
    if (Status status = ParseSize(options.size, &figure); !status.ok()) return status;
  }
  if (Status status = CheckLimits(options.size, figure); !status.ok()) return status;
  *out = figure;
  return {};
}

Status CheckPictureName(const std::string& option, const std::string& path) {
  std::string ending = path.substr(std::min(path.rfind('.'), path.size()));
  const bool is_svg = ending == ".svg";
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::string_view kOthers[] = {".jpg", ".jpeg", ".gif", ".webp", ".bmp",  ".tif",  ".tiff",
                                          ".pdf", ".eps",  ".ps",  ".htm",  ".html", ".json", ".svg"};
  if (is_svg || std::find(std::begin(kOthers), std::end(kOthers), ending) == std::end(kOthers)) return {};
  return {StatusCode::kInvalidArgument, option + " " + path + ": pictures are PNG, or SVG where the name ends in .svg"};
}

void AddHtmlOption(CommandLine* line, std::string* path) {
  line->AddOption("--html", path,
                  "Write a page: what was found, tables and figures in one HTML file that needs\nnothing else")
      .NotEmpty()
      .Placeholder("PATH");
}

void AddPictureOptions(CommandLine* line, PictureOptions* options) {
  line->AddOption("--figure", &options->figure,
                  "What --png draws: six panels over the layers, maps of layers by heads, attention received\n"
                  "by key position, or the attention matrices of a layer's first sequence as thumbnails")
      .OneOf({"summary", "heads", "keys", "maps"})
      .Placeholder("summary|heads|keys|maps")
      .ShowDefault();
  line->AddOption("--show-layers", &options->layers,
                  "Layers of --figure keys and maps, as in 0,4, 0-11 or 1/2. Default: as many as there is\nroom for")
      .NotEmpty()
      .Placeholder("LAYERS");
  line->AddOption("--show-heads", &options->heads, "Heads of --figure maps, likewise").NotEmpty().Placeholder("HEADS");
  AddLookOptions(line, &options->look);
}

FigureKind FigureKindOf(const std::string& name) {
  if (name == "heads") return FigureKind::kHeads;
  if (name == "keys") return FigureKind::kKeys;
  if (name == "maps") return FigureKind::kMaps;
  return name == "history" ? FigureKind::kHistory : FigureKind::kSummary;
}

Status ReadPictureChoice(const PictureOptions& options, PictureChoice* out) {
  PictureChoice choice;
  choice.keys = options.figure == "keys";
  choice.maps = options.figure == "maps";
  if (!choice.keys && !choice.maps && !options.layers.empty()) {
    return {StatusCode::kInvalidArgument, "--show-layers needs --figure keys or maps"};
  }
  if (!choice.maps && !options.heads.empty()) {
    return {StatusCode::kInvalidArgument, "--show-heads needs --figure maps"};
  }
  Status status = ReadSets("--show-layers", options.layers, &choice.layers);
  if (status.ok()) status = ReadSets("--show-heads", options.heads, &choice.heads);
  if (status.ok()) *out = choice;
  return status;
}

}  // namespace attnscope::tools
