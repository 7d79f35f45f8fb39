// SPDX-License-Identifier: Apache-2.0
//
// attnscope render: the picture of a report.
#include <charconv>
#include <memory>
#include <string_view>

#include "attnscope/summary_figure.h"
#include "tools/commands/command.h"
#include "tools/commands/report_file.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Draw the picture of a report.";

constexpr const char* kDetails =
    "REPORT: what attnscope analyze -o wrote, or the dictionary of statistics that trainers log, as JSON. The picture "
    "has\n"
    "the same bytes as the one that analyze --png draws.\n"
    "\n"
    "Examples:\n"
    "  attnscope render report.json -o summary.png\n"
    "  attnscope render report.json -o small.png --size 1200x900 --scale 2\n";

struct RenderOptions {
  std::string report;
  std::string output;
  std::string size;
  FigureOptions figure;
};

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

Status Run(RenderOptions options) {
  Status status;
  if (!options.size.empty()) status = ParseSize(options.size, &options.figure);
  Report report;
  if (status.ok()) status = ReadReportFile(options.report, &report);
  Image image;
  if (status.ok()) status = RenderSummary(report, options.figure, &image);
  return status.ok() ? WritePng(image, options.output) : status;
}

}  // namespace

Command AddRenderCommand(CLI::App* parent) {
  const auto options = std::make_shared<RenderOptions>();
  CLI::App* const app = parent->add_subcommand("render", kSummary);
  app->footer(kDetails);
  app->add_option("REPORT", options->report, "A report, see below")->required()->type_name("");
  app->add_option("-o,--output", options->output, "The picture, a .png file")->required()->type_name("PATH");
  app->add_option("--size", options->size, "Size of the layout, in points; 2000x1500 if not given")->type_name("WxH");
  app->add_option("--scale", options->figure.scale, "Pixels for each point: the density, never the layout")
      ->type_name("S")
      ->capture_default_str();
  return {app, [options](bool*) { return Run(*options); }};
}

}  // namespace attnscope::tools
