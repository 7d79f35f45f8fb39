// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/verdict_options.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "report/pathologies.h"
#include "tools/output/report_text.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

using internal::kThresholds;
using internal::ThresholdInfo;

std::string ThresholdHelp() {
  std::string text = "Bounds of the verdicts, and their defaults:\n";
  const Thresholds defaults;
  for (const ThresholdInfo& field : kThresholds) {
    std::array<char, 32> value;
    const auto end = std::to_chars(value.data(), value.data() + value.size(), defaults.*field.field);
    ((text += "  ") += field.name) += '=';
    text.append(value.data(), end.ptr) += '\n';
  }
  return text;
}

}  // namespace

void AddThresholdOption(CommandLine* line, std::vector<std::string>* thresholds) {
  line->AddOption("--threshold", thresholds,
                  "Move a bound of the verdicts; nan switches it off. The names are listed below.\nMay be repeated")
      .Placeholder("NAME=VALUE")
      .OneForEachMention();
  line->AddDetails(ThresholdHelp());
}

void AddVerdictOptions(CommandLine* line, VerdictOptions* options) {
  AddThresholdOption(line, &options->thresholds);
  line->AddOption(
          "--fail-on", &options->fail_on,
          "Exit with 1 if a verdict is at least this severe, or if nothing could be judged;\nunjudged: also if a "
          "layer could not be judged")
      .OneOf({"warning", "critical", "unjudged"})
      .Placeholder("warning|critical|unjudged");
  line->AddOption("--max-verdicts", &options->max_verdicts, "List at most N verdicts, the worst ones; 0 lists all")
      .Placeholder("N")
      .ShowDefault();
  line->AddFlag("--per-head", &options->per_head,
                "Show each head in the table too; verdicts and reports have them always");
}

Status SetThreshold(const std::string& assignment, Thresholds* thresholds) {
  const size_t equals = std::min(assignment.find('='), assignment.size());
  const std::string_view name(assignment.data(), equals);
  const auto* const field =
      std::find_if(kThresholds.begin(), kThresholds.end(), [&](const ThresholdInfo& f) { return f.name == name; });
  if (field == kThresholds.end()) {
    return {StatusCode::kInvalidArgument,
            "--threshold " + assignment + ": there is no bound of this name; --help lists them"};
  }
  double value = 0.0;
  const char* const end = assignment.data() + assignment.size();
  const auto [stop, error] = std::from_chars(assignment.data() + std::min(equals + 1, assignment.size()), end, value);
  if (error != std::errc() || stop != end) {
    return {StatusCode::kInvalidArgument, "--threshold " + assignment + ": needs NAME=VALUE with a number"};
  }
  thresholds->*field->field = value;
  return {};
}

Status ReadThresholds(const std::vector<std::string>& assignments, Thresholds* thresholds) {
  *thresholds = {};
  for (const std::string& assignment : assignments) {
    Status status = SetThreshold(assignment, thresholds);
    if (!status.ok()) return status;
  }
  return {};
}

Status JudgeWith(const VerdictOptions& options, const Report& report, Diagnosis* diagnosis) {
  Thresholds thresholds;
  Status status = ReadThresholds(options.thresholds, &thresholds);
  if (status.ok()) *diagnosis = Judge(report, thresholds);
  return status;
}

bool IsFailure(const VerdictOptions& options, const Diagnosis& diagnosis) {
  if (options.fail_on.empty()) return false;
  if (!diagnosis.is_judged) return true;
  const bool any = options.fail_on == "unjudged";
  for (const Diagnosis::Layer& layer : diagnosis.layers) {
    if (!layer.is_judged && (any || layer.outcome == Outcome::kIll)) return true;
  }
  const Severity bound = options.fail_on == NameOf(Severity::kCritical) ? Severity::kCritical : Severity::kWarning;
  return WorstSeverity(diagnosis.verdicts) >= bound;
}

Status PrintReport(const VerdictOptions& options, const Report& report, const Diagnosis& diagnosis) {
  const TextStyle style = {.color = ColorsWanted(), .per_head = options.per_head, .max_verdicts = options.max_verdicts};
  return PrintOut(FormatTable(report, diagnosis, style) + "\n" + FormatDiagnosis(diagnosis, style));
}

void AddKeysOption(CommandLine* line, std::optional<int64_t>* keys) {
  line->AddOption(
          "--keys", keys,
          "How many keys (tokens) the rows of a log had that does not say so: N x N attention.\nVerdicts on sinks "
          "and uniform attention need it")
      .WholeNumber()
      .Placeholder("N");
}

void SetKeys(const std::optional<int64_t>& keys, Report* report) {
  if (!keys.has_value()) return;
  const auto set = [&](MetricValues* values) {
    const auto of_attention = [&](const MetricInfo& info) {
      return info.group == MetricGroup::kAttention && values->Has(info.metric);
    };
    if (values->Has(Metric::kKeys) || std::none_of(AllMetrics().begin(), AllMetrics().end(), of_attention)) return;
    (*values)[Metric::kKeys] = static_cast<double>(*keys);
  };
  for (LayerReport& layer : report->layers) {
    set(&layer.stats.layer);
    for (MetricValues& head : layer.stats.heads) set(&head);
  }
}

}  // namespace attnscope::tools
