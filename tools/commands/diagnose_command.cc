// SPDX-License-Identifier: Apache-2.0
//
// attnscope diagnose: the table and the verdicts of a report that was measured elsewhere or earlier.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/page.h"
#include "tools/commands/command.h"
#include "tools/commands/output_check.h"
#include "tools/commands/picture_options.h"
#include "tools/commands/report_file.h"
#include "tools/commands/verdict_options.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Print the table and the verdicts of a report.";

constexpr const char* kDetails =
    "REPORT: what attnscope analyze -o wrote, or the dictionary of statistics that trainers log, as JSON;\n"
    "of JSON lines the last report.\n"
    "Exit code: 0; 1 if --fail-on asks for it; 2 after an error.\n"
    "Healthy is said of what was judged; what could not be is listed with the reason.\n"
    "\n"
    "Examples:\n"
    "  attnscope diagnose report.json\n"
    "  attnscope diagnose log.json --keys 1024 --fail-on unjudged\n"
    "  attnscope diagnose report.json --fail-on critical --threshold sink_mass_critical=0.9\n"
    "  attnscope diagnose report.json --baseline healthy.json\n"
    "  attnscope diagnose report.json --html report.html\n";

struct DiagnoseOptions {
  std::string report;
  std::string html;
  std::string stage;
  VerdictOptions verdicts;
  std::optional<int64_t> keys;
};

Status WriteHtml(const DiagnoseOptions& options, const Report& report, const Judging& judging) {
  std::vector<std::string> inputs = BaselinePaths(options.verdicts.judging);
  inputs.push_back(options.report);
  Status status = CheckOutput("--html", options.html, inputs);
  FigureOptions figure;
  figure.thresholds = judging.thresholds;
  figure.baseline = judging.beside();
  return status.ok() ? WritePage({.reports = {&report, 1}}, figure, options.html) : status;
}

Status Run(const DiagnoseOptions& options, bool* findings) {
  Report report;
  Status status = ReadReportFile(options.report, options.stage, &report);
  SetKeys(options.keys, &report);
  Judging judging;
  if (status.ok()) status = ReadJudging(options.verdicts.judging, {&report, 1}, options.keys, &judging);
  if (status.ok() && !options.html.empty()) status = WriteHtml(options, report, judging);
  if (!status.ok()) return status;
  const Diagnosis diagnosis = Judge(report, judging.thresholds, judging.beside());
  *findings = IsFailure(options.verdicts, diagnosis);
  return PrintReport(options.verdicts, report, diagnosis);
}

}  // namespace

Command AddDiagnoseCommand(CommandLine* program) {
  const auto options = std::make_shared<DiagnoseOptions>();
  CommandLine* const line = program->AddCommand("diagnose", kSummary);
  line->AddDetails(kDetails);
  line->AddOption("REPORT", &options->report, "A report, see below").Required().Placeholder("");
  line->AddOption("--stage", &options->stage, "Of JSON lines, the last report of this stage (train, val, ...)")
      .NotEmpty()
      .Placeholder("NAME");
  AddHtmlOption(line, &options->html);
  AddVerdictOptions(line, &options->verdicts);
  AddKeysOption(line, &options->keys);
  return {line, [options](bool* findings) { return Run(*options, findings); }};
}

}  // namespace attnscope::tools
