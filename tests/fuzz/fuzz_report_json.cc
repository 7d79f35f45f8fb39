// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a report in JSON: what parses is written, parsed again to the same values, diagnosed, printed, and, of
// one input in sixteen, drawn.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/figure.h"
#include "attnscope/report.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/input_file.h"
#include "tools/commands/report_file.h"
#include "tools/output/report_text.h"

namespace attnscope::fuzz {
namespace {

// More would be slow rather than new.
constexpr size_t kMaxDrawnLayers = 64;
constexpr size_t kMaxDrawnHeads = 64;

void CheckSame(const MetricValues& a, const MetricValues& b) {
  for (const MetricInfo& info : MetricsOf(LayerStats{a, {b}})) {
    const bool both_missing = std::isnan(a[info.metric]) && std::isnan(b[info.metric]);
    FUZZ_CHECK(both_missing || a[info.metric] == b[info.metric], info.name);
  }
}

bool HasValues(const LayerStats& stats) {
  const auto has = [](const MetricValues& values) {
    for (const MetricInfo& info : MetricsOf(values)) {
      if (values.Has(info.metric)) return true;
    }
    return false;
  };
  for (const MetricValues& head : stats.heads) {
    if (has(head)) return true;
  }
  return has(stats.layer);
}

// Written and parsed again, the report is the same, but that a layer without a value may be left out, as may heads
// without one.
void CheckRoundTrip(const Report& report) {
  const std::string json = ReportToJson(report);
  Report back;
  const Status status = ReportFromJson(json, &back);
  FUZZ_CHECK(status.ok(), status.message());
  FUZZ_CHECK(back.epoch == report.epoch && back.step == report.step && back.stage == report.stage, json);
  FUZZ_CHECK(ReportToJson(back) == json, json);
  for (const LayerReport& layer : report.layers) {
    if (!HasValues(layer.stats)) continue;
    const LayerReport* const other = back.Find(layer.layer);
    FUZZ_CHECK(other != nullptr, json);
    CheckSame(layer.stats.layer, other->stats.layer);
    for (size_t h = 0; h < other->stats.heads.size(); ++h) CheckSame(layer.stats.heads[h], other->stats.heads[h]);
  }
}

void CheckFigure(FigureKind kind, const std::vector<Report>& reports, const FigureOptions& options) {
  Image image;
  std::string svg;
  const Status drawn = RenderFigure(kind, reports, options, &image);
  const Status written = RenderFigureSvg(kind, reports, options, &svg);
  FUZZ_CHECK(drawn.ok() == written.ok(), drawn.message() + written.message());
  if (!drawn.ok()) {
    FUZZ_CHECK(!drawn.message().empty() && !written.message().empty(), "a message");
    return;
  }
  FUZZ_CHECK(image.rgb.size() == 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height), "pixels");
  FUZZ_CHECK(svg.ends_with("</svg>\n"), svg.substr(svg.size() < 20 ? 0 : svg.size() - 20));
  std::vector<uint8_t> png;
  FUZZ_CHECK(EncodePng(image, &png).ok() && !png.empty(), "a PNG");
}

void Draw(const Report& report, uint64_t choice) {
  if (report.layers.size() > kMaxDrawnLayers) return;
  for (const LayerReport& layer : report.layers) {
    if (layer.stats.heads.size() > kMaxDrawnHeads) return;
  }
  FigureOptions options = {.width = 400, .height = 300};
  options.scale = (choice & 1) != 0 ? 1.0 : 0.3;
  options.dark = (choice & 2) != 0;
  options.plain = (choice & 4) != 0;
  Report later = report;
  if (later.step.has_value()) later.step = report.step == 7 ? 8 : 7;
  CheckFigure(FigureKind::kSummary, {report}, options);
  CheckFigure(FigureKind::kHeads, {report}, options);
  CheckFigure(FigureKind::kHistory, {report, later}, options);
}

void Run(std::string_view text, uint64_t choice) {
  static const InputFile file("input.json");
  Report report;
  report.stage = "as before";
  if (const Status status = ReportFromJson(text, &report); !status.ok()) {
    FUZZ_CHECK(!status.message().empty(), "a message");
    FUZZ_CHECK(report.layers.empty() && report.stage == "as before", status.message());
    // Several reports, one a line, are no report.
    file.Write(text);
    std::vector<Report> reports;
    const Status lines = tools::ReadReportsFile(file.path(), &reports);
    FUZZ_CHECK(lines.ok() || lines.message().starts_with(file.path()), lines.message());
    return;
  }
  CheckRoundTrip(report);
  const Diagnosis diagnosis = Judge(report, {});
  const tools::TextStyle style = {.color = (choice & 1) != 0, .per_head = (choice & 2) != 0, .max_verdicts = 3};
  tools::FormatTable(report, diagnosis, style);
  tools::FormatDiagnosis(diagnosis, style);
  if (choice % 16 == 0) Draw(report, choice >> 4);
}

}  // namespace
}  // namespace attnscope::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  attnscope::fuzz::Run({reinterpret_cast<const char*>(data), size}, attnscope::fuzz::Hash(data, size));
  return 0;
}
