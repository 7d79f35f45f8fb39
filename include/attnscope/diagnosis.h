// SPDX-License-Identifier: Apache-2.0
//
// From numbers to verdicts: which layers and heads are ill, of what, and how badly.
#ifndef ATTNSCOPE_DIAGNOSIS_H_
#define ATTNSCOPE_DIAGNOSIS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/metrics.h"
#include "attnscope/report.h"

namespace attnscope {

// What can be wrong with a layer or a head.
enum class Pathology : uint8_t {
  kOneHotCollapse,    // each row attends to a single key
  kSinkCollapse,      // all rows attend to the same key
  kUniformAttention,  // no selectivity
  kVanishingLayer,    // the block leaves the residual stream as it was
  kExplodingUpdate,   // the block drowns the residual stream
  kSaturatedSoftmax,  // rows whose softmax no longer passes a gradient
  kBadNumbers,        // NaN, infinities or negative weights
};

inline constexpr size_t kNumPathologies = static_cast<size_t>(Pathology::kBadNumbers) + 1;

// How bad it is; worse is larger.
enum class Severity : uint8_t { kHealthy = 0, kWarning = 1, kCritical = 2 };

// "one-hot collapse", ...
ATTNSCOPE_EXPORT std::string_view NameOf(Pathology pathology);
// "healthy", "warning", "critical"
ATTNSCOPE_EXPORT std::string_view NameOf(Severity severity);

// The bounds of each verdict; README.md has a table of the defaults. A bound that is NaN
// never fires.
struct Thresholds {
  // One-hot collapse.
  double one_hot_max_row_weight_warning = 0.5;  // max_row_weight above
  double one_hot_effective_rank_warning = 5.0;  // effective_rank below, where keys >= the next
  double one_hot_effective_rank_min_keys = 50.0;
  double one_hot_max_row_weight_critical = 0.9;       // max_row_weight above
  double one_hot_normalized_entropy_critical = 0.05;  // normalized_entropy below
  // Sink collapse.
  double sink_mass_warning = 0.3;                // sink_mass above
  double sink_mass_critical = 0.8;               // sink_mass above
  double sink_col_entropy_share_critical = 0.2;  // col_entropy below this share of log(keys)
  // Uniform attention.
  double uniform_normalized_entropy_warning = 0.95;   // normalized_entropy above
  double uniform_normalized_entropy_critical = 0.99;  // normalized_entropy above, and
  double uniform_top5_factor_critical = 1.5;          // top5 below this multiple of 5 / keys
  // Vanishing layer and exploding update: residual_ratio below, above.
  double vanishing_residual_ratio_warning = 0.1;
  double vanishing_residual_ratio_critical = 0.01;
  double exploding_residual_ratio_warning = 1.0;
  double exploding_residual_ratio_critical = 10.0;
  // Saturated softmax: saturation_ratio above.
  double saturation_ratio_warning = 0.5;
  double saturation_ratio_critical = 0.9;
  // Bad numbers: any invalid row is a warning; share of rows above which they are critical. A residual stream whose
  // ratio is NaN is critical, whatever the bounds.
  double invalid_row_share_critical = 0.01;
};

// One finding.
struct Verdict {
  Pathology pathology = Pathology::kOneHotCollapse;
  Severity severity = Severity::kWarning;
  int64_t layer = 0;
  int64_t head = -1;                 // -1: the layer as a whole
  Metric metric = Metric::kEntropy;  // the metric that crossed its bound
  double value = 0.0;
  double bound = 0.0;
  // For people: names pathology, severity, metric, value, bound, layer and head.
  std::string message;
};

// All verdicts of a report, worst first: critical before warning, then by how far the value is beyond its bound
// (relative to the bound), then by layer, head and pathology. At most one verdict for each pathology and each layer or
// head: the most severe, and of its metrics the one furthest beyond its bound. A bound is crossed strictly: a value
// that equals it is healthy. Missing metrics give no verdict; without "keys", bounds that need n_k are skipped.
// Throws std::bad_alloc where memory for the verdicts is refused, and nothing else. Thread-safe. O(layers * heads).
ATTNSCOPE_EXPORT std::vector<Verdict> Diagnose(const Report& report, const Thresholds& thresholds = {});

// The worst severity among the verdicts; kHealthy if there are none.
ATTNSCOPE_EXPORT Severity WorstSeverity(std::span<const Verdict> verdicts);

}  // namespace attnscope

#endif  // ATTNSCOPE_DIAGNOSIS_H_
