// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/session.h"

namespace attnscope::fuzz {
namespace {

constexpr int32_t kMetrics = ATTNSCOPE_NUM_METRICS;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The report as text.
std::string_view JsonOf(AttnscopeReport* report) {
  const char* json = nullptr;
  size_t length = 0;
  FUZZ_CHECK(AttnscopeReportToJson(report, &json, &length) == ATTNSCOPE_OK, AttnscopeLastError());
  FUZZ_CHECK(std::strlen(json) == length, json);
  return {json, length};
}

// What was not judged, and what layers and report are; `verdicts` were found.
void CheckOutcomes(const AttnscopeReport* report, size_t verdicts) {
  size_t count = 0;
  FUZZ_CHECK(AttnscopeReportNumUnjudged(report, &count) == ATTNSCOPE_OK, AttnscopeLastError());
  AttnscopeUnjudged unjudged = {};
  unjudged.struct_size = sizeof(unjudged);
  for (size_t i = 0; i < count; ++i) {
    FUZZ_CHECK(AttnscopeReportUnjudged(report, i, &unjudged) == ATTNSCOPE_OK, AttnscopeLastError());
    FUZZ_CHECK(AttnscopePathologyName(unjudged.pathology) != nullptr && std::strlen(unjudged.reason) > 5,
               "what was not judged has a reason");
    int32_t outcome = -1;
    FUZZ_CHECK(AttnscopeReportOutcome(report, unjudged.layer, &outcome) == ATTNSCOPE_OK, AttnscopeLastError());
    FUZZ_CHECK(AttnscopeOutcomeName(outcome) != nullptr, "an outcome of its layer");
  }
  CheckRefused(AttnscopeReportUnjudged(report, count, &unjudged));
  int32_t outcome = -1;
  FUZZ_CHECK(AttnscopeReportOutcome(report, -1, &outcome) == ATTNSCOPE_OK, AttnscopeLastError());
  FUZZ_CHECK((outcome == ATTNSCOPE_OUTCOME_ILL) == (verdicts > 0), "ill is what has verdicts");
}

void CheckVerdicts(AttnscopeReport* report, const AttnscopeThresholds* thresholds) {
  size_t count = 0;
  const AttnscopeStatus status = AttnscopeReportDiagnose(report, thresholds, &count);
  CheckStatus(status);
  if (status != ATTNSCOPE_OK) return;
  AttnscopeVerdict verdict = {};
  int32_t severity = ATTNSCOPE_CRITICAL;
  for (size_t i = 0; i < count; ++i) {
    verdict.struct_size = sizeof(verdict);
    FUZZ_CHECK(AttnscopeReportVerdict(report, i, &verdict) == ATTNSCOPE_OK, AttnscopeLastError());
    FUZZ_CHECK(verdict.severity <= severity && verdict.severity > ATTNSCOPE_HEALTHY, "the worst first");
    severity = verdict.severity;
    FUZZ_CHECK(AttnscopeMetricName(verdict.metric) != nullptr && std::strlen(verdict.message) > 5, verdict.message);
    double value = kNan;
    FUZZ_CHECK(AttnscopeReportMetric(report, verdict.layer, verdict.head, verdict.metric, &value) == ATTNSCOPE_OK,
               AttnscopeLastError());
    FUZZ_CHECK(AttnscopePathologyName(verdict.pathology) != nullptr, verdict.message);
    int32_t worst = 0;
    FUZZ_CHECK(AttnscopeReportWorstSeverity(report, &worst) == ATTNSCOPE_OK && worst >= verdict.severity, "the worst");
  }
  CheckRefused(AttnscopeReportVerdict(report, count, &verdict));
  CheckOutcomes(report, count);
}

// Beside a baseline of these reports, which need not be of one model, nor of this one.
void CheckBaseline(AttnscopeReport* report, const AttnscopeReport* const* past, size_t count) {
  AttnscopeBaseline* baseline = nullptr;
  const AttnscopeStatus made = AttnscopeBaselineCreate(past, count, &baseline);
  CheckStatus(made);
  FUZZ_CHECK((made == ATTNSCOPE_OK) == (baseline != nullptr) && (made != ATTNSCOPE_OK || count > 0),
             "a baseline, or an error");
  if (made != ATTNSCOPE_OK) return;
  CheckStatus(AttnscopeBaselineCheck(baseline, report));
  size_t verdicts = 0;
  FUZZ_CHECK(AttnscopeReportDiagnoseBeside(report, nullptr, baseline, &verdicts) == ATTNSCOPE_OK, AttnscopeLastError());
  AttnscopeBaselineDestroy(baseline);  // what was found does not need it
  size_t usual = 0;
  FUZZ_CHECK(AttnscopeReportNumAsInBaseline(report, &usual) == ATTNSCOPE_OK, AttnscopeLastError());
  AttnscopeVerdict verdict = {};
  for (size_t i = 0; i < usual; ++i) {
    verdict.struct_size = sizeof(verdict);
    FUZZ_CHECK(AttnscopeReportAsInBaseline(report, i, &verdict) == ATTNSCOPE_OK, AttnscopeLastError());
    FUZZ_CHECK(AttnscopePathologyName(verdict.pathology) != nullptr && std::strlen(verdict.message) > 5,
               "what is usual says what it is");
  }
  CheckRefused(AttnscopeReportAsInBaseline(report, usual, &verdict));
  CheckOutcomes(report, verdicts);
}

// The layers that a report says it has, ascending, and what else it holds.
void CheckContents(const AttnscopeReport* report) {
  size_t layers = 0;
  FUZZ_CHECK(AttnscopeReportNumLayers(report, &layers) == ATTNSCOPE_OK, AttnscopeLastError());
  int64_t before = -1;
  for (size_t i = 0; i < layers; ++i) {
    int64_t layer = 0;
    size_t heads = 0;
    double value = 0.0;
    FUZZ_CHECK(AttnscopeReportLayerAt(report, i, &layer, &heads) == ATTNSCOPE_OK && layer > before, "layers ascend");
    const auto beyond = static_cast<int64_t>(heads);
    FUZZ_CHECK(AttnscopeReportMetric(report, layer, beyond - 1, 0, &value) == ATTNSCOPE_OK, AttnscopeLastError());
    FUZZ_CHECK(AttnscopeReportMetric(report, layer, beyond, 0, &value) == ATTNSCOPE_NOT_FOUND, "no more heads");
    before = layer;
  }
  CheckRefused(AttnscopeReportLayerAt(report, layers, nullptr, nullptr));
  const char* stage = nullptr;
  int64_t time = 0;
  FUZZ_CHECK(AttnscopeReportStage(report, &stage) == ATTNSCOPE_OK && stage != nullptr, AttnscopeLastError());
  CheckStatus(AttnscopeReportEpoch(report, &time));
  CheckStatus(AttnscopeReportStep(report, &time));
}

// Key profiles and maps, right and wrong.
class AttentionToDraw {
 public:
  explicit AttentionToDraw(CallBytes* bytes) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    for (double& share : shares_) share = bytes->OneOf({0.5, 0.1, 0.0, 1e-9, 1.0, kNan, -1.0, 1e300, kInfinity});
    for (size_t i = 0; i < kProfiles; ++i) {
      AttnscopeKeyProfile& profile = profiles_[i];
      profile.struct_size = bytes->OneOf<uint32_t>({sizeof(profile), sizeof(profile), sizeof(profile), 8, 0});
      profile.layer = bytes->OneOf<int64_t>({static_cast<int64_t>(i), INT64_MAX, INT64_MIN, -1});
      profile.heads = bytes->OneOf<uint64_t>({8, 1, 0, UINT64_MAX});
      profile.keys = bytes->OneOf<uint64_t>({kKeys, 3, 1, 0, UINT64_MAX});
      profile.mean = bytes->OneIn(20) ? nullptr : shares_;
      profile.largest_head = bytes->OneOf<int64_t>({3, -1, INT64_MAX, INT64_MIN});
      profile.largest = bytes->OneIn(4) ? nullptr : shares_;
      pointers_[i] = bytes->OneIn(20) ? nullptr : &profile;
    }
    num_profiles_ = bytes->OneOf<uint64_t>({0, 1, kProfiles});
    for (float& cell : cells_) cell = bytes->OneOf({0.5f, 0.0f, -1.0f, 1e-9f, static_cast<float>(kNan), 1e30f});
    for (size_t i = 0; i < kMaps; ++i) {
      AttnscopeAttentionMap& map = maps_[i];
      map.struct_size = bytes->OneOf<uint32_t>({sizeof(map), sizeof(map), sizeof(map), 8, 0});
      map.layer = bytes->OneOf<int64_t>({static_cast<int64_t>(i / 2), INT64_MAX, INT64_MIN});
      map.head = bytes->OneOf<int64_t>({static_cast<int64_t>(i % 2), INT64_MAX, INT64_MIN});
      map.queries = bytes->OneOf<uint64_t>({100, 4, 0, UINT64_MAX});
      map.keys = bytes->OneOf<uint64_t>({100, 4, 0, UINT64_MAX});
      map.rows = bytes->OneOf<uint64_t>({4, 1, 0, 4097, UINT64_MAX});
      map.columns = bytes->OneOf<uint64_t>({5, 1, 0, 4097, UINT64_MAX});
      map.cells = bytes->OneIn(20) ? nullptr : cells_;
      map_pointers_[i] = bytes->OneIn(20) ? nullptr : &map;
    }
    num_maps_ = bytes->OneOf<uint64_t>({0, 1, kMaps});
  }

