// SPDX-License-Identifier: Apache-2.0
//
// Reports from and to JSON: the trainers' dictionary, exact round trips, and text that is malformed in every way that
// truncation and single wrong bytes can produce.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"
#include "tests/support/data_file.h"

namespace attnscope {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// The example of the project's documentation, with Python's constants and layers in disorder.
constexpr std::string_view kTrainerDictionary = R"({
  "attention_stats": {
    "11": {"entropy": 0.25, "effective_rank": 1.5, "top5": 1, "top10": 1.0, "top50": 1e0, "unknown": [1, {"a": 2}]},
    "0": {"entropy": 4.61, "effective_rank": 121.3, "top5": 0.112, "top10": 0.187, "top50": 0.552,
          "max_row_weight": 0.041, "col_entropy": 5.52, "max_col_sum": 3.9},
    "2": {"entropy": NaN, "effective_rank": Infinity, "top5": null, "top10": -Infinity, "top50": "Infinity"}},
  "residual_ratios": {"0": 0.3, "3": Infinity},
  "qk_logit_stats": {"0": {"logit_mean": -0.5, "logit_std": 1.25, "saturation_ratio": 0.125}},
  "gradient_norms": {"11": 2.5e-3},
  "num_epochs": 10,
  "stage": "NaN Infinity \" -Infinity",
  "lr": 0.1
})";

Report Parse(std::string_view json) {
  Report report;
  const Status status = ReportFromJson(json, &report);
  EXPECT_TRUE(status.ok()) << status.message();
  return report;
}

void ExpectError(std::string_view json, StatusCode code, const std::string& part) {
  Report report;
  report.stage = "unchanged";
  const Status status = ReportFromJson(json, &report);
  EXPECT_EQ(status.code(), code) << json << ": " << status.message();
  EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
  EXPECT_EQ(report.stage, "unchanged");
  EXPECT_TRUE(report.layers.empty());
}

void ExpectSameValues(const MetricValues& a, const MetricValues& b) {
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_EQ(a.Has(info.metric), b.Has(info.metric)) << info.name;
    if (a.Has(info.metric)) {
      EXPECT_EQ(a[info.metric], b[info.metric]) << info.name;
    }
  }
}

void ExpectSame(const Report& a, const Report& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.step, b.step);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (size_t l = 0; l < a.layers.size(); ++l) {
    EXPECT_EQ(a.layers[l].layer, b.layers[l].layer);
    ExpectSameValues(a.layers[l].stats.layer, b.layers[l].stats.layer);
    ASSERT_EQ(a.layers[l].stats.heads.size(), b.layers[l].stats.heads.size());
    for (size_t h = 0; h < a.layers[l].stats.heads.size(); ++h) {
      ExpectSameValues(a.layers[l].stats.heads[h], b.layers[l].stats.heads[h]);
    }
  }
}

// Every metric of four layers and three heads set to a number of random bits.
Report RandomReport(unsigned seed) {
  std::mt19937_64 random(seed);
  const auto number = [&](bool is_count) {
    if (is_count) return static_cast<double>(random() >> (11 + random() % 40));
    double value;
    do {
      const uint64_t bits = random();
      std::memcpy(&value, &bits, sizeof(value));
    } while (std::isnan(value));
    return value;
  };
  Report report;
  report.epoch = static_cast<int64_t>(random());
  if (seed % 2 == 0) report.step = static_cast<int64_t>(random());
  report.stage = "stage \"\xC3\xA9\" \\ \n" + std::to_string(seed);
  for (const int64_t index : {0, 2, 10, 100}) {
    LayerStats& stats = report.Layer(index).stats;
    stats.heads.resize(3);
    for (const MetricInfo& info : AllMetrics()) {
      stats.layer[info.metric] = number(info.is_count);
      if (!info.per_head) continue;
      for (MetricValues& head : stats.heads) head[info.metric] = number(info.is_count);
    }
    stats.heads[1][Metric::kEntropy] = std::numeric_limits<double>::quiet_NaN();
  }
  return report;
}

