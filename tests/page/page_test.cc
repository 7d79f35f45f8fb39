// SPDX-License-Identifier: Apache-2.0
//
// What a page holds, whatever browser shows it: every verdict, every head, every figure; no text of a report as markup;
// nothing to load; and its size.
#include "attnscope/page.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/attention_maps.h"
#include "tests/support/color_vision.h"
#include "tests/support/key_profiles.h"
#include "tests/support/random_report.h"

namespace attnscope {
namespace {

// The link that each finding has.
constexpr const char* kFinding = "<a href=\"#l";

std::string PageOf(const FigureData& data, const FigureOptions& options = {}) {
  std::string html;
  const Status status = RenderPage(data, options, &html);
  EXPECT_TRUE(status.ok()) << status.message();
  return html;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string Between(const std::string& text, const std::string& start, const std::string& end) {
  const size_t begin = text.find(start);
  EXPECT_NE(begin, std::string::npos) << start;
  if (begin == std::string::npos) return "";
  return text.substr(begin + start.size(), text.find(end, begin + start.size()) - begin - start.size());
}

nlohmann::json RegionsOf(const std::string& html) {
  return nlohmann::json::parse(Between(html, "id=\"regions\">", "</script>"));
}

// Layers of heads, of which some are ill.
Report ReportOf(int layers, int heads, int time = 0) {
  Report report;
  report.step = 100 * time;
  for (int l = 0; l < layers; ++l) {
    LayerStats& stats = report.Layer(l).stats;
    stats.heads.resize(static_cast<size_t>(heads));
    const auto set = [&](double share, MetricValues* values) {
      (*values)[Metric::kNormalizedEntropy] = 0.7 - 0.5 * share;
      (*values)[Metric::kEntropy] = 3.0 - share;
      (*values)[Metric::kEffectiveRank] = 30.0 - 20.0 * share;
      (*values)[Metric::kMaxRowWeight] = 0.1 + 0.85 * share;
      (*values)[Metric::kSinkMass] = 0.02 + 0.9 * share;
      (*values)[Metric::kKeys] = 1024;
      (*values)[Metric::kRows] = 1024;
      (*values)[Metric::kMatrices] = 1;
    };
    set(0.1 + 0.001 * (time % 50), &stats.layer);
    stats.layer[Metric::kResidualRatio] = 0.3 + 0.001 * l;
    for (int h = 0; h < heads; ++h) set(((h * 5 + l * 3) % 8) / 8.0, &stats.heads[static_cast<size_t>(h)]);
  }
  return report;
}

// Elements are closed in the order in which they were opened, as far as they need to be.
void ExpectBalanced(const std::string& html) {
  const std::set<std::string> empty = {"meta", "link", "input", "path", "rect", "image", "!DOCTYPE"};
  const std::set<std::string> optional = {"td"};
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const bool is_end = html[at + 1] == '/';
    const size_t begin = at + (is_end ? 2 : 1);
    const std::string name = html.substr(begin, html.find_first_of(" >/", begin) - begin);
    if (empty.contains(name) || html[end - 1] == '/' || optional.contains(name)) continue;
    if (!is_end) {
      open.push_back(name);
      if (name == "script" || name == "style") at = html.find("</" + name, end) - 1;
    } else {
      ASSERT_FALSE(open.empty()) << name;
      ASSERT_EQ(open.back(), name) << html.substr(at > 200 ? at - 200 : 0, 300);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(Page, HasEveryVerdictAndEveryHead) {
  const Report report = ReportOf(4, 8);
  const std::string html = PageOf({.reports = {&report, 1}});
  ExpectBalanced(html);
  const Diagnosis diagnosis = Judge(report);
  ASSERT_GT(diagnosis.verdicts.size(), 3u);
  EXPECT_EQ(Count(html, kFinding), diagnosis.verdicts.size());
  for (const Verdict& verdict : diagnosis.verdicts) {
    const std::string head = verdict.head < 0 ? "" : "h" + std::to_string(verdict.head);
    EXPECT_GE(Count(html, std::string(kFinding) + std::to_string(verdict.layer) + head + "\">"), 1u);
  }
  for (int l = 0; l < 4; ++l) {
    EXPECT_EQ(Count(html, "<tr id=\"l" + std::to_string(l) + "\""), 1u);
    for (int h = 0; h < 8; ++h) {
      EXPECT_EQ(Count(html, "<tr id=\"l" + std::to_string(l) + "h" + std::to_string(h) + "\""), 1u);
    }
  }
  for (const std::string& line : SummarizeUnjudged(diagnosis)) EXPECT_EQ(Count(html, "<li>" + line), 1u) << line;
}

TEST(Page, BadNumbersAreShown) {
  Report report = ReportOf(2, 2);
  report.layers[0].stats.layer.SetGivenAsNaN(Metric::kSinkMass);
  const std::string html = PageOf({.reports = {&report, 1}});
  EXPECT_EQ(Count(html, "<td class=\"n\">NaN"), 2u) << "among the findings, and among the values";
}

TEST(Page, HasTheFiguresThatThereAreDataFor) {
  const std::vector<Report> reports = {ReportOf(3, 4, 0), ReportOf(3, 4, 1)};
  const std::vector<KeyProfile> keys = ExampleProfiles(3, 40);
  const std::vector<AttentionMap> maps = ExampleMaps(3, 4, 40);
  const std::string all = PageOf({.reports = reports, .keys = keys, .maps = maps});
  ExpectBalanced(all);
  const nlohmann::json regions = RegionsOf(all);
  EXPECT_EQ(regions.size(), 5u);
  for (const char* name : {"summary", "heads", "history", "keys", "maps"}) {
    EXPECT_EQ(Count(all, "<svg class=\"" + std::string(name) + "\""), 1u);
    EXPECT_EQ(Count(all, "href=\"#" + std::string(name) + "-title\""), 1u);
    EXPECT_FALSE(regions[name].empty());
  }
  Report bare;
  bare.Layer(0).stats.layer[Metric::kEntropy] = 2.0;
  const std::string few = PageOf({.reports = {&bare, 1}});
  EXPECT_EQ(Count(few, "<svg "), 1u);
  EXPECT_EQ(Count(few, "not judged: nothing that a verdict could be about"), 1u);
}

TEST(Page, RegionsTellTheValues) {
  const Report report = ReportOf(3, 5);
  const nlohmann::json regions = RegionsOf(PageOf({.reports = {&report, 1}}));
  const nlohmann::json& map = regions["heads"][2];
  EXPECT_EQ(map["kind"], "cells");
  EXPECT_EQ(map["title"], "Sink Mass");
  EXPECT_EQ(map["rows"], (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(map["columns"], (std::vector<int>{0, 1, 2, 3, 4}));
  for (size_t l = 0; l < 3; ++l) {
    for (size_t h = 0; h < 5; ++h) {
      EXPECT_NEAR(map["values"][l][h].get<double>(), report.layers[l].stats.heads[h][Metric::kSinkMass], 1e-4);
    }
  }
  const nlohmann::json& panel = regions["summary"][0];
  EXPECT_EQ(panel["kind"], "curves");
  EXPECT_EQ(panel["across"], "layer");
  EXPECT_EQ(panel["columns"], (std::vector<int>{0, 1, 2}));
  EXPECT_NEAR(panel["values"][0][1].get<double>(), report.layers[1].stats.layer[Metric::kEntropy], 1e-3);
}

TEST(Page, NoTextOfAReportIsMarkup) {
  const std::string hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x01\xff]]>-->";
  std::vector<Report> reports = {ReportOf(2, 2, 0), ReportOf(2, 2, 1), ReportOf(2, 2, 2)};
  reports[0].stage = hostile;
  reports[2].stage = hostile;
  const std::string html = PageOf({.reports = reports});
  ExpectBalanced(html);
  EXPECT_EQ(Count(html, "<script"), 2u);
  EXPECT_EQ(Count(html, "</script"), 2u);
  EXPECT_EQ(Count(html, "<img"), 0u);
  EXPECT_EQ(html.find('\x01'), std::string::npos);
  EXPECT_EQ(html.find('\xff'), std::string::npos);
  EXPECT_GE(Count(html, "&lt;/script&gt;&lt;script&gt;alert(1)"), 2u);
  RegionsOf(html);
}

TEST(Page, LoadsNothing) {
  const Report report = ReportOf(2, 2);
  const std::string html = PageOf({.reports = {&report, 1}});
  EXPECT_EQ(Count(html, "://"), Count(html, "xmlns=\"http://www.w3.org/2000/svg\""));
  for (const char* part : {" src=", "@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML", "eval("}) {
    EXPECT_EQ(Count(html, part), 0u) << part;
  }
  EXPECT_EQ(Count(html, "default-src 'none'"), 1u);
}

TEST(Page, AnEmptyReportIsAPage) {
  const Report empty;
  ExpectBalanced(PageOf({.reports = {&empty, 1}}));
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const Report absurd = AbsurdReport(seed, static_cast<int>(seed % 3));
    const std::string html = PageOf({.reports = {&absurd, 1}});
    ExpectBalanced(html);
    RegionsOf(html);
  }
}

TEST(Page, ThresholdsDecideTheVerdicts) {
  const Report report = ReportOf(2, 4);
  FigureOptions lenient;
  lenient.thresholds.sink_mass_warning = lenient.thresholds.sink_mass_critical = std::nan("");
  EXPECT_LT(Count(PageOf({.reports = {&report, 1}}, lenient), kFinding),
            Count(PageOf({.reports = {&report, 1}}), kFinding));
}

TEST(Page, RefusesWhatItCannotShow) {
  const auto expect = [](const FigureData& data, const std::string& message) {
    std::string html = "unchanged";
    for (const Status& status : {RenderPage(data, {}, &html), WritePage(data, {}, "/no/such/folder/a.html")}) {
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
    }
    EXPECT_EQ(html, "unchanged");
  };
  expect({}, "reports holds 0 reports; a page needs one or more");
  Report report = ReportOf(2, 2);
  report.layers[1].layer = 0;
  expect({.reports = {&report, 1}}, "must ascend");
  report.layers[1].layer = 1;
  const std::vector<KeyProfile> keys = ExampleProfiles(37, 4);
  expect({.reports = {&report, 1}, .keys = keys}, "keys holds 37 profiles");
}

// The colours that the style sheet names, "--text:#111", from `start` on, by their names.
std::map<std::string, render::Color> NamedColors(const std::string& html, const std::string& start) {
  const std::string rule = Between(html, start, "}");
  std::map<std::string, render::Color> colors;
  for (size_t at = rule.find("--"); at != std::string::npos; at = rule.find("--", at + 1)) {
    const size_t colon = rule.find(':', at);
    std::string hex = rule.substr(colon + 2, rule.find_first_of(";\n", colon) - colon - 2);
    if (hex.size() == 3) hex = {hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]};
    const auto rgb = static_cast<uint32_t>(std::stoul(hex, nullptr, 16));
    const auto part = [rgb](int shift) { return static_cast<uint8_t>(rgb >> shift); };
    colors[rule.substr(at + 2, colon - at - 2)] = {.red = part(16), .green = part(8), .blue = part(0)};
  }
  return colors;
}

// What WCAG asks of small texts, on each ground that they stand on.
TEST(Page, TextsHaveContrast) {
  const Report report = ReportOf(2, 2);
  const std::string html = PageOf({.reports = {&report, 1}});
  for (const char* const start : {":root{color-scheme:light dark;", "(prefers-color-scheme:dark){:root{"}) {
    const std::map<std::string, render::Color> colors = NamedColors(html, start);
    for (const char* const text : {"text", "muted", "critical", "warning", "good", "link"}) {
      for (const char* const ground : {"page", "head", "mark"}) {
        ASSERT_TRUE(colors.contains(text) && colors.contains(ground)) << start;
        EXPECT_GE(render::ContrastRatio(colors.at(text), colors.at(ground)), 4.5) << start << text << " on " << ground;
      }
    }
  }
}

TEST(Page, ALargeModelOverALongTimeIsBelowFiveMegabytes) {
  std::vector<Report> reports;
  for (int time = 0; time < 999; ++time) {
    reports.push_back(ReportOf(96, 0, time));
    for (LayerReport& layer : reports.back().layers) {
      for (const Metric metric : {Metric::kTop5, Metric::kTop10, Metric::kTop50, Metric::kColEntropy,
                                  Metric::kMaxColSum, Metric::kTokenResidualRatio, Metric::kGradientNorm}) {
        const auto noise =
            static_cast<double>((time * 7919 + layer.layer * 104729 + static_cast<int>(metric) * 31) % 997);
        layer.stats.layer[metric] = 0.2 + 0.0005 * noise;
      }
    }
  }
  reports.push_back(ReportOf(96, 64, 999));
  const std::string html = PageOf({.reports = reports});
  EXPECT_LT(html.size(), size_t{5'000'000});
  EXPECT_EQ(Count(html, "<tr id=\"l"), 96u * 65u);
  RecordProperty("bytes", static_cast<int>(html.size()));
}

}  // namespace
}  // namespace attnscope
