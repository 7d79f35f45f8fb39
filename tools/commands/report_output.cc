// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/report_output.h"

#include <cmath>
#include <string>

#include "attnscope/figure.h"
#include "attnscope/page.h"
#include "attnscope/write_file.h"
#include "tools/commands/output_check.h"
#include "tools/commands/picture_options.h"
#include "tools/commands/picture_path.h"
#include "tools/output/figure_file.h"
#include "tools/output/terminal.h"
#include "tools/state/state_file.h"

namespace attnscope::tools {
namespace {

AttentionKind KindOf(const SavedState& state, int64_t layer) {
  for (const SavedLayer& saved : state.layers) {
    if (saved.layer == layer) return saved.kind.value_or(AttentionKind::kWeights);
  }
  return AttentionKind::kWeights;
}

// Says so if a layer does not look like attention: logits, or another tensor that an archive had.
void NoteStrangeLayers(const SavedState& state, const Report& report) {
  for (const LayerReport& layer : report.layers) {
    const MetricValues& values = layer.stats.layer;
    const double strange = values[Metric::kInvalidRows] + values[Metric::kUnnormalizedRows];
    const double masked = values.Has(Metric::kMaskedRows) ? values[Metric::kMaskedRows] : 0.0;
    if (!(strange > 0.5 * (values[Metric::kRows] - masked))) continue;
    const bool is_weights = KindOf(state, layer.layer) == AttentionKind::kWeights;
    PrintError("note: most rows of layer " + std::to_string(layer.layer) +
               (is_weights ? " are no distributions: are these post-softmax weights, before any dropout? Where a "
                             "learned sink has the rest, --null-mass says so"
                           : " have logits that are NaN or infinite"));
  }
}

// Says so if the lowest logit is far below the others, where masks of -10000 or of float16's lowest number count as
// logits.
void NoteLowLogits(const SavedState& state, const Report& report) {
  constexpr double kLow = 1000.0;
  constexpr double kLowest = 1e8;  // is logits only where --masked-below says so
  for (const LayerReport& layer : report.layers) {
    if (KindOf(state, layer.layer) != AttentionKind::kLogits) continue;
    const MetricValues& values = layer.stats.layer;
    const double farthest = values[Metric::kMaxAbsLogit];
    if (!(farthest >= kLow && farthest < kLowest && values[Metric::kMaxLogit] < 0.1 * farthest)) continue;
    PrintError("note: layer " + std::to_string(layer.layer) + " has logits down to " +
               std::to_string(std::llround(-farthest)) + ": if these are masks, --masked-below " +
               std::to_string(std::llround(-0.5 * farthest)) + " says so");
    return;
  }
}

Status WriteFiles(const OutputOptions& options, const SavedState& state, const Report& report, const Judging& judging,
                  const OutputPicture& picture, const std::string& json) {
  Status status;
  if (!options.state_path.empty()) status = WriteFileAtomically(options.state_path, StateToBytes(state));
  if (status.ok() && !options.report_path.empty()) status = WriteFileAtomically(options.report_path, json);
  if (!status.ok() || (options.png.empty() && options.html.empty())) return status;
  FigureOptions figure = picture.options;
  figure.thresholds = judging.thresholds;
  figure.baseline = judging.beside();
  FigureData data = {.reports = {&report, 1}};
  if (picture.attention != nullptr) {
    data.keys = picture.attention->keys();
    data.maps = picture.attention->maps();
  }
  if (!options.html.empty()) status = WritePage(data, figure, options.html);
  if (!status.ok() || options.png.empty()) return status;
  // A page shows all that there is, a figure its own data.
  const FigureKind kind = FigureKindOf(picture.figure);
  if (kind != FigureKind::kKeys) data.keys = {};
  if (kind != FigureKind::kMaps) data.maps = {};
  std::string path;
  status = PicturePath(options.png, report.stage, picture.figure, &path);
  return status.ok() ? WriteFigureFile(kind, data, figure, path) : status;
}

}  // namespace

void AddOutputOptions(CommandLine* line, OutputOptions* options) {
  line->AddOption("-o,--output", &options->report_path, "Write the report as JSON").NotEmpty().Placeholder("PATH");
  line->AddOption("--png", &options->png, "Draw a picture to this file (SVG if it ends in .svg), or into this folder")
      .NotEmpty()
      .Placeholder("PATH");
  AddHtmlOption(line, &options->html);
  line->AddOption("--state-out", &options->state_path, "Write what was measured for attnscope merge")
      .NotEmpty()
      .Placeholder("PATH");
  line->AddOption("--epoch", &options->epoch, "Note the epoch in report and picture").WholeNumber().Placeholder("N");
  line->AddOption("--stage", &options->stage, "Note the stage (train, val, ...) in the report")
      .AtMostBytes(kMaxStageBytes)
      .Placeholder("NAME");
  line->AddFlag("--json", &options->json, "Print the report as JSON instead of the table");
  AddVerdictOptions(line, &options->verdicts);
}

Status CheckOutputs(const OutputOptions& options, std::span<const std::string> inputs) {
  std::vector<std::string> read(inputs.begin(), inputs.end());
  const std::vector<std::string> baselines = BaselinePaths(options.verdicts.judging);
  read.insert(read.end(), baselines.begin(), baselines.end());
  const OutputPath outputs[] = {{"--output", options.report_path},
                                {"--png", options.png},
                                {"--html", options.html},
                                {"--state-out", options.state_path}};
  Status status = CheckOutputsDiffer(outputs);
  for (const OutputPath& output : outputs) {
    if (status.ok()) status = CheckOutput(output.option, output.path, read);
  }
  if (status.ok()) status = CheckPictureName("--png", options.png);
  return status.ok() ? CheckJudging(options.verdicts.judging) : status;
}

Status PutOut(const OutputOptions& options, const SavedState& state, const OutputPicture& picture, bool* findings) {
  Report report;
  Status status = ReportOf(state, &report);
  if (!status.ok()) return status;
  NoteStrangeLayers(state, report);
  NoteLowLogits(state, report);
  Judging judging;
  status = ReadJudging(options.verdicts.judging, {&report, 1}, std::nullopt, &judging);
  if (!status.ok()) return status;
  const Diagnosis diagnosis = Judge(report, judging.thresholds, judging.beside());
  // With all heads, printed or not: their verdicts need them.
  const std::string json = ReportToJson(report, diagnosis);
  status = WriteFiles(options, state, report, judging, picture, json);
  if (!status.ok()) return status;
  *findings = IsFailure(options.verdicts, diagnosis);
  return options.json ? PrintOut(json) : PrintReport(options.verdicts, report, diagnosis);
}

}  // namespace attnscope::tools
