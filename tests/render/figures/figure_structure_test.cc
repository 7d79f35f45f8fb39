// SPDX-License-Identifier: Apache-2.0
//
// The structure of every figure's SVG, for hundreds of reports, healthy and absurd: no two texts overlap, no text meets
// a curve, no legend covers a point.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/figure.h"
#include "tests/support/figure_checks.h"
#include "tests/support/random_report.h"
#include "tests/support/svg_reader.h"

namespace attnscope::render {
namespace {

// Coordinates and sizes have two digits after the point.
constexpr double kTolerance = 0.06;

constexpr std::array<std::pair<int, int>, 5> kSizes = {
    {{2000, 1500}, {1200, 900}, {3000, 1200}, {900, 1800}, {600, 450}}};

RecordingCanvas Drawn(FigureKind kind, const std::vector<Report>& reports, const FigureOptions& options) {
  std::string svg;
  const Status status = RenderFigureSvg(kind, reports, options, &svg);
  EXPECT_TRUE(status.ok()) << status.message();
  return ReadSvg(svg);
}

FigureOptions OptionsOf(uint32_t seed) {
  const auto [width, height] = kSizes[seed % kSizes.size()];
  return {.width = width, .height = height, .plain = seed % 7 == 0, .dark = seed % 3 == 0};
}

// Gives every layer 1 to 64 heads around its own values; some are missing.
void AddHeads(uint32_t seed, Report* report) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  const size_t heads = size_t{1} << random() % 7;
  for (LayerReport& layer : report->layers) {
    layer.stats.heads.resize(random() % 5 == 0 ? random() % heads : heads);
    for (MetricValues& head : layer.stats.heads) {
      const double entropy = std::clamp(2.0 + 2.0 * normal(random), 0.0, 6.9);
      SetLayer(entropy, 0.3, &head);
      head[Metric::kNormalizedEntropy] = entropy / 6.93;
      head[Metric::kSinkMass] = random() % 20 == 0 ? std::nan("") : std::exp(-entropy);
      head[Metric::kKeys] = 1024;
      if (random() % 50 == 0) head[Metric::kMaxRowWeight] = 1e300;
    }
  }
}

// Up to 40 reports whose layers wander, and come and go.
std::vector<Report> History(uint32_t seed, int wildness) {
  std::mt19937 random(seed);
  std::vector<Report> reports;
  const size_t count = 1 + random() % 40;
  const bool has_steps = random() % 2 == 0;
  const int layers = std::array{1, 2, 6, 12, 48}[random() % 5];
  for (size_t i = 0; i < count; ++i) {
    reports.push_back(wildness > 0 && random() % 4 == 0
                          ? AbsurdReport(seed + static_cast<uint32_t>(i), wildness)
                          : WanderingReport(layers, 0.3, static_cast<uint32_t>(random() % 1000)));
    if (has_steps) reports.back().step = static_cast<int64_t>(i) * 12345;
    for (LayerReport& layer : reports.back().layers) {
      MetricValues& values = layer.stats.layer;
      values[Metric::kKeys] = 1024;
      values[Metric::kNormalizedEntropy] = values[Metric::kEntropy] / 6.93;
      if (seed % 2 == 0) values[Metric::kSaturationRatio] = 0.1;
      if (seed % 3 == 0) {
        for (const Metric metric :
             {Metric::kSinkMass, Metric::kFirstTokenMass, Metric::kSinkRate, Metric::kLogitMean, Metric::kLogitStd,
              Metric::kMaxAbsLogit, Metric::kLogSumExp, Metric::kTokenResidualRatio, Metric::kGradientNorm}) {
          values[metric] = static_cast<double>(random() % 1000) / 1000.0;
        }
      }
    }
  }
  return reports;
}

TEST(FigureStructure, Summary) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const FigureOptions options = OptionsOf(seed);
    Report report = AbsurdReport(seed, static_cast<int>(seed % 3));
    if (seed % 2 == 0) AddHeads(seed, &report);
    const RecordingCanvas canvas = Drawn(FigureKind::kSummary, {report}, options);
    ExpectTidy(canvas, options.width, options.height, kTolerance);
    EXPECT_EQ(StructureOf(canvas).legends.size(),
              6U - static_cast<size_t>(canvas.Count("not measured") + canvas.Count("bad numbers only")));
    if (testing::Test::HasFailure()) break;
  }
}