  AttnscopeFigureData Data(const AttnscopeReport* const* reports, size_t count) const {
    AttnscopeFigureData data = {};
    data.struct_size = sizeof(data);
    data.reports = reports;
    data.num_reports = count;
    data.keys = pointers_;
    data.num_keys = num_profiles_;
    data.maps = map_pointers_;
    data.num_maps = num_maps_;
    return data;
  }

 private:
  static constexpr size_t kProfiles = 3;
  static constexpr size_t kKeys = 40;
  double shares_[kKeys] = {};
  AttnscopeKeyProfile profiles_[kProfiles] = {};
  const AttnscopeKeyProfile* pointers_[kProfiles] = {};
  uint64_t num_profiles_ = 0;
  static constexpr size_t kMaps = 4;
  float cells_[20] = {};
  AttnscopeAttentionMap maps_[kMaps] = {};
  const AttnscopeAttentionMap* map_pointers_[kMaps] = {};
  uint64_t num_maps_ = 0;
};

// A figure of these reports in one of the formats; what it says of itself must agree.
void DrawFigure(const AttnscopeReport* const* reports, size_t count, const AttnscopeFigureOptions& options,
                CallBytes* bytes) {
  const auto kind = bytes->OneOf<int>({ATTNSCOPE_FIGURE_HEADS, ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FIGURE_SUMMARY,
                                       ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FIGURE_MAPS, 5});
  const auto format = bytes->OneOf<int>({ATTNSCOPE_FORMAT_RGB, ATTNSCOPE_FORMAT_SVG, ATTNSCOPE_FORMAT_PNG, 3, 255});
  AttnscopeFigure* figure = nullptr;
  AttentionToDraw attention(bytes);
  const bool is_of_attention = kind == ATTNSCOPE_FIGURE_KEYS || kind == ATTNSCOPE_FIGURE_MAPS;
  const AttnscopeFigureData to_draw = attention.Data(reports, count);
  const AttnscopeStatus status = is_of_attention
                                     ? AttnscopeFigureCreateOf(kind, format, &to_draw, &options, &figure)
                                     : AttnscopeFigureCreate(kind, format, reports, count, &options, &figure);
  CheckStatus(status);
  FUZZ_CHECK((status == ATTNSCOPE_OK) == (figure != nullptr), "a figure, or an error");
  if (status != ATTNSCOPE_OK) return;
  FUZZ_CHECK(kind <= 4 && format <= 2 && (is_of_attention || kind == ATTNSCOPE_FIGURE_HISTORY || count == 1),
             "an error");
  const uint8_t* data = nullptr;
  size_t size = 0;
  FUZZ_CHECK(AttnscopeFigureBytes(figure, &data, &size) == ATTNSCOPE_OK && size > 8, AttnscopeLastError());
  int32_t width = 0;
  int32_t height = 0;
  const AttnscopeStatus has_pixels = AttnscopeFigurePixels(figure, &width, &height, nullptr);
  FUZZ_CHECK((has_pixels == ATTNSCOPE_OK) == (format != ATTNSCOPE_FORMAT_SVG), AttnscopeLastError());
  if (format == ATTNSCOPE_FORMAT_RGB) {
    FUZZ_CHECK(size == size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height), "three bytes a pixel");
  }
  if (format == ATTNSCOPE_FORMAT_SVG) {
    FUZZ_CHECK(std::strlen(reinterpret_cast<const char*>(data)) == size, "a zero byte behind the document");
  }
  AttnscopeFigureDestroy(figure);
}

}  // namespace

