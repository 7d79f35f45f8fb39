// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/judging_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <locale>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "platform/mapped_file.h"
#include "report/pathologies.h"
#include "tools/analysis/residual_plan.h"
#include "tools/commands/report_file.h"
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

Status ReadThresholds(const JudgingOptions& options, Thresholds* out) {
  for (const std::string& assignment : options.thresholds) {
    if (Status status = SetThreshold(assignment, out); !status.ok()) return status;
  }
  return {};
}

std::set<std::string> StagesOf(std::span<const Report> reports) {
  std::set<std::string> stages;
  for (const Report& report : reports) {
    if (!report.stage.empty()) stages.insert(report.stage);
  }
  return stages;
}

// Leaves those of one stage: the reports' own, or the only one there is. Training is no past of validation.
Status ChooseStage(std::span<const Report> reports, std::vector<Report>* baselines) {
  const std::set<std::string> stages = StagesOf(*baselines);
  const std::set<std::string> own = StagesOf(reports);
  if (stages.size() < 2) {
    if (stages.size() == 1 && own.size() == 1 && stages != own) {
      PrintError("note: --baseline is of stage " + *stages.begin() + ", the report of stage " + *own.begin());
    }
    return {};
  }
  if (own.size() != 1 || !stages.contains(*own.begin())) {
    return {StatusCode::kInvalidArgument, "--baseline has reports of stage " + *stages.begin() + " and of stage " +
                                              *stages.rbegin() + ", and the report does not say which is its own"};
  }
  std::erase_if(*baselines, [&](const Report& report) { return report.stage != *own.begin(); });
  return {};
}

// Says which layers of the baseline no report has.
void NoteMissingLayers(std::span<const Report> reports, const Baseline& baseline) {
  std::string missing;
  for (const LayerReport& layer : baseline.median.layers) {
    const auto has = [&](const Report& report) { return report.Find(layer.layer) != nullptr; };
    if (std::none_of(reports.begin(), reports.end(), has)) missing += " " + std::to_string(layer.layer);
  }
  if (!missing.empty()) PrintError("note: --baseline has layers that the report does not have:" + missing);
}

Status ReadBaseline(const JudgingOptions& options, std::span<const Report> reports, const std::optional<int64_t>& keys,
                    std::optional<Baseline>* out) {
  std::vector<Report> baselines;
  Status status = ReadReportFiles(BaselinePaths(options), &baselines);
  if (status.ok()) status = ChooseStage(reports, &baselines);
  if (!status.ok()) return status;
  for (Report& report : baselines) SetKeys(keys, &report);
  Baseline baseline;
  status = MakeBaseline(baselines, &baseline);
  for (const Report& report : reports) {
    if (status.ok()) status = CheckBaseline(report, baseline);
  }
  if (!status.ok()) return {status.code(), "--baseline " + options.baselines.front() + ": " + status.message()};
  NoteMissingLayers(reports, baseline);
  *out = std::move(baseline);
  return {};
}

// All of `text`, in digits of the C locale, or nan or inf. By streams, for libc++ has no from_chars of double
// before 20.
bool ReadNumber(std::string text, double* out) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.erase(0, 1);
  for (const auto& [name, value] : {std::pair("nan", std::nan("")), std::pair("inf", HUGE_VAL)}) {
    if (text == name) {
      *out = is_negative ? -value : value;
      return true;
    }
  }
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  stream >> std::noskipws >> *out;
  const bool is_number = !text.empty() && text[0] != '+' && text[0] != '-' && !stream.fail() && stream.peek() == EOF;
  if (is_number && is_negative) *out = -*out;
  return is_number;
}

}  // namespace

void AddJudgingOptions(CommandLine* line, JudgingOptions* options) {
  line->AddOption("--threshold", &options->thresholds,
                  "Move a bound of the verdicts; nan switches it off. The names are listed below.\nMay be repeated")
      .Placeholder("NAME=VALUE")
      .OneForEachMention();
  line->AddOption(
          "--baseline", &options->baselines,
          "Judge each head against its own past too: reports of this model while it was healthy, a file of one,\n"
          "JSON lines, or a pattern in quotes. What has left it is a finding, what was always so is none.\n"
          "May be repeated")
      .NotEmpty()
      .Placeholder("REPORT")
      .OneForEachMention();
  line->AddDetails(ThresholdHelp());
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
  if (!ReadNumber(assignment.substr(std::min(equals + 1, assignment.size())), &value)) {
    return {StatusCode::kInvalidArgument, "--threshold " + assignment + ": needs NAME=VALUE with a number"};
  }
  thresholds->*field->field = value;
  return {};
}

Status CheckJudging(const JudgingOptions& options) {
  Thresholds thresholds;
  Status status = ReadThresholds(options, &thresholds);
  for (const std::string& path : BaselinePaths(options)) {
    platform::MappedFile file;
    if (status.ok()) status = platform::MappedFile::Open(path, &file);
  }
  return status;
}

Status ReadJudging(const JudgingOptions& options, std::span<const Report> reports, const std::optional<int64_t>& keys,
                   Judging* out) {
  *out = {};
  if (Status status = ReadThresholds(options, &out->thresholds); !status.ok()) return status;
  return options.baselines.empty() ? Status() : ReadBaseline(options, reports, keys, &out->baseline);
}

std::vector<std::string> BaselinePaths(const JudgingOptions& options) {
  std::vector<std::string> paths;
  for (const std::string& name : options.baselines) {
    const std::vector<std::string> expanded = ExpandPattern(name);
    paths.insert(paths.end(), expanded.begin(), expanded.end());
  }
  return paths;
}

void SetKeys(const std::optional<int64_t>& keys, Report* report) {
  if (!keys.has_value()) return;
  const auto set = [&](MetricValues* values) {
    const auto of_attention = [&](const MetricInfo& info) {
      return info.group == MetricGroup::kAttention && values->Has(info.metric);
    };
    const std::vector<MetricInfo> metrics = MetricsOf(*values);
    if (values->Has(Metric::kKeys) || std::none_of(metrics.begin(), metrics.end(), of_attention)) return;
    (*values)[Metric::kKeys] = static_cast<double>(*keys);
  };
  for (LayerReport& layer : report->layers) {
    set(&layer.stats.layer);
    for (MetricValues& head : layer.stats.heads) set(&head);
  }
}

}  // namespace attnscope::tools
