// SPDX-License-Identifier: Apache-2.0
//
// Reports from JSON. Walks the table of metrics, so one that is added there is read.
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/limits.h"
#include "attnscope/report.h"
#include "report/io/flat_keys.h"
#include "report/io/json_text.h"
#include "report/report_keys.h"

namespace attnscope {
namespace {

using nlohmann::json;

constexpr std::string_view kHeadsKey = "heads";

// What was read of one layer so far.
struct LayerInput {
  LayerStats stats;
  std::optional<size_t> heads;  // as in the first array of heads
};

Status WrongType(const std::string& path, const char* expected, const json& value) {
  constexpr size_t kShown = 40;
  std::string shown = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (shown.size() > kShown) shown.replace(kShown, std::string::npos, "...");
  return {StatusCode::kInvalidArgument, path + " must be " + expected + ", not " + shown};
}

// The member `key` of an object, or null where it is missing or JSON's null.
const json* Member(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// The member of a metric, by its name or its old one.
const json* Member(const json& object, const MetricInfo& info) {
  const json* const member = Member(object, info.name);
  return member != nullptr || info.old_name.empty() ? member : Member(object, info.old_name);
}

// The same, also where it is JSON's null; null where it is missing.
const json* Given(const json& object, const MetricInfo& info) {
  auto found = object.find(info.name);
  if (found == object.end() && !info.old_name.empty()) found = object.find(info.old_name);
  return found == object.end() ? nullptr : &*found;
}

// NaN is a bad number: it was measured, and is none. Some writers make null of it.
Status ReadNumber(const json& value, const std::string& path, Metric metric, MetricValues* out) {
  if (value.is_number()) {
    (*out)[metric] = value.get<double>();
  } else if (value.is_null() || value == "NaN") {
    out->SetGivenAsNaN(metric);
  } else if (value == "Infinity") {
    (*out)[metric] = std::numeric_limits<double>::infinity();
  } else if (value == "-Infinity") {
    (*out)[metric] = -std::numeric_limits<double>::infinity();
  } else {
    return WrongType(path, "a number", value);
  }
  return {};
}

Status ReadLayerIndex(const std::string& key, std::string_view group, int64_t* out) {
  const char* const end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(key.data(), end, *out);
  if (error == std::errc() && stop == end && key[0] != '-') return {};
  return {StatusCode::kInvalidArgument,
          std::string(group) + ": layer \"" + key + "\" is not a whole number from 0 to 2^63 - 1"};
}

Status CheckRoom(const MetricValues& values, Metric metric, const std::string& path) {
  if (values.HasRoomFor(metric)) return {};
  return {StatusCode::kInvalidArgument, path + " is one top-k mass too many: there is room for " +
                                            std::to_string(kMaxTopMasses) + " besides top5, top10 and top50"};
}

Status ReadHeadArray(const json& values, const std::string& path, Metric metric, LayerInput* layer) {
  if (!values.is_array()) return WrongType(path, "an array", values);
  const size_t heads = layer->heads.value_or(values.size());
  if (values.size() != heads || heads > kMaxHeads) {
    return {StatusCode::kInvalidArgument, path + " has " + std::to_string(values.size()) + " heads, not " +
                                              (heads > kMaxHeads ? "at most " + std::to_string(kMaxHeads)
                                                                 : std::to_string(heads) + " as another array")};
  }
  layer->heads = heads;
  layer->stats.heads.resize(heads);
  for (size_t h = 0; h < heads; ++h) {
    if (Status status = CheckRoom(layer->stats.heads[h], metric, path); !status.ok()) return status;
    if (values[h].is_null()) continue;  // as ReportToJson writes what was not measured of one head
    Status status = ReadNumber(values[h], path + "[" + std::to_string(h) + "]", metric, &layer->stats.heads[h]);
    if (!status.ok()) return status;
  }
  return {};
}

// Calls read(info) for each metric of a group that an object may have: those of the table, and the masses of other k
// that it names; until one fails.
template <class Read>
Status ForEachMetric(const json& object, std::string_view report_key, const Read& read) {
  for (const MetricInfo& info : AllMetrics()) {
    if (info.report_key != report_key) continue;
    if (Status status = read(info); !status.ok()) return status;
  }
  if (!object.is_object()) return {};
  for (const auto& [name, value] : object.items()) {
    const size_t k = TopKNamed(name);
    const MetricInfo info = InfoOf(TopMass(k));
    if (k == 0 || static_cast<size_t>(info.metric) < kNumMetrics || info.report_key != report_key) continue;
    if (Status status = read(info); !status.ok()) return status;
  }
  return {};
}

// heads: {"entropy": [a number a head], ...}
Status ReadHeads(const json& heads, std::string_view report_key, const std::string& path, LayerInput* layer) {
  if (!heads.is_object()) return WrongType(path, "an object", heads);
  return ForEachMetric(heads, report_key, [&](const MetricInfo& info) -> Status {
    const json* const values = info.per_head ? Member(heads, info) : nullptr;
    return values == nullptr ? Status()
                             : ReadHeadArray(*values, path + "." + std::string(info.name), info.metric, layer);
  });
}

// One layer's value of a group: an object of metrics and heads, or the one number of a kLayer group.
Status ReadLayer(const json& value, std::string_view report_key, const std::string& path, LayerInput* layer) {
  MetricValues& values = layer->stats.layer;
  const auto read = [&](const MetricInfo& info) -> Status {
    if (info.group == MetricGroup::kLayer) return ReadNumber(value, path, info.metric, &values);
    if (!value.is_object()) return WrongType(path, "an object", value);
    const json* const number = Given(value, info);
    if (number == nullptr) return {};
    const std::string of_metric = path + "." + std::string(info.name);
    if (Status status = CheckRoom(values, info.metric, of_metric); !status.ok()) return status;
    return ReadNumber(*number, of_metric, info.metric, &values);
  };
  if (Status status = ForEachMetric(value, report_key, read); !status.ok() || !value.is_object()) return status;
  const json* const heads = Member(value, kHeadsKey);
  return heads == nullptr ? Status() : ReadHeads(*heads, report_key, path + "." + std::string(kHeadsKey), layer);
}

Status ReadGroup(const json& group, std::string_view report_key, std::map<int64_t, LayerInput>* layers) {
  if (!group.is_object()) return WrongType(std::string(report_key), "an object", group);
  std::set<int64_t> seen;  // "1" and "01" are one layer
  for (const auto& [key, value] : group.items()) {
    int64_t index = 0;
    Status status = ReadLayerIndex(key, report_key, &index);
    if (!status.ok()) return status;
    if (!seen.insert(index).second) {
      return {StatusCode::kInvalidArgument,
              std::string(report_key) + ": layer " + std::to_string(index) + " is given twice"};
    }
    status = ReadLayer(value, report_key, std::string(report_key) + "." + key, &(*layers)[index]);
    if (!status.ok()) return status;
  }
  return {};
}

// A member that is a whole number, if it is there.
Status ReadInteger(const json& root, const char* key, std::optional<int64_t>* out) {
  const json* const value = Member(root, key);
  if (value == nullptr) return {};
  // Larger unsigned numbers would wrap around.
  const bool fits =
      value->is_number_integer() && (!value->is_number_unsigned() || value->get<uint64_t>() <= uint64_t{INT64_MAX});
  if (fits) {
    *out = value->get<int64_t>();
    return {};
  }
  // 3.0 is 3. Whole numbers of float64 are exact up to 2^53.
  constexpr double kMost = 0x1p53;
  const double number = value->is_number_float() ? value->get<double>() : kMost + 2.0;
  if (!(std::abs(number) <= kMost) || number != std::trunc(number)) return WrongType(key, "a whole number", *value);
  *out = static_cast<int64_t>(number);
  return {};
}

// The same of the first of the keys that is there, Lightning's and W&B's among them. Trainers log parts of epochs as
// "epoch", which are left out beside a step.
Status ReadTimes(const json& root, Report* report) {
  Status status;
  for (const char* const key : {"step", "global_step", "trainer/global_step", "_step", "iteration"}) {
    if (status.ok() && !report->step.has_value()) status = ReadInteger(root, key, &report->step);
  }
  if (status.ok()) status = ReadInteger(root, "num_epochs", &report->epoch);
  if (!status.ok() || report->epoch.has_value()) return status;
  status = ReadInteger(root, "epoch", &report->epoch);
  const json* const epoch = Member(root, "epoch");
  const bool is_part = epoch != nullptr && epoch->is_number_float() && std::isfinite(epoch->get<double>());
  return is_part && report->step.has_value() ? Status() : status;
}

Status ReadReport(std::string_view text, Report* out) {
  json root;
  Status status = ParseJson(text, &root);
  if (!status.ok()) return status;
  if (!root.is_object()) return WrongType("a report", "an object", root);
  NestFlatKeys(&root);
  if (Member(root, "attention_stats") == nullptr) {
    return {StatusCode::kInvalidArgument, "a report needs the key \"attention_stats\""};
  }
  std::map<int64_t, LayerInput> layers;
  for (const std::string_view key : ReportKeys()) {
    const json* const group = Member(root, key);
    if (group == nullptr) continue;
    status = ReadGroup(*group, key, &layers);
    if (!status.ok()) return status;
  }
  Report report;
  for (auto& [index, layer] : layers) report.layers.push_back({.layer = index, .stats = std::move(layer.stats)});
  if (status = ReadTimes(root, &report); !status.ok()) return status;
  if (const json* const stage = Member(root, "stage")) {
    if (!stage->is_string()) return WrongType("stage", "a string", *stage);
    report.stage = stage->get<std::string>();
  }
  *out = std::move(report);
  return {};
}

}  // namespace

Status ReportFromJson(std::string_view json_text, Report* out) {
  try {
    return ReadReport(json_text, out);
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "a report of " + std::to_string(json_text.size()) + " bytes does not fit"};
  }
}

}  // namespace attnscope