void Session::ChangeReport(CallBytes bytes) {
  AttnscopeReport* const report = reports_[bytes.Below(reports_.size())];
  const auto layer = bytes.OneOf<int64_t>({0, 1, 5, INT64_MAX, -1, INT64_MIN});
  const Accumulator& from = AccumulatorOf(&bytes);
  const AttnscopeStatus status = AttnscopeReportSetLayer(report, layer, from.handle);
  CheckStatus(status);
  FUZZ_CHECK((status == ATTNSCOPE_OK) == (layer >= 0 && from.handle != nullptr), AttnscopeLastError());
  if (status == ATTNSCOPE_OK) {
    double rows = 0.0;
    FUZZ_CHECK(AttnscopeReportMetric(report, layer, -1, ATTNSCOPE_ROWS, &rows) == ATTNSCOPE_OK, AttnscopeLastError());
    const double expected = StatsOf(from.handle)[ATTNSCOPE_ROWS];
    FUZZ_CHECK(rows == expected || (std::isnan(rows) && std::isnan(expected)), "the accumulator's rows");
  }
  if (bytes.OneIn(2)) CheckStatus(AttnscopeReportSetEpoch(report, static_cast<int64_t>(bytes.Word())));
  if (bytes.OneIn(2)) {
    const std::string stage(bytes.Rest());
    CheckStatus(AttnscopeReportSetStage(report, bytes.OneIn(5) ? nullptr : stage.c_str()));
  }
  if (bytes.OneIn(2)) CheckStatus(AttnscopeReportSetStep(report, static_cast<int64_t>(bytes.Word())));
  if (!bytes.OneIn(2)) return;
  const auto metric = bytes.OneOf<int32_t>({0, 5, kMetrics - 1, kMetrics, -1});
  const auto head = bytes.OneOf<int64_t>({-1, 0, 3, -2, 65536, INT64_MAX});
  const double value = bytes.OneOf({0.5, 0.0, -1.0, 1e300, kNan, std::numeric_limits<double>::infinity()});
  const AttnscopeStatus set = AttnscopeReportSetMetric(report, layer, head, metric, value);
  CheckStatus(set);
  FUZZ_CHECK((set == ATTNSCOPE_OK) == (layer >= 0 && head >= -1 && head < 65536 && metric >= 0 && metric < kMetrics),
             AttnscopeLastError());
  if (set != ATTNSCOPE_OK) return;
  double read = 0.0;
  FUZZ_CHECK(AttnscopeReportMetric(report, layer, head, metric, &read) == ATTNSCOPE_OK, AttnscopeLastError());
  FUZZ_CHECK(read == value || (std::isnan(read) && std::isnan(value)), "the value that was set");
}

