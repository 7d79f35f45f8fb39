// SPDX-License-Identifier: Apache-2.0
//
// attnscope render: the pictures of reports.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/figure.h"
#include "attnscope/page.h"
#include "render/figures/timeline.h"
#include "tools/commands/command.h"
#include "tools/commands/output_check.h"
#include "tools/commands/picture_options.h"
#include "tools/commands/report_file.h"
#include "tools/commands/verdict_options.h"
#include "tools/output/figure_file.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Draw a picture of reports.";

constexpr const char* kDetails =
    "REPORT: what attnscope analyze -o wrote, or the dictionary of statistics that trainers log, as JSON; one a file,\n"
    "or one on each line. Lines that are torn or no reports are left out, with a note.\n"
    "Figures:\n"
    "  summary  six panels over the layers of one report, as analyze --png draws them\n"
    "  heads    maps of layers by heads of one report that has them\n"
    "  history  each metric of several reports over \"step\" (or \"global_step\", \"_step\"), else over \"num_epochs\" "
    "(or "
    "\"epoch\"),\n"
    "           else in the order given. Of a run that was resumed the last report of each step. Training beside\n"
    "           validation is a set of lines each; --stage shows one\n"
    "\n"
    "Examples:\n"
    "  attnscope render report.json -o summary.png\n"
    "  attnscope render report.json -o summary.svg --dark\n"
    "  attnscope render report.json -o heads.png --figure heads --size 1200x900 --scale 2\n"
    "  attnscope render epoch*.json -o history.png --figure history\n"
    "  attnscope render run.jsonl -o history.svg --figure history --stage train\n"
    "  attnscope render run.jsonl --html run.html\n";

struct RenderOptions {
  std::vector<std::string> reports;
  std::string output;
  std::string html;
  std::string kind = "summary";
  std::string stage;
  JudgingOptions judging;
  std::optional<int64_t> keys;
  LookOptions look;
};

// A picture that would show nothing, or not all that was asked for, is none.
Status CheckReports(const RenderOptions& options, const std::vector<Report>& reports) {
  const FigureKind kind = FigureKindOf(options.kind);
  if (kind == FigureKind::kKeys || kind == FigureKind::kMaps) {
    return {StatusCode::kInvalidArgument,
            "--figure " + options.kind +
                " is of attention itself, which reports do not hold: see attnscope analyze --help"};
  }
  if (kind == FigureKind::kHistory) return {};
  if (reports.size() != 1) {
    return {StatusCode::kInvalidArgument, "--figure " + options.kind + " shows one report, but " +
                                              std::to_string(reports.size()) +
                                              " are given; --figure history shows several"};
  }
  const auto has_heads = [](const LayerReport& layer) { return !layer.stats.heads.empty(); };
  if (kind == FigureKind::kHeads && std::none_of(reports[0].layers.begin(), reports[0].layers.end(), has_heads)) {
    return {StatusCode::kNotFound, options.reports[0] + ": has no heads; reports of attnscope analyze have them"};
  }
  return {};
}

// Of pictures over time: says what they do not show as it was given.
Status CheckTimes(const std::vector<Report>& reports) {
  if (const size_t stages = render::CountStages(reports); stages > render::kMostStages) {
    return {StatusCode::kInvalidArgument,
            "reports are of " + std::to_string(stages) + " stages; a history shows at most " +
                std::to_string(render::kMostStages) + " beside one another, or that of --stage"};
  }
  for (const std::string& note : render::MakeTimeline(reports).notes) PrintError("note: " + note);
  return {};
}

Status Run(const RenderOptions& options) {
  FigureOptions figure;
  Status status = ReadLook(options.look, "--output", !options.output.empty(), &figure);
  std::vector<Report> reports;
  if (status.ok()) status = ReadReportFiles(options.reports, &reports);
  if (status.ok() && !options.stage.empty()) status = ChooseStage(options.stage, &reports);
  for (Report& report : reports) SetKeys(options.keys, &report);
  if (status.ok() && options.output.empty() && options.html.empty()) {
    status = {StatusCode::kInvalidArgument, "needs --output, --html, or both"};
  }
  if (status.ok() && !options.output.empty()) status = CheckReports(options, reports);
  const bool is_history = !options.output.empty() && FigureKindOf(options.kind) == FigureKind::kHistory;
  const bool page_has_history = !options.html.empty() && reports.size() > 1;
  if (status.ok() && (is_history || page_has_history)) status = CheckTimes(reports);
  Judging judging;
  if (status.ok()) status = ReadJudging(options.judging, reports, options.keys, &judging);
  figure.thresholds = judging.thresholds;
  figure.baseline = judging.beside();
  std::vector<std::string> inputs = options.reports;
  const std::vector<std::string> baselines = BaselinePaths(options.judging);
  inputs.insert(inputs.end(), baselines.begin(), baselines.end());
  const OutputPath outputs[] = {{"--output", options.output}, {"--html", options.html}};
  if (status.ok()) status = CheckOutputsDiffer(outputs);
  for (const OutputPath& output : outputs) {
    if (status.ok()) status = CheckOutput(output.option, output.path, inputs);
  }
  if (status.ok()) status = CheckPictureName("--output", options.output);
  if (status.ok() && !options.html.empty()) status = WritePage({.reports = reports}, figure, options.html);
  if (!status.ok() || options.output.empty()) return status;
  return WriteFigureFile(FigureKindOf(options.kind), {.reports = reports}, figure, options.output);
}

}  // namespace

Command AddRenderCommand(CommandLine* program) {
  const auto options = std::make_shared<RenderOptions>();
  CommandLine* const line = program->AddCommand("render", kSummary);
  line->AddDetails(kDetails);
  line->AddOption("REPORT", &options->reports, "Reports, see below").Required().Placeholder("");
  line->AddOption("-o,--output", &options->output, "The picture: SVG if it ends in .svg, else PNG")
      .NotEmpty()
      .Placeholder("PATH");
  AddHtmlOption(line, &options->html);
  line->AddOption("--figure", &options->kind, "What to draw, see below")
      .OneOf({"summary", "heads", "history", "keys", "maps"})
      .Placeholder("summary|heads|history")
      .ShowDefault();
  line->AddOption("--stage", &options->stage, "Only reports of this stage (train, val, ...)")
      .NotEmpty()
      .Placeholder("NAME");
  AddLookOptions(line, &options->look);
  line->AddOption("--scale", &options->look.figure.scale, "Pixels for each 1/100 inch: the density, never the layout")
      .Placeholder("S")
      .ShowDefault();
  AddJudgingOptions(line, &options->judging);
  AddKeysOption(line, &options->keys);
  return {line, [options](bool*) { return Run(*options); }};
}

}  // namespace attnscope::tools
