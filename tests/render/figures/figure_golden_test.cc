// SPDX-License-Identifier: Apache-2.0
//
// Pictures to the last bit: the same on every machine and with every compiler. After a change that is meant, look at
// the new pictures that the failing tests leave in the temporary folder, and let them replace those in tests/data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "attnscope/figure.h"
#include "tests/support/attention_maps.h"
#include "tests/support/data_file.h"
#include "tests/support/example_report.h"
#include "tests/support/golden_picture.h"
#include "tests/support/key_profiles.h"

namespace attnscope {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Exact on every machine: no function but products, sums and square roots.
void SetValues(double sharpness, MetricValues* values) {
  (*values)[Metric::kEntropy] = 5.0 * (1.0 - sharpness);
  (*values)[Metric::kEffectiveRank] = 1.0 + 120.0 * (1.0 - sharpness) * (1.0 - sharpness);
  (*values)[Metric::kNormalizedEntropy] = 0.75 * (1.0 - sharpness);
  (*values)[Metric::kMaxRowWeight] = 0.05 + 0.9 * sharpness * sharpness;
  (*values)[Metric::kSinkMass] = 0.02 + 0.6 * sharpness * sharpness * sharpness;
  (*values)[Metric::kResidualRatio] = 0.2 + 0.5 * (1.0 - sharpness);
}

// Six layers of eight heads at one time; layer 4 collapses as time goes on.
Report ReportAt(int time) {
  Report report;
  report.epoch = time + 1;
  for (int l = 0; l < 6; ++l) {
    LayerStats& stats = report.Layer(l).stats;
    stats.heads.resize(8);
    const double drift = l == 4 ? 0.07 * time : 0.004 * time;
    SetValues(std::min(0.97, 0.2 + 0.05 * l + drift), &stats.layer);
    for (int h = 0; h < 8; ++h) {
      const double own = (h * 5 + l * 3) % 8 / 8.0;
      SetValues(std::min(0.99, 0.1 + 0.04 * l + 0.4 * own + drift), &stats.heads[static_cast<size_t>(h)]);
    }
  }
  report.layers[1].stats.heads[6][Metric::kSinkMass] = std::nan("");
  return report;
}

std::vector<Report> ExampleHistory() {
  std::vector<Report> reports;
  for (int time = 0; time < 12; ++time) reports.push_back(ReportAt(time));
  return reports;
}

TEST(GoldenFigure, Plain) {
  ExpectGolden("plain_golden", FigureKind::kSummary, {ExampleReport()}, {.width = 1000, .height = 750, .plain = true});
}

TEST(GoldenFigure, Dark) {
  ExpectGolden("dark_golden", FigureKind::kSummary, {ExampleReport()}, {.width = 1000, .height = 750, .dark = true});
}

TEST(GoldenFigure, Heads) {
  ExpectGolden("heads_golden", FigureKind::kHeads, {ReportAt(9)}, {.width = 1000, .height = 750});
}

TEST(GoldenFigure, History) {
  ExpectGolden("history_golden", FigureKind::kHistory, ExampleHistory(), {.width = 1000, .height = 750});
}

TEST(GoldenFigure, Keys) {
  const std::vector<KeyProfile> profiles = ExampleProfiles(6, 200);
  ExpectGoldenOf("keys_golden", FigureKind::kKeys, {.keys = profiles}, {.width = 1000, .height = 750});
}

TEST(GoldenFigure, Maps) {
  const std::vector<AttentionMap> maps = ExampleMaps(5, 6, 200);
  const Report report = ReportAt(9);
  ExpectGoldenOf("maps_golden", FigureKind::kMaps, {.reports = {&report, 1}, .maps = maps},
                 {.width = 1000, .height = 750, .dark = true});
}

TEST(GoldenFigure, Svg) {
  std::string actual;
  ASSERT_TRUE(RenderFigureSvg(FigureKind::kSummary, {{ExampleReport()}}, {}, &actual).ok());
  if (actual == Read(DataFile("summary_golden.svg"))) return;
  const std::string path = testing::TempDir() + "summary_golden_actual.svg";
  std::ofstream(path, std::ios::binary) << actual;
  FAIL() << "the document changed: see " << path;
}

}  // namespace
}  // namespace attnscope
