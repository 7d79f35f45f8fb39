// SPDX-License-Identifier: Apache-2.0
#include "attnscope/page.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/write_file.h"
#include "page/page_canvas.h"
#include "page/page_script.h"
#include "page/page_style.h"
#include "page/page_tables.h"
#include "page/page_text.h"
#include "render/figures/figure.h"

namespace attnscope {
namespace {

// A figure as it stands in the page.
struct Section {
  FigureKind kind;
  std::string_view name;
  std::string_view title;
  std::string_view hint;
  int width;
  int height;
};
constexpr std::array kSections = {
    Section{FigureKind::kSummary, "summary", "Summary", "Point at a layer for its values; click to see its row.", 1400,
            1050},
    Section{FigureKind::kHeads, "heads", "Heads", "Point at a cell for its value; click to see the head's row.", 1400,
            900},
    Section{FigureKind::kHistory, "history", "Over time", "Point at a line for its layer and value.", 1400, 1050},
    Section{FigureKind::kKeys, "keys", "Keys", "Attention received by key position. Point at a curve for its values.",
            1400, 1050},
    Section{FigureKind::kMaps, "maps", "Maps",
            "Each cell is the largest weight that it stands for. Click to see the head's row.", 1400, 1050},
};

// What a section draws of the data; none if there is nothing to draw.
FigureData DataOf(FigureKind kind, const FigureData& data) {
  const std::span<const Report> last = data.reports.last(1);
  switch (kind) {
    case FigureKind::kSummary:
      return {.reports = last};
    case FigureKind::kHeads: {
      const auto has_heads = [](const LayerReport& layer) { return !layer.stats.heads.empty(); };
      const std::vector<LayerReport>& layers = last[0].layers;
      return std::any_of(layers.begin(), layers.end(), has_heads) ? FigureData{.reports = last} : FigureData();
    }
    case FigureKind::kHistory:
      return data.reports.size() > 1 ? FigureData{.reports = data.reports} : FigureData();
    case FigureKind::kKeys:
      return data.keys.empty() ? FigureData() : FigureData{.reports = last, .keys = data.keys};
    case FigureKind::kMaps:
      break;
  }
  return data.maps.empty() ? FigureData() : FigureData{.reports = last, .maps = data.maps};
}

bool IsEmpty(const FigureData& data) { return data.reports.empty(); }

// How far apart points of curves are, in layout units, so that many lines over a long time do not fill the page with
// more than can be seen.
double ColumnWidth(const FigureData& data) {
  constexpr double kMostPoints = 60000.0;
  constexpr double kPlots = 11.0;
  constexpr double kPlotWidth = 380.0;
  size_t layers = 0;
  for (const Report& report : data.reports) layers = std::max(layers, report.layers.size());
  const double points = 2.0 * kPlotWidth * kPlots * static_cast<double>(layers);
  return data.reports.size() < 100 ? 1.0 : std::max(1.0, points / kMostPoints);
}

FigureOptions OptionsOf(const Section& section, const FigureOptions& options) {
  FigureOptions of_figure;
  of_figure.width = section.width;
  of_figure.height = section.height;
  of_figure.thresholds = options.thresholds;
  of_figure.baseline = options.baseline;
  return of_figure;
}

// The worst of a diagnosis as a class, and in words.
std::pair<std::string_view, std::string> OutcomeOf(const Diagnosis& diagnosis) {
  const auto count = [&](Severity severity) {
    return static_cast<size_t>(std::count_if(diagnosis.verdicts.begin(), diagnosis.verdicts.end(),
                                             [&](const Verdict& verdict) { return verdict.severity == severity; }));
  };
  const size_t critical = count(Severity::kCritical);
  const size_t warnings = count(Severity::kWarning);
  std::string text;
  if (critical > 0) text += std::to_string(critical) + " critical";
  if (warnings > 0) {
    text += (text.empty() ? "" : ", ") + std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
  }
  if (critical > 0) return {"critical", "▼ " + text};
  if (warnings > 0) return {"warning", "▽ " + text};
  if (!diagnosis.is_judged) return {"muted", "not judged: nothing that a verdict could be about"};
  return {"healthy", "✓ healthy: no verdicts"};
}

std::string TitleOf(const Report& report) {
  std::string title = "Transformer attention";
  if (!report.stage.empty()) title += ", " + report.stage;
  if (report.epoch) title += ", epoch " + std::to_string(*report.epoch);
  if (report.step) title += ", step " + std::to_string(*report.step);
  return title;
}

void AppendHeader(const Report& report, const Diagnosis& diagnosis, const std::vector<const Section*>& sections,
                  std::string* html) {
  const auto [outcome, text] = OutcomeOf(diagnosis);
  *html += "<header><h1>" + page::Escaped(TitleOf(report)) + "</h1>\n<p class=\"outcome " + std::string(outcome) +
           "\">" + text + "</p>\n";
  if (!diagnosis.verdicts.empty()) *html += "<p>" + page::Escaped(diagnosis.verdicts[0].message) + "</p>\n";
  const std::vector<std::string> unjudged = SummarizeUnjudged(diagnosis);
  if (!unjudged.empty()) {
    *html += "<details" + std::string(diagnosis.is_judged ? "" : " open") + "><summary>Not judged</summary><ul>\n";
    for (const std::string& line : unjudged) *html += "<li>" + page::Escaped(line) + "</li>\n";
    *html += "</ul></details>\n";
  }
  *html += "<nav aria-label=\"Contents\"><ul><li><a href=\"#findings-title\">Findings</a></li>";
  for (const Section* section : sections) {
    *html += "<li><a href=\"#" + std::string(section->name) + "-title\">" + std::string(section->title) + "</a></li>";
  }
  *html += "<li><a href=\"#values-title\">Layers and heads</a></li></ul></nav></header>\n";
}

void AppendSection(const Section& section, const page::PageCanvas& canvas, std::string* html) {
  const std::string name(section.name);
  *html += "<section class=\"figure\" aria-labelledby=\"" + name + "-title\"><h2 id=\"" + name + "-title\">" +
           std::string(section.title) + "</h2>\n<figure>";
  *html += canvas.Svg(section.name, render::TitleOf(section.kind));
  *html += "<figcaption class=\"muted\">" + std::string(section.hint) + "</figcaption></figure></section>\n";
}

Status Check(const FigureData& data, const FigureOptions& options) {
  if (data.reports.empty()) return {StatusCode::kInvalidArgument, "reports holds 0 reports; a page needs one or more"};
  for (const Section& section : kSections) {
    const FigureData of_figure = DataOf(section.kind, data);
    if (IsEmpty(of_figure)) continue;
    Status status = render::CheckFigure(section.kind, of_figure, OptionsOf(section, options));
    if (!status.ok()) return status;
  }
  return {};
}

std::string MakePage(const FigureData& data, const FigureOptions& options) {
  const Report& report = data.reports.back();
  const Diagnosis diagnosis = Judge(report, options.thresholds, options.baseline);
  std::vector<const Section*> sections;
  std::string figures;
  std::string regions;
  for (const Section& section : kSections) {
    const FigureData of_figure = DataOf(section.kind, data);
    if (IsEmpty(of_figure)) continue;
    const FigureOptions of_section = OptionsOf(section, options);
    render::FigureLook look = render::LookOf(of_section);
    if (section.kind == FigureKind::kHistory) look.column_width = ColumnWidth(of_figure);
    page::PageCanvas canvas(section.width, section.height, look.theme.background);
    render::DrawFigure(section.kind, of_figure, look, of_section, &canvas);
    AppendSection(section, canvas, &figures);
    regions += (regions.empty() ? "" : ",\n") + ("\"" + std::string(section.name) + "\":") + canvas.Regions();
    sections.push_back(&section);
  }
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>" +
      page::Escaped(TitleOf(report)) + "</title>\n<style>" + page::StyleSheet() + "</style></head>\n<body>\n";
  AppendHeader(report, diagnosis, sections, &html);
  html += "<main>\n<section aria-labelledby=\"findings-title\"><h2 id=\"findings-title\">Findings</h2>\n";
  if (diagnosis.verdicts.empty()) {
    html += "<p>None.</p>\n";
  } else {
    page::AppendFindings(diagnosis, &html);
  }
  html += "</section>\n" + figures;
  html += "<section aria-labelledby=\"values-title\"><h2 id=\"values-title\">Layers and heads</h2>\n";
  page::AppendValues(report, diagnosis, &html);
  html +=
      "</section>\n</main>\n<div id=\"tip\" role=\"status\"></div>\n<script type=\"application/json\" "
      "id=\"regions\">{" +
      regions + "}</script>\n<script>" + std::string(page::kScript) + "</script>\n</body></html>\n";
  return html;
}

}  // namespace

Status RenderPage(const FigureData& data, const FigureOptions& options, std::string* out) {
  if (Status status = Check(data, options); !status.ok()) return status;
  try {
    *out = MakePage(data, options);
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "no memory for a page"};
  }
  return {};
}

Status WritePage(const FigureData& data, const FigureOptions& options, const std::string& path) {
  std::string html;
  Status status = RenderPage(data, options, &html);
  return status.ok() ? WriteFileAtomically(path, html) : status;
}

}  // namespace attnscope
