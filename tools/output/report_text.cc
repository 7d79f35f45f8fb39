// SPDX-License-Identifier: Apache-2.0
//
// Column titles are the metrics' names, their words stacked, so that the table fits a terminal of 120 columns.
#include "tools/output/report_text.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/output/table_cells.h"

namespace attnscope::tools {
namespace {

constexpr std::string_view kGap = "  ";

// The metrics that have a column, in its order; top-k masses, which share a place there, by k.
std::vector<Metric> AllColumns(const Report& report) {
  std::vector<Metric> columns;
  for (const MetricInfo& info : MetricsOf(std::span(&report, 1))) {
    if (info.column != 0) columns.push_back(info.metric);
  }
  std::stable_sort(columns.begin(), columns.end(),
                   [](Metric a, Metric b) { return InfoOf(a).column < InfoOf(b).column; });
  return columns;
}

struct Cell {
  std::string text;
  Severity severity = Severity::kHealthy;
};

struct Row {
  Cell label;  // aligned to the left; the others to the right
  std::vector<Cell> cells;
};

// `text` in a field of `width`, painted without its padding.
std::string Align(const Cell& cell, size_t width, bool to_right, const TextStyle& style) {
  const std::string padding(width - std::min(width, cell.text.size()), ' ');
  const std::string painted = Paint(cell.text, cell.severity, style.color);
  return to_right ? padding + painted : painted + padding;
}

// The layer's values or any of its heads' have something to show.
bool IsShown(const LayerStats& stats, Metric metric, bool per_head) {
  // Counts in the table are of bad rows.
  const bool is_count = InfoOf(metric).kind == MetricKind::kCount;
  const auto shows = [metric, is_count](const MetricValues& values) {
    return values.IsGivenAsNaN(metric) || (values.Has(metric) && !(is_count && values[metric] == 0.0));
  };
  return shows(stats.layer) || (per_head && std::any_of(stats.heads.begin(), stats.heads.end(), shows));
}

// "max_row_weight" to {"max", "row", "weight"}.
std::vector<std::string_view> Words(std::string_view name) {
  std::vector<std::string_view> words;
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('_', start), name.size());
    words.push_back(name.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

// The titles' words, the last ones in the last row.
std::vector<Row> HeaderRows(const std::vector<Metric>& columns) {
  size_t height = 1;
  for (const Metric metric : columns) height = std::max(height, Words(InfoOf(metric).name).size());
  Row empty;
  empty.cells.resize(columns.size());
  std::vector<Row> rows(height, empty);
  rows.back().label.text = "layer";
  for (size_t c = 0; c < columns.size(); ++c) {
    const std::vector<std::string_view> words = Words(InfoOf(columns[c]).name);
    for (size_t w = 0; w < words.size(); ++w) rows[height - words.size() + w].cells[c].text = words[w];
  }
  return rows;
}

Row ValueRow(const std::vector<Metric>& columns, const MetricValues& values, int64_t layer, int64_t head,
             const Severities& severities) {
  Row row;
  row.label.text = head < 0 ? std::to_string(layer) : "  head " + std::to_string(head);
  row.label.severity = severities.OfPlace(layer, head);
  for (const Metric metric : columns) {
    row.cells.push_back({ValueText(metric, values), severities.OfCell(layer, head, metric)});
  }
  return row;
}

std::string Lines(const std::vector<Row>& rows, const TextStyle& style) {
  size_t label_width = 0;
  std::vector<size_t> widths(rows.empty() ? 0 : rows[0].cells.size(), 0);
  for (const Row& row : rows) {
    label_width = std::max(label_width, row.label.text.size());
    for (size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], row.cells[c].text.size());
  }
  std::string text;
  for (const Row& row : rows) {
    text += Align(row.label, label_width, false, style);
    for (size_t c = 0; c < widths.size(); ++c) {
      text += kGap;
      text += Align(row.cells[c], widths[c], true, style);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

// "2 critical, 1 warning"
std::string Summary(std::span<const Verdict> verdicts) {
  const auto critical = static_cast<size_t>(std::count_if(
      verdicts.begin(), verdicts.end(), [](const Verdict& v) { return v.severity == Severity::kCritical; }));
  const size_t warnings = verdicts.size() - critical;
  std::string text;
  if (critical > 0) text = std::to_string(critical) + " critical" + (warnings > 0 ? ", " : "");
  if (warnings > 0) text += std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
  return text;
}

// As many as are to be listed, each on a line of its own.
void AppendLines(const std::vector<std::string>& lines, const TextStyle& style, std::string* text) {
  const size_t limit = style.max_verdicts == 0 ? lines.size() : std::min(style.max_verdicts, lines.size());
  for (size_t i = 0; i < limit; ++i) ((*text += kGap) += lines[i]) += '\n';
  if (limit == lines.size()) return;
  *text += std::string(kGap) + "and " + std::to_string(lines.size() - limit) + " more (--max-verdicts 0 lists all)\n";
}

bool IsNotJudged(const Diagnosis& diagnosis, int64_t layer) {
  return std::any_of(diagnosis.layers.begin(), diagnosis.layers.end(),
                     [&](const Diagnosis::Layer& entry) { return entry.layer == layer && !entry.is_judged; });
}

}  // namespace

std::string FormatTable(const Report& report, const Diagnosis& diagnosis, const TextStyle& style) {
  std::vector<Metric> columns;
  for (const Metric metric : AllColumns(report)) {
    const auto shows = [&](const LayerReport& layer) { return IsShown(layer.stats, metric, style.per_head); };
    if (std::any_of(report.layers.begin(), report.layers.end(), shows)) columns.push_back(metric);
  }
  const Severities severities(diagnosis.verdicts);
  std::vector<Row> rows = HeaderRows(columns);
  for (const LayerReport& layer : report.layers) {
    rows.push_back(ValueRow(columns, layer.stats.layer, layer.layer, -1, severities));
    if (IsNotJudged(diagnosis, layer.layer)) rows.back().label.text += " (not judged)";
    for (size_t h = 0; style.per_head && h < layer.stats.heads.size(); ++h) {
      rows.push_back(ValueRow(columns, layer.stats.heads[h], layer.layer, static_cast<int64_t>(h), severities));
    }
  }
  return Lines(rows, style);
}

std::string FormatDiagnosis(const Diagnosis& diagnosis, const TextStyle& style) {
  std::string text = "healthy: no verdicts\n";
  if (!diagnosis.is_judged) text = "not judged: nothing that a verdict could be about\n";
  if (!diagnosis.verdicts.empty()) text = Summary(diagnosis.verdicts) + "\n";
  std::vector<std::string> lines;
  for (const Verdict& verdict : diagnosis.verdicts)
    lines.push_back(Paint(verdict.message, verdict.severity, style.color));
  AppendLines(lines, style, &text);
  lines.clear();
  for (const Verdict& verdict : diagnosis.as_in_baseline) lines.push_back(verdict.message);
  if (!lines.empty()) text += "as in the baseline\n";
  AppendLines(lines, style, &text);
  lines = SummarizeUnjudged(diagnosis);
  if (!lines.empty() && (diagnosis.is_judged || !diagnosis.verdicts.empty())) text += "not judged\n";
  AppendLines(lines, style, &text);
  return text;
}

}  // namespace attnscope::tools