TEST(ReportJsonTest, ReadsTheTrainersDictionary) {
  const Report report = Parse(kTrainerDictionary);
  ASSERT_EQ(report.layers.size(), 4u);
  EXPECT_EQ(report.layers[0].layer, 0);
  EXPECT_EQ(report.layers[1].layer, 2);
  EXPECT_EQ(report.layers[2].layer, 3);
  EXPECT_EQ(report.layers[3].layer, 11);
  const MetricValues& first = report.layers[0].stats.layer;
  EXPECT_EQ(first[Metric::kEntropy], 4.61);
  EXPECT_EQ(first[Metric::kMaxColSum], 3.9);
  EXPECT_EQ(first[Metric::kResidualRatio], 0.3);
  EXPECT_EQ(first[Metric::kLogitStd], 1.25);
  EXPECT_EQ(first[Metric::kSaturationRatio], 0.125);
  EXPECT_FALSE(first.Has(Metric::kGradientNorm));
  EXPECT_FALSE(first.Has(Metric::kKeys));
  const MetricValues& second = report.layers[1].stats.layer;
  EXPECT_FALSE(second.Has(Metric::kEntropy));
  EXPECT_EQ(second[Metric::kEffectiveRank], kInf);
  EXPECT_FALSE(second.Has(Metric::kTop5));
  EXPECT_EQ(second[Metric::kTop10], -kInf);
  EXPECT_EQ(second[Metric::kTop50], kInf);
  EXPECT_EQ(report.layers[2].stats.layer[Metric::kResidualRatio], kInf);
  EXPECT_EQ(report.layers[3].stats.layer[Metric::kTop5], 1.0);
  EXPECT_EQ(report.layers[3].stats.layer[Metric::kGradientNorm], 2.5e-3);
  EXPECT_EQ(report.epoch, 10);
  EXPECT_EQ(report.stage, "NaN Infinity \" -Infinity");
}

TEST(ReportJsonTest, TopMassesOfAnyK) {
  Report report = Parse(R"({"attention_stats": {
      "0": {"top1": 0.25, "top128": 0.5, "top5": 0.375, "top0": 9, "top1025": 9, "top07": 9, "top_1": 9,
            "heads": {"top1": [0.5, null], "top128": [0.75, "NaN"]}},
      "1": {"top2": "NaN"}}})");
  const LayerStats& first = report.layers.at(0).stats;
  EXPECT_EQ(first.layer[TopMass(1)], 0.25);
  EXPECT_EQ(first.layer[TopMass(128)], 0.5);
  EXPECT_EQ(first.layer[Metric::kTop5], 0.375);
  EXPECT_EQ(first.layer.other_top_k().size(), 2u);
  EXPECT_EQ(first.heads.at(0)[TopMass(1)], 0.5);
  EXPECT_FALSE(first.heads.at(1).Has(TopMass(1)) || first.heads[1].IsGivenAsNaN(TopMass(1)));
  EXPECT_TRUE(first.heads[1].IsGivenAsNaN(TopMass(128)));
  EXPECT_TRUE(report.layers.at(1).stats.layer.IsGivenAsNaN(TopMass(2)));
  const std::string text = ReportToJson(report);
  EXPECT_NE(text.find(R"("top1": 0.25, "top5": 0.375, "top128": 0.5)"), std::string::npos) << text;
  EXPECT_EQ(ReportToJson(Parse(text)), text);
  // A bad number names its metric.
  report.layers[0].stats.layer[TopMass(128)] = 5.5;
  const std::vector<Verdict> verdicts = Diagnose(report);
  EXPECT_TRUE(std::any_of(verdicts.begin(), verdicts.end(), [](const Verdict& verdict) {
    return verdict.message.find("top128 5.5 is above 1, where none can be") != std::string::npos &&
           verdict.layer == 0 && verdict.head == -1 && verdict.metric == TopMass(128);
  }));
  std::string many = R"({"attention_stats": {"3": {"top5": 1)";
  for (int k = 11; k < 20; ++k) many += ", \"top" + std::to_string(k) + "\": 1";
  ExpectError(many + "}}}", StatusCode::kInvalidArgument, "attention_stats.3.top19 is one top-k mass too many");
}