TEST(FigureStructure, Heads) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const FigureOptions options = OptionsOf(seed);
    Report report = AbsurdReport(seed, static_cast<int>(seed % 2));
    AddHeads(seed, &report);
    ExpectTidy(Drawn(FigureKind::kHeads, {report}, options), options.width, options.height, kTolerance);
    if (testing::Test::HasFailure()) break;
  }
}

TEST(FigureStructure, History) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const FigureOptions options = OptionsOf(seed);
    const std::vector<Report> reports = History(seed, static_cast<int>(seed % 3));
    ExpectTidy(Drawn(FigureKind::kHistory, reports, options), options.width, options.height, kTolerance);
    if (testing::Test::HasFailure()) break;
  }
}

// Up to 36 layers with sinks anywhere, gaps, and shares that are none.
std::vector<KeyProfile> RandomProfiles(uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<KeyProfile> profiles;
  const size_t layers = 1 + random() % kMostProfiles;
  for (size_t l = 0; l < layers; ++l) {
    KeyProfile profile;
    profile.layer = static_cast<int64_t>(3 * l);
    profile.heads = 1 + random() % 64;
    const size_t keys = std::array<size_t, 6>{0, 1, 7, 64, 1000, 20000}[random() % 6];
    const double spread = std::array{0.0, 0.3, 2.0, 30.0}[random() % 4];
    for (size_t key = 0; key < keys; ++key) {
      const double share = std::exp(spread * normal(random)) / static_cast<double>(keys);
      profile.mean.push_back(random() % 50 == 0 ? std::nan("") : random() % 50 == 0 ? 0.0 : share);
      profile.largest.push_back(random() % 100 == 0 ? 0.9 : share);
    }
    profile.largest_head = keys == 0 || random() % 5 == 0 ? -1 : 3;
    if (profile.largest_head < 0) profile.largest.clear();
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

TEST(FigureStructure, Keys) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const FigureOptions options = OptionsOf(seed);
    const std::vector<KeyProfile> profiles = RandomProfiles(seed);
    std::string svg;
    const Status status = RenderFigureSvgOf(FigureKind::kKeys, {.keys = profiles}, options, &svg);
    ASSERT_TRUE(status.ok()) << status.message();
    ExpectTidy(ReadSvg(svg), options.width, options.height, kTolerance);
    if (testing::Test::HasFailure()) break;
  }
}

TEST(FigureStructure, Maps) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<AttentionMap> maps;
    const int layers = 1 + static_cast<int>(random() % 32);
    const int heads = 1 + static_cast<int>(random() % 32);
    const size_t queries = size_t{1} << random() % 14;
    const size_t keys = size_t{1} << random() % 14;
    for (int i = 0; i < layers * heads; ++i) {
      if (random() % 20 == 0) continue;
      maps.push_back(MakeAttentionMap(7 * (i / heads), i % heads, queries, keys, 8));
      for (float& cell : maps.back().cells) cell = std::array{0.0f, -1.0f, 0.5f, std::nanf(""), 1e30f}[random() % 5];
    }
    if (maps.empty()) continue;
    const FigureOptions options = OptionsOf(seed);
    Report report = AbsurdReport(seed, 1);
    AddHeads(seed, &report);
    std::string svg;
    const Status status = RenderFigureSvgOf(FigureKind::kMaps, {.reports = {&report, 1}, .maps = maps}, options, &svg);
    ASSERT_TRUE(status.ok()) << status.message();
    ExpectTidy(ReadSvg(svg), options.width, options.height, kTolerance);
    if (testing::Test::HasFailure()) break;
  }
}

TEST(FigureStructure, ExtremeSizes) {
  for (const auto& [width, height] : {std::pair(400, 300), std::pair(20000, 300), std::pair(400, 20000)}) {
    SCOPED_TRACE(std::to_string(width) + " x " + std::to_string(height));
    for (const FigureKind kind : {FigureKind::kSummary, FigureKind::kHeads, FigureKind::kHistory}) {
      for (const int layers : {1, 8, 96}) {
        Report report = WanderingReport(layers, 0.3, 5);
        AddHeads(3, &report);
        const FigureOptions options = {.width = width, .height = height};
        ExpectTidy(Drawn(kind, {report}, options), width, height, kTolerance);
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::render