void Session::AskReport(CallBytes bytes) {
  AttnscopeReport* const report = reports_[bytes.Below(reports_.size())];
  double value = 0.0;
  const auto layer = bytes.OneOf<int64_t>({0, 1, 5, -1, INT64_MAX, INT64_MIN});
  const auto head = bytes.OneOf<int64_t>({-1, 0, 1, 8, INT64_MAX, INT64_MIN});
  const auto metric = bytes.OneOf<int32_t>({0, 1, kMetrics - 1, kMetrics, -1, INT32_MAX, INT32_MIN});
  CheckStatus(AttnscopeReportMetric(report, layer, head, metric, &value));
  AttnscopeThresholds thresholds = {};
  thresholds.struct_size = sizeof(thresholds);
  AttnscopeThresholdsDefaults(&thresholds);
  if (bytes.OneIn(2)) thresholds.sink_mass_warning = bytes.OneOf({0.0, kNan, -1.0, 1e300});
  if (bytes.OneIn(2)) thresholds.one_hot_max_row_weight_critical = bytes.OneOf({0.0, kNan, -1.0, 1e300});
  if (bytes.OneIn(4)) thresholds.struct_size = bytes.OneOf<uint32_t>({8, 0, 16, 5000});
  CheckVerdicts(report, bytes.OneIn(2) ? &thresholds : nullptr);
  CheckContents(report);
  if (!bytes.OneIn(2)) return;
  const AttnscopeReport* const past[2] = {reports_[bytes.Below(reports_.size())], reports_[0]};
  CheckBaseline(report, past, bytes.OneOf<size_t>({1, 2, 0}));
}