TEST(ReportJsonTest, ReadsTheBundledDictionary) {
  std::ifstream file(DataFile("summary_stats.json"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Report report = Parse(text);
  EXPECT_EQ(report.epoch, 10);
  EXPECT_EQ(report.stage, "val");
  ASSERT_EQ(report.layers.size(), 8u);
  const auto expected = nlohmann::json::parse(text);
  for (const LayerReport& layer : report.layers) {
    const std::string key = std::to_string(layer.layer);
    for (const auto& [name, value] : expected["attention_stats"][key].items()) {
      const auto info = std::find_if(AllMetrics().begin(), AllMetrics().end(),
                                     [&name = name](const MetricInfo& i) { return i.name == name; });
      ASSERT_NE(info, AllMetrics().end()) << name;
      EXPECT_EQ(layer.stats.layer[info->metric], value.get<double>()) << name;
    }
    EXPECT_EQ(layer.stats.layer[Metric::kResidualRatio], expected["residual_ratios"][key].get<double>());
  }
  ExpectSame(Parse(ReportToJson(report)), report);
}

// Reports from before this key was spelled as the others; where both stand, the new one counts.
TEST(ReportJsonTest, ReadsTheOldSpelling) {
  const Report old = Parse(R"({"attention_stats": {"0": {"unnormalised_rows": 7,
                               "heads": {"unnormalised_rows": [3, 4]}}}})");
  ASSERT_EQ(old.layers.size(), 1u);
  EXPECT_EQ(old.layers[0].stats.layer[Metric::kUnnormalizedRows], 7.0);
  ASSERT_EQ(old.layers[0].stats.heads.size(), 2u);
  EXPECT_EQ(old.layers[0].stats.heads[1][Metric::kUnnormalizedRows], 4.0);
  const std::string text = ReportToJson(old);
  EXPECT_NE(text.find("\"unnormalized_rows\": 7"), std::string::npos) << text;
  EXPECT_EQ(text.find("unnormalised"), std::string::npos) << text;
  const Report both = Parse(R"({"attention_stats": {"0": {"unnormalised_rows": 7, "unnormalized_rows": 8}}})");
  EXPECT_EQ(both.layers[0].stats.layer[Metric::kUnnormalizedRows], 8.0);
}

TEST(ReportJsonTest, OptionalPartsMayBeNull) {
  const Report report = Parse(R"({"attention_stats": {"1": {"heads": null}}, "residual_ratios": null,
                                  "qk_logit_stats": null, "gradient_norms": null, "num_epochs": null, "stage": null})");
  ASSERT_EQ(report.layers.size(), 1u);
  EXPECT_FALSE(report.epoch.has_value());
  EXPECT_EQ(report.stage, "");
}

TEST(ReportJsonTest, RoundTripIsExact) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Report report = RandomReport(seed);
    const std::string text = ReportToJson(report);
    ExpectSame(Parse(text), report);
    EXPECT_EQ(ReportToJson(Parse(text)), text);
    EXPECT_FALSE(nlohmann::json::parse(text).is_discarded());  // standard JSON, no bare constants
  }
}

TEST(ReportJsonTest, StepsAreWholeNumbers) {
  EXPECT_EQ(Parse(R"({"attention_stats": {}, "step": 9223372036854775807})").step, INT64_MAX);
  EXPECT_FALSE(Parse(R"({"attention_stats": {}, "step": null})").step.has_value());
  ExpectError(R"({"attention_stats": {}, "step": 1.5})", StatusCode::kInvalidArgument, "step must be a whole number");
  ExpectError(R"({"attention_stats": {}, "step": 9223372036854775808})", StatusCode::kInvalidArgument, "step");
}

TEST(ReportJsonTest, RoundTripOfAnEmptyReport) {
  EXPECT_EQ(ReportToJson({}), "{\n  \"attention_stats\": {}\n}\n");
  ExpectSame(Parse(ReportToJson({})), {});
}

TEST(ReportJsonTest, CountsAreIntegersAndTheRestIsNot) {
  Report report;
  LayerStats& stats = report.Layer(0).stats;
  stats.heads.resize(2);
  for (const MetricInfo& info : AllMetrics()) {
    stats.layer[info.metric] = 3.0;
    if (info.per_head) stats.heads[0][info.metric] = 3.0;
  }
  stats.layer[Metric::kRows] = 1e15;
  const auto parsed = nlohmann::json::parse(ReportToJson(report));
  EXPECT_EQ(parsed["attention_stats"]["0"]["rows"].get<int64_t>(), 1000000000000000);
  for (const MetricInfo& info : AllMetrics()) {
    const auto& group = parsed[std::string(info.report_key)]["0"];
    const auto& value = info.group == MetricGroup::kLayer ? group : group[std::string(info.name)];
    EXPECT_EQ(value.is_number_integer(), info.is_count) << info.name;
    if (!info.per_head) continue;
    const auto& head = group["heads"][std::string(info.name)];
    EXPECT_EQ(head[0].is_number_integer(), info.is_count) << info.name;
    EXPECT_TRUE(head[1].is_null()) << info.name;
  }
}

