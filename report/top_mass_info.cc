// SPDX-License-Identifier: Apache-2.0
//
// The entries of top-k masses that are not in the table of metrics, and which of them values have.
#include <array>
#include <charconv>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "attnscope/limits.h"
#include "attnscope/metrics.h"
#include "attnscope/report.h"
#include "report/metrics_of.h"

namespace attnscope {
namespace {

// "top128" and "Top-128 Mass".
struct Texts {
  std::array<char, 8> name;
  std::array<char, 16> title;
};

template <size_t kSize>
constexpr void Write(std::string_view before, size_t k, std::string_view behind, std::array<char, kSize>& to) {
  size_t length = 0;
  for (const char c : before) to[length++] = c;
  for (size_t unit = k >= 1000 ? 1000 : k >= 100 ? 100 : k >= 10 ? 10 : 1; unit != 0; unit /= 10) {
    to[length++] = static_cast<char>('0' + k / unit % 10);
  }
  for (const char c : behind) to[length++] = c;
}

constexpr std::array<Texts, kMaxTopK + 1> MakeTexts() {
  static_assert(kMaxTopK < 10000);
  std::array<Texts, kMaxTopK + 1> texts = {};
  for (size_t k = 1; k <= kMaxTopK; ++k) {
    Write("top", k, "", texts[k].name);
    Write("Top-", k, " Mass", texts[k].title);
  }
  return texts;
}
constexpr std::array<Texts, kMaxTopK + 1> kTexts = MakeTexts();

constexpr std::string_view kPrefix = "top";

}  // namespace

MetricInfo metrics_internal::InfoOfTopMass(size_t k) {
  if (k == 0 || k > kMaxTopK) return {};
  return TopMassEntry(TopMass(k), kTexts[k].name.data(), "Mean mass of a row's k largest weights",
                      kTexts[k].title.data());
}

size_t TopKNamed(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  const char* const end = name.data() + name.size();
  size_t k = 0;
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, k);
  if (error != std::errc() || stop != end || name[kPrefix.size()] == '0') return 0;
  return k <= kMaxTopK ? k : 0;
}

std::vector<MetricInfo> internal::MetricCollector::metrics() const {
  std::vector<MetricInfo> metrics;
  metrics.reserve(kNumMetrics + other_k_.size());
  auto other = other_k_.begin();
  for (const MetricInfo& info : AllMetrics()) {
    // Each in front of the next larger one of the table; the last ones behind all masses.
    const bool behind_masses = metrics.size() > 0 && info.top_k == 0 && metrics.back().top_k != 0;
    while (other != other_k_.end() && (behind_masses || *other < info.top_k))
      metrics.push_back(InfoOf(TopMass(*other++)));
    metrics.push_back(info);
  }
  return metrics;
}

std::vector<MetricInfo> MetricsOf(const MetricValues& values) {
  internal::MetricCollector collector;
  collector.Add(values);
  return collector.metrics();
}

std::vector<MetricInfo> MetricsOf(const LayerStats& stats) {
  internal::MetricCollector collector;
  collector.Add(stats);
  return collector.metrics();
}

std::vector<MetricInfo> MetricsOf(std::span<const Report> reports) {
  internal::MetricCollector collector;
  for (const Report& report : reports) {
    for (const LayerReport& layer : report.layers) collector.Add(layer.stats);
  }
  return collector.metrics();
}

}  // namespace attnscope
