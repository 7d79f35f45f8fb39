// SPDX-License-Identifier: Apache-2.0
//
// A report: what all layers of a model measured at one moment. Tables, verdicts, JSON and pictures are made from it and
// from nothing else.
#ifndef ATTNSCOPE_REPORT_H_
#define ATTNSCOPE_REPORT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/metrics.h"
#include "attnscope/status.h"

namespace attnscope {

// One layer of a report.
struct LayerReport {
  int64_t layer = 0;  // index in the model
  LayerStats stats;   // stats.heads may be empty: heads are optional in a report
};

// All layers of a model at one moment.
struct ATTNSCOPE_EXPORT Report {
  std::vector<LayerReport> layers;             // ascending by index, without duplicates; gaps are allowed
  std::optional<int64_t> epoch;                // JSON key "num_epochs"
  std::string stage;                           // "train", "val", ...; may be empty
  std::optional<int64_t> step = std::nullopt;  // of the optimizer; JSON key "step"

  // The entry of a layer, made in its place if it is not there, which invalidates references and throws std::bad_alloc
  // where memory is refused. O(log layers) to find.
  LayerReport& Layer(int64_t index);
  // The entry of a layer, or null.
  const LayerReport* Find(int64_t index) const;
};

// Every metric that some layer or head of the reports may have, as MetricsOf(stats) has them of one layer.
ATTNSCOPE_EXPORT std::vector<MetricInfo> MetricsOf(std::span<const Report> reports);

// Reads the dictionary that trainers log (and that ToJson writes):
//
//   {"attention_stats": {"0": {"entropy": 4.6, "effective_rank": 121.3, ..., "heads": {"entropy": [..], ...}}, ...},
//    "residual_ratios": {"0": 0.3}, "token_residual_ratios": {..}, "qk_logit_stats": {"0": {"logit_mean": ..}},
//    "gradient_norms": {"0": ..}, "num_epochs": 10, "stage": "val", "step": 20000}
//
// Every group but "attention_stats" and every metric is optional; layers may come in any order and with gaps. Groups
// may be flattened as trackers do it, "attention_stats/0/entropy", or with dots. NaN (also Python's bare NaN), and null
// for a layer's metric, are bad numbers and no missing ones (MetricValues::IsGivenAsNaN); null in an array of heads is
// a head's missing value. Infinities may be bare or the strings "Infinity", "-Infinity". "global_step",
// "trainer/global_step",
// "_step" or "iteration" stand for a missing "step", and "epoch" for a missing "num_epochs" (not a part of an epoch
// beside a step); 3.0 is 3. Unknown keys are ignored. Errors: kDataLoss for text that is no JSON, kInvalidArgument for
// a value of the wrong type, a layer that is no whole number >= 0, a duplicate layer, or head arrays of different
// lengths; the message names the path of keys, in ASCII. `*out` is unchanged on failure. Thread-safe. O(length).
ATTNSCOPE_EXPORT Status ReportFromJson(std::string_view json, Report* out);

// The same dictionary as text, with every measured metric; missing values are left out, NaN that was given is "NaN".
// Numbers are written with the digits that read back to the same double. Infinities are the strings "Infinity" and
// "-Infinity". The same report gives the same bytes. Throws std::bad_alloc where memory for the text is refused, and
// nothing else. Thread-safe.
ATTNSCOPE_EXPORT std::string ReportToJson(const Report& report);

}  // namespace attnscope

#endif  // ATTNSCOPE_REPORT_H_