TEST(ReportJsonTest, LayersAreWrittenInTheOrderOfNumbers) {
  Report report;
  for (const int64_t index : {10, 9, 100}) report.Layer(index).stats.layer[Metric::kEntropy] = 1.0;
  const std::string text = ReportToJson(report);
  EXPECT_LT(text.find("\"9\""), text.find("\"10\""));
  EXPECT_LT(text.find("\"10\""), text.find("\"100\""));
}

TEST(ReportJsonTest, WrongValuesAreNamed) {
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  ExpectError("[]", kInvalid, "must be an object, not []");
  ExpectError("{}", kInvalid, "attention_stats");
  ExpectError(R"({"attention_stats": [1]})", kInvalid, "attention_stats must be an object, not [1]");
  ExpectError(R"({"attention_stats": {"0": 5}})", kInvalid, "attention_stats.0 must be an object, not 5");
  ExpectError(R"({"attention_stats": {"0": {"top5": "much"}}})", kInvalid,
              "attention_stats.0.top5 must be a number, not \"much\"");
  ExpectError(R"({"attention_stats": {"0": {"top5": true}}})", kInvalid, "attention_stats.0.top5");
  ExpectError(R"({"attention_stats": {}, "residual_ratios": {"4": {}}})", kInvalid, "residual_ratios.4");
  ExpectError(R"({"attention_stats": {}, "gradient_norms": 1})", kInvalid, "gradient_norms");
  ExpectError(R"({"attention_stats": {}, "num_epochs": 1.5})", kInvalid, "num_epochs must be a whole number, not 1.5");
  ExpectError(R"({"attention_stats": {}, "num_epochs": 18446744073709551615})", kInvalid, "num_epochs");
  ExpectError(R"({"attention_stats": {}, "num_epochs": 1e300})", kInvalid, "num_epochs must be a whole number");
  ExpectError(R"({"attention_stats": {}, "step": 9007199254740994.0})", kInvalid, "step must be a whole number");
  ExpectError(R"({"attention_stats": {}, "epoch": 0.5})", kInvalid, "epoch must be a whole number, not 0.5");
  ExpectError(R"({"attention_stats": {}, "stage": 7})", kInvalid, "stage must be a string, not 7");
  const std::string key_layer(1000, 'x');
  ExpectError(R"({"attention_stats": {"0": {"top5": ")" + key_layer + R"("}}})", kInvalid, "xxx...");
}

TEST(ReportJsonTest, LayersAreWholeNumbers) {
  for (const char* layer : {"", "layer_3", "-1", "-0", "+1", "1.0", " 1", "1 ", "0x1", "9223372036854775808"}) {
    const std::string group = "{\"" + std::string(layer) + "\": {}}";
    ExpectError("{\"attention_stats\": " + group + "}", StatusCode::kInvalidArgument,
                "layer \"" + std::string(layer) + "\"");
  }
  EXPECT_EQ(Parse(R"({"attention_stats": {"9223372036854775807": {}}})").layers.at(0).layer, INT64_MAX);
}

TEST(ReportJsonTest, DuplicatesAreErrors) {
  ExpectError(R"({"attention_stats": {"1": {}, "1": {}}})", StatusCode::kInvalidArgument, "\"1\" is given twice");
  ExpectError(R"({"attention_stats": {"1": {}, "01": {}}})", StatusCode::kInvalidArgument, "layer 1 is given twice");
  ExpectError(R"({"attention_stats": {"1": {"top5": 1, "top5": 1}}})", StatusCode::kInvalidArgument, "top5");
  // The same key in different objects is none.
  Parse(R"({"attention_stats": {"1": {"top5": 1}, "2": {"top5": 1}}, "a": {"b": {"c": 1}, "d": {"c": 1, "b": 2}}})");
}

