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

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The report as text.
std::string_view JsonOf(AttnscopeReport* report) {
  const char* json = nullptr;
  size_t length = 0;
  FUZZ_CHECK(AttnscopeReportToJson(report, &json, &length) == ATTNSCOPE_OK, AttnscopeLastError());
  FUZZ_CHECK(std::strlen(json) == length, json);
  return {json, length};
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
  }
  CheckRefused(AttnscopeReportVerdict(report, count, &verdict));
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
}

void Session::AskReport(CallBytes bytes) {
  AttnscopeReport* const report = reports_[bytes.Below(reports_.size())];
  double value = 0.0;
  const auto layer = bytes.OneOf<int64_t>({0, 1, 5, -1, INT64_MAX, INT64_MIN});
  const auto head = bytes.OneOf<int64_t>({-1, 0, 1, 8, INT64_MAX, INT64_MIN});
  const auto metric = bytes.OneOf<int32_t>({0, 1, 27, 28, -1, INT32_MAX, INT32_MIN});
  CheckStatus(AttnscopeReportMetric(report, layer, head, metric, &value));
  AttnscopeThresholds thresholds = {};
  thresholds.struct_size = sizeof(thresholds);
  AttnscopeThresholdsDefaults(&thresholds);
  if (bytes.OneIn(2)) thresholds.sink_mass_warning = bytes.OneOf({0.0, kNan, -1.0, 1e300});
  if (bytes.OneIn(2)) thresholds.one_hot_max_row_weight_critical = bytes.OneOf({0.0, kNan, -1.0, 1e300});
  if (bytes.OneIn(4)) thresholds.struct_size = bytes.OneOf<uint32_t>({8, 0, 16, 5000});
  CheckVerdicts(report, bytes.OneIn(2) ? &thresholds : nullptr);
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
  const uint8_t* png = nullptr;
  size_t size = 0;
  const AttnscopeStatus status = AttnscopeReportEncodePng(report, &options, &png, &size);
  CheckStatus(status);
  FUZZ_CHECK(status != ATTNSCOPE_OK || (size > 8 && std::memcmp(png, "\x89PNG", 4) == 0), "a PNG");
  if (status != ATTNSCOPE_OK || !bytes.OneIn(8)) return;
  static const InputFile file("figure.png");
  CheckStatus(AttnscopeReportWritePng(report, &options, file.path().c_str()));
  CheckRefused(AttnscopeReportWritePng(report, &options, (file.path() + "/below/a/file").c_str()));
}

}  // namespace attnscope::fuzz
