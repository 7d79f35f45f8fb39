// SPDX-License-Identifier: Apache-2.0
#include "page/page_tables.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "page/page_text.h"
#include "report/metrics_of.h"

namespace attnscope::page {
namespace {

constexpr std::array kColumns = {Metric::kNormalizedEntropy, Metric::kEffectiveRank,   Metric::kMaxRowWeight,
                                 Metric::kSinkMass,          Metric::kSaturationRatio, Metric::kMaxLogit,
                                 Metric::kResidualRatio};

struct Heading {
  std::string_view text;
  bool is_number;
};

// A table whose columns sort. Its caption names it for those who do not see it. Rows are in bodies of some hundreds, of
// which browsers that run scripts show the first until the others are needed: thousands of rows take longer to lay out
// than all else of a page.
class Table {
 public:
  template <typename Headings>
  Table(std::string_view id, std::string_view caption, const Headings& headings, std::string* html)
      : id_(id), html_(html) {
    *html += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"";
    *html += caption;
    *html += "\"><table id=\"";
    *html += id;
    *html += "\"><caption>";
    *html += caption;
    *html += "</caption><thead><tr>";
    for (const Heading& heading : headings) {
      *html += heading.is_number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">";
      *html += "<button type=\"button\">";
      *html += Escaped(heading.text);
      *html += "</button></th>";
    }
    *html += "</tr></thead><tbody>\n";
  }

  // Before each row.
  void BeginRow() {
    constexpr size_t kRowsOfABody = 200;
    if (rows_ > 0 && rows_ % kRowsOfABody == 0) *html_ += "</tbody><tbody class=\"rest\">\n";
    ++rows_;
  }

  void End() {
    *html_ += "</tbody></table></div>\n<p class=\"rest-of\"><button type=\"button\" data-all=\"";
    ((*html_ += id_) += "\" hidden>Show all ") += std::to_string(rows_);
    *html_ += " rows</button></p>\n";
  }

 private:
  std::string_view id_;
  std::string* html_;
  size_t rows_ = 0;
};

void AppendCell(std::string_view text, bool is_number, std::string* html) {
  *html += is_number ? "<td class=\"n\">" : "<td>";
  *html += text;
}

std::string_view MarkOf(Severity severity) {
  return severity == Severity::kCritical ? "▼ critical" : severity == Severity::kWarning ? "▽ warning" : "";
}

std::string_view ClassOf(Severity severity) {
  return severity == Severity::kCritical ? "critical" : severity == Severity::kWarning ? "warning" : "";
}

void AppendRow(const Verdict& verdict, Table* table, std::string* html) {
  table->BeginRow();
  *html += "<tr class=\"";
  *html += ClassOf(verdict.severity);
  *html += "\">";
  AppendCell(MarkOf(verdict.severity), false, html);
  AppendCell(Escaped(NameOf(verdict.pathology)), false, html);
  const std::string id = RowId(verdict.layer, verdict.head);
  AppendCell("<a href=\"#" + id + "\">" + std::to_string(verdict.layer) + "</a>", true, html);
  AppendCell(verdict.head < 0 ? "" : std::to_string(verdict.head), true, html);
  AppendCell(InfoOf(verdict.metric).name, false, html);
  AppendCell(std::isnan(verdict.value) ? "NaN" : NumberText(verdict.value), true, html);
  AppendCell(NumberText(verdict.bound), true, html);
  AppendCell(NumberText(verdict.baseline), true, html);
  *html += "</tr>\n";
}

}  // namespace

std::string RowId(int64_t layer, int64_t head) {
  return "l" + std::to_string(layer) + (head < 0 ? "" : "h" + std::to_string(head));
}

void AppendFindings(const Diagnosis& diagnosis, std::string* html) {
  constexpr Heading kHeadings[] = {{"severity", false}, {"pathology", false}, {"layer", true}, {"head", true},
                                   {"metric", false},   {"value", true},      {"bound", true}, {"baseline", true}};
  *html +=
      "<p class=\"filters\"><label>Filter <input type=\"search\" data-for=\"findings\" placeholder=\"sink layer 3\">"
      "</label> <label>Severity <select data-for=\"findings\"><option value=\"\">all</option>"
      "<option>critical</option><option>warning</option></select></label> <output "
      "data-for=\"findings\"></output></p>\n";
  Table table("findings", "Findings", kHeadings, html);
  for (const Verdict& verdict : diagnosis.verdicts) AppendRow(verdict, &table, html);
  table.End();
}

void AppendValues(const Report& report, const Diagnosis& diagnosis, std::string* html) {
  std::map<std::pair<int64_t, int64_t>, Severity> worst;  // verdicts begin with the worst
  for (const Verdict& verdict : diagnosis.verdicts) worst.try_emplace({verdict.layer, verdict.head}, verdict.severity);
  std::vector<Metric> columns;
  for (const Metric metric : kColumns) {
    const auto is_shown = [metric](const MetricValues& values) { return internal::IsGiven(values, metric); };
    const auto has = [&is_shown](const LayerReport& layer) {
      return is_shown(layer.stats.layer) || std::any_of(layer.stats.heads.begin(), layer.stats.heads.end(), is_shown);
    };
    if (std::any_of(report.layers.begin(), report.layers.end(), has)) columns.push_back(metric);
  }
  std::vector<Heading> headings = {{"layer", true}, {"head", true}, {"severity", false}};
  for (const Metric metric : columns) headings.push_back({InfoOf(metric).name, true});
  *html +=
      "<p class=\"filters\"><label>Filter <input type=\"search\" data-for=\"values\" placeholder=\"layer 3 head 5\">"
      "</label> <label>Severity <select data-for=\"values\"><option value=\"\">all</option>"
      "<option>critical</option><option>warning</option></select></label> <output data-for=\"values\"></output></p>\n";
  Table table("values", "Layers and heads", headings, html);
  const auto append = [&](int64_t layer, int64_t head, const MetricValues& values) {
    const auto found = worst.find({layer, head});
    const Severity severity = found == worst.end() ? Severity::kHealthy : found->second;
    table.BeginRow();
    *html += "<tr id=\"" + RowId(layer, head) + "\" tabindex=\"-1\"";
    if (severity != Severity::kHealthy) (*html += " class=\"").append(ClassOf(severity)) += '"';
    *html += '>';
    AppendCell(std::to_string(layer), true, html);
    AppendCell(head < 0 ? "" : std::to_string(head), true, html);
    AppendCell(MarkOf(severity), false, html);
    for (const Metric metric : columns) AppendCell(NumberText(values, metric), true, html);
    *html += "</tr>\n";
  };
  for (const LayerReport& layer : report.layers) {
    append(layer.layer, -1, layer.stats.layer);
    for (size_t head = 0; head < layer.stats.heads.size(); ++head) {
      append(layer.layer, static_cast<int64_t>(head), layer.stats.heads[head]);
    }
  }
  table.End();
}

}  // namespace attnscope::page