TEST(ReportJsonTest, HeadArraysMustAgree) {
  const auto with_heads = [](const std::string& heads, const std::string& logit_heads) {
    return R"({"attention_stats": {"0": {"heads": )" + heads + R"(}}, "qk_logit_stats": {"0": {"heads": )" +
           logit_heads + "}}}";
  };
  const Report report =
      Parse(with_heads(R"({"entropy": [1, NaN], "sink_position": [3, 4]})", R"({"logit_std": [5, 6]})"));
  ASSERT_EQ(report.layers.at(0).stats.heads.size(), 2u);
  EXPECT_EQ(report.layers[0].stats.heads[1][Metric::kLogitStd], 6.0);
  EXPECT_EQ(report.layers[0].stats.heads[1][Metric::kSinkPosition], 4.0);
  EXPECT_FALSE(report.layers[0].stats.heads[1].Has(Metric::kEntropy));
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  ExpectError(with_heads(R"({"entropy": [1, 2], "top5": [1]})", "{}"), kInvalid, "attention_stats.0.heads.top5 has 1");
  ExpectError(with_heads(R"({"entropy": []})", R"({"logit_std": [1]})"), kInvalid, "qk_logit_stats.0.heads.logit_std");
  ExpectError(with_heads(R"({"entropy": 1})", "{}"), kInvalid, "attention_stats.0.heads.entropy must be an array");
  ExpectError(with_heads(R"({"entropy": [1, []]})", "{}"), kInvalid, "attention_stats.0.heads.entropy[1]");
  ExpectError(with_heads("[]", "{}"), kInvalid, "attention_stats.0.heads must be an object");
  std::string many = "[0";
  for (int i = 0; i < 65536; ++i) many += ",0";
  ExpectError(with_heads("{\"entropy\": " + many + "]}", "{}"), kInvalid, "65537 heads");
}

TEST(ReportJsonTest, EveryTruncationIsAnError) {
  for (const std::string& text : {std::string(kTrainerDictionary), ReportToJson(RandomReport(1)).substr(0, 4000)}) {
    for (size_t length = 0; length < text.size(); ++length) {
      Report report;
      const Status status = ReportFromJson(text.substr(0, length), &report);
      ASSERT_EQ(status.code(), StatusCode::kDataLoss) << length;
      ASSERT_TRUE(report.layers.empty());
    }
  }
}

// Whatever one byte becomes, the answer is a report or an error; sanitizers watch.
TEST(ReportJsonTest, EveryWrongByteIsSurvived) {
  std::string text(kTrainerDictionary);
  size_t errors = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char kept = text[i];
    for (const char wrong : {'\0', '"', '\\', '{', ']', ',', ':', '9', '-', 'N', '\x80', '\xFF'}) {
      text[i] = wrong;
      Report report;
      if (!ReportFromJson(text, &report).ok()) ++errors;
    }
    text[i] = kept;
  }
  EXPECT_GT(errors, text.size());
}

TEST(ReportJsonTest, MalformedTextIsLocated) {
  ExpectError("{\"attention_stats\": NaN,\n \"a\": NaN, x}", StatusCode::kDataLoss, "line 2, column 12");
  ExpectError("", StatusCode::kDataLoss, "ends too early");
  ExpectError("{\"a\": 1} 2", StatusCode::kDataLoss, "line 1, column 10");
  ExpectError("{\"a\": NaNa}", StatusCode::kDataLoss, "line 1");
  ExpectError("{\"a\": +Infinity}", StatusCode::kDataLoss, "line 1, column 7");
  ExpectError("{Infinity: 1}", StatusCode::kDataLoss, "line 1, column 2");
  ExpectError("{\"a\": 1e999}", StatusCode::kDataLoss, "JSON cannot be read: number overflow parsing '1e999'");
  ExpectError("{\"a\": \"\xC3\"}", StatusCode::kDataLoss, "line 1");
}

TEST(ReportJsonTest, DeepNestingIsAnError) {
  for (const std::string& opening : {std::string("["), std::string("{\"a\":")}) {
    std::string text;
    for (int i = 0; i < 200000; ++i) text += opening;
    ExpectError(text, StatusCode::kDataLoss, "deeper than 64");
  }
  const std::string deep(60, '['), closing(60, ']');
  Parse("{\"attention_stats\": {}, \"unknown\": " + deep + closing + "}");
}