// To text and back, into the other report too.
void Session::ReportJson(CallBytes bytes) {
  AttnscopeReport* const report = reports_[bytes.Below(reports_.size())];
  const std::string json(JsonOf(report));
  AttnscopeReport* const other = reports_[bytes.Below(reports_.size())];
  FUZZ_CHECK(AttnscopeReportFromJson(other, json.data(), json.size()) == ATTNSCOPE_OK, AttnscopeLastError());
  FUZZ_CHECK(JsonOf(other) == json, json);
  const std::string cut = json.substr(0, bytes.Next() % (json.size() - 1));
  CheckRefused(AttnscopeReportFromJson(other, cut.data(), cut.size()));
  FUZZ_CHECK(JsonOf(other) == json, "a failed call that changes nothing");
}

void Session::ReportFromText(CallBytes bytes) {
  AttnscopeReport* const report = reports_[bytes.Below(reports_.size())];
  std::string text = bytes.OneOf<const char*>({"{\"attention_stats\":{\"0\":{", "{\"attention_stats\":", ""});
  text += bytes.Rest();
  if (bytes.OneIn(2)) text += "}}}";
  // Exactly as long as the text, without a zero byte behind it.
  const auto exact = std::make_unique<char[]>(text.size());
  std::memcpy(exact.get(), text.data(), text.size());
  CheckStatus(AttnscopeReportFromJson(report, exact.get(), text.size()));
}

void Session::DrawReport(CallBytes bytes) {
  AttnscopeReport* const report = reports_[bytes.Below(reports_.size())];
  AttnscopeFigureOptions options = {};
  options.struct_size = sizeof(options);
  AttnscopeFigureOptionsDefaults(&options);
  options.width = bytes.OneOf<int32_t>({400, 700, 399, 0, -1, INT32_MIN, INT32_MAX});
  options.height = bytes.OneOf<int32_t>({300, 500, 299, 0, -1, INT32_MIN, 20001});
  options.scale = bytes.OneOf({0.1, 0.5, 0.0, -1.0, 17.0, kNan, std::numeric_limits<double>::infinity()});
  options.struct_size = bytes.OneOf<uint32_t>({sizeof(options), sizeof(options), 0, 5000});
  const bool writes_files = bytes.OneIn(8);
  if (options.struct_size == sizeof(options) && bytes.OneIn(4)) options.struct_size = 24;  // an older program's
  options.plain = bytes.OneOf<uint32_t>({0, 1, 0, 2});
  options.dark = bytes.OneOf<uint32_t>({0, 1, 0, UINT32_MAX});
  AttnscopeThresholds thresholds = {};
  thresholds.struct_size = sizeof(thresholds);
  AttnscopeThresholdsDefaults(&thresholds);
  thresholds.sink_mass_warning = bytes.OneOf({0.3, kNan, 0.0});
  thresholds.reserved = bytes.OneIn(8) ? 1 : 0;
  if (bytes.OneIn(2)) options.thresholds = &thresholds;
  const uint8_t* png = nullptr;
  size_t size = 0;
  const AttnscopeStatus status = AttnscopeReportEncodePng(report, &options, &png, &size);
  CheckStatus(status);
  FUZZ_CHECK(status != ATTNSCOPE_OK || (size > 8 && std::memcmp(png, "\x89PNG", 4) == 0), "a PNG");
  const AttnscopeReport* const both[2] = {reports_[0], reports_[1]};
  if (bytes.OneIn(2)) DrawFigure(both, bytes.OneOf<size_t>({1, 2, 0}), options, &bytes);
  if (status != ATTNSCOPE_OK || !writes_files) return;
  static const InputFile file("figure.png");
  CheckStatus(AttnscopeReportWritePng(report, &options, file.path().c_str()));
  CheckRefused(AttnscopeReportWritePng(report, &options, (file.path() + "/below/a/file").c_str()));
  CheckStatus(AttnscopeFigureWrite(ATTNSCOPE_FIGURE_HISTORY, both, 2, &options, file.path().c_str()));
  CheckStatus(AttnscopeWriteFileAtomically(file.path().c_str(), png, size));
}

}  // namespace attnscope::fuzz