TEST(ReportFromJson, TimesAsTrainersWriteThem) {
  const auto read = [](const std::string& members) { return Parse(R"({"attention_stats": {}, )" + members + "}"); };
  EXPECT_EQ(read(R"("step": 100.0, "num_epochs": 3.0)").step, 100);
  EXPECT_EQ(read(R"("step": 100.0, "num_epochs": 3.0)").epoch, 3);
  EXPECT_EQ(read(R"("step": -9007199254740992.0)").step, -9007199254740992);
  EXPECT_EQ(read(R"("global_step": 7, "epoch": 2)").step, 7);
  EXPECT_EQ(read(R"("global_step": 7, "epoch": 2)").epoch, 2);
  EXPECT_EQ(read(R"("global_step": 7, "step": 8, "epoch": 2, "num_epochs": 4)").step, 8);
  EXPECT_EQ(read(R"("global_step": 7, "step": 8, "epoch": 2, "num_epochs": 4)").epoch, 4);
  EXPECT_EQ(read(R"("global_step": 7, "epoch": 0.25)").step, 7);
  EXPECT_EQ(read(R"("_step": 7, "_runtime": 1.5)").step, 7);
  EXPECT_EQ(read(R"("trainer/global_step": 7, "_step": 9)").step, 7);
  EXPECT_EQ(read(R"("iteration": 7, "step": 8)").step, 8);
  EXPECT_EQ(read(R"("global_step": 7, "epoch": 0.25)").epoch, std::nullopt);
}

TEST(ReportFromJson, GroupsThatTrackersHaveFlattened) {
  for (const char separator : {'/', '.'}) {
    std::string text = R"({"attention_stats/0/entropy": 1.5, "attention_stats/0/heads/entropy": [1, 2],)"
                       R"( "attention_stats/11/entropy": 2.5, "attention_stats/11/max_row_weight": "NaN",)"
                       R"( "residual_ratios/0": 0.25, "qk_logit_stats/0/max_logit": 7, "loss": 3.0, "_step": 40})";
    std::replace(text.begin(), text.end(), '/', separator);
    const Report report = Parse(text);
    ASSERT_EQ(report.layers.size(), 2u);
    EXPECT_EQ(report.step, 40);
    EXPECT_EQ(report.layers[0].stats.layer[Metric::kEntropy], 1.5);
    EXPECT_EQ(report.layers[0].stats.layer[Metric::kResidualRatio], 0.25);
    EXPECT_EQ(report.layers[0].stats.layer[Metric::kMaxLogit], 7.0);
    EXPECT_EQ(report.layers[0].stats.heads.at(1)[Metric::kEntropy], 2.0);
    EXPECT_EQ(report.layers[1].layer, 11);
    EXPECT_TRUE(report.layers[1].stats.layer.IsGivenAsNaN(Metric::kMaxRowWeight));
  }
  ExpectError(R"({"attention_stats/x/entropy": 1})", StatusCode::kInvalidArgument, "layer \"x\" is not a whole number");
  ExpectError(R"({"attention_stats/0": 1})", StatusCode::kInvalidArgument,
              "attention_stats.0 must be an object, not 1");
  ExpectError(R"({"attention_stats/0/1/2/3": 1})", StatusCode::kInvalidArgument, "a report needs the key");
  // Beside the dictionary itself they are other keys.
  EXPECT_TRUE(Parse(R"({"attention_stats": {}, "attention_stats/0/entropy": 1})").layers.empty());
}

TEST(ReportFromJson, MessagesAreAscii) {
  for (const std::string text : {"\xFF{}", "{\"attention_stats\": \"\xC3\"}", "{\"a\": \xC3\xA9}"}) {
    Report report;
    const Status status = ReportFromJson(text, &report);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    for (const char c : status.message()) EXPECT_TRUE(c >= ' ' && c <= '~') << status.message();
    EXPECT_NE(status.message().find("\\x"), std::string::npos) << status.message();
  }
  for (const std::string_view mark : {"\xFF\xFE", "\xFE\xFF"}) {
    ExpectError(std::string(mark) + "{}", StatusCode::kDataLoss, "JSON is UTF-16; save it as UTF-8");
  }
}

}  // namespace
}  // namespace attnscope
