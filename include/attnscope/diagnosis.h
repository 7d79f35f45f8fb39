// SPDX-License-Identifier: Apache-2.0
//
// From numbers to verdicts: which layers and heads are ill, of what, and how badly; and what nothing can be said about.
#ifndef ATTNSCOPE_DIAGNOSIS_H_
#define ATTNSCOPE_DIAGNOSIS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/metrics.h"
#include "attnscope/report.h"

namespace attnscope {

struct Baseline;

// What can be wrong with a layer or a head.
enum class Pathology : uint8_t {
  kOneHotCollapse,    // each row attends to a single key
  kSinkCollapse,      // all rows attend to the same key
  kUniformAttention,  // no selectivity
  kVanishingLayer,    // the block leaves the residual stream as it was
  kExplodingUpdate,   // the block drowns the residual stream
  kSaturatedSoftmax,  // rows whose softmax no longer passes a gradient
  kBadNumbers,        // NaN, infinities or negative weights; values that no attention can have
  kNoDistributions,   // rows whose sum is not 1
  kNoAttention,       // rows of zeros
  kLeftBaseline,      // no longer as it was while the model was healthy: only beside a baseline
  kGrowingLogits,     // logits on their way to saturate the softmax, or to overflow
};

inline constexpr size_t kNumPathologies = static_cast<size_t>(Pathology::kGrowingLogits) + 1;

// How bad it is; worse is larger.
enum class Severity : uint8_t { kHealthy = 0, kWarning = 1, kCritical = 2 };

// "one-hot collapse", ...
ATTNSCOPE_EXPORT std::string_view NameOf(Pathology pathology);
// "healthy", "warning", "critical"
ATTNSCOPE_EXPORT std::string_view NameOf(Severity severity);

// The bounds of each verdict; README.md has a table of the defaults. A bound that is NaN
// never fires.
struct Thresholds {
  // One-hot collapse. Warnings of it and of sinks are for what heads of healthy models do not do: calibration moved
  // them from 0.5, 5 and 0.3, which half of all healthy checkpoints crossed, see docs/verdicts.md.
  double one_hot_max_row_weight_warning = 0.8;  // max_row_weight above
  double one_hot_effective_rank_warning = 2.0;  // effective_rank below, where keys >= the next
  double one_hot_effective_rank_min_keys = 50.0;
  double one_hot_max_row_weight_critical = 0.9;       // max_row_weight above
  double one_hot_normalized_entropy_critical = 0.05;  // normalized_entropy below
  // Sink collapse.
  double sink_mass_warning = 0.5;                // sink_mass above
  double sink_mass_critical = 0.8;               // sink_mass above
  double sink_col_entropy_share_critical = 0.2;  // col_entropy below this share of log(keys)
  // Uniform attention.
  double uniform_normalized_entropy_warning = 0.95;   // normalized_entropy above
  double uniform_normalized_entropy_critical = 0.99;  // normalized_entropy above, and
  double uniform_top5_factor_critical = 1.5;          // top5 below this multiple of what uniform attention has
  // Vanishing layer and exploding update: residual_ratio below, above. What explodes in layer 0 is the last of all.
  double vanishing_residual_ratio_warning = 0.1;
  double vanishing_residual_ratio_critical = 0.01;
  double exploding_residual_ratio_warning = 1.0;
  double exploding_residual_ratio_critical = 10.0;
  // Saturated softmax: saturation_ratio above.
  double saturation_ratio_warning = 0.5;
  double saturation_ratio_critical = 0.9;
  // Bad numbers: any invalid row is a warning; share of rows above which they are critical. Shares of rows, here and in
  // what follows, are of those that may see keys: masked ones do not count. A residual stream whose ratio is NaN is
  // critical, whatever the bounds.
  double invalid_row_share_critical = 0.01;
  // No distributions, no attention: share of unnormalized, of empty rows above. Where rows are no distributions beyond
  // the warning's bound, one-hot collapse, sink collapse and uniform attention are not judged.
  double unnormalized_row_share_warning = 0.01;
  double unnormalized_row_share_critical = 0.5;
  double empty_row_share_warning = 0.01;
  double empty_row_share_critical = 0.5;
  // How much there must be to judge; NaN or 0: any amount. A report that does not say how much there was is judged.
  double min_rows = 16.0;           // measured rows, for verdicts from means over rows
  double sink_min_rows = 32.0;      // the same for verdicts of columns,
  double sink_min_rows_each = 8.0;  // rows in each matrix on average: of one row, the sink is the largest weight
  double sink_min_keys = 16.0;      // and keys: with fewer, uniform causal attention gives its first key over 0.2
  double one_hot_min_keys = 8.0;    // keys; with fewer, large weights are no collapse
  double uniform_min_keys = 8.0;    // mean number of keys that a row may see
  // Exploding update of the first block, layer 0, which adds to embeddings: they are small, so that healthy ratios are
  // far above 1. Bounds that calibration found, see docs/verdicts.md.
  double first_block_residual_ratio_warning = 100.0;
  double first_block_residual_ratio_critical = 500.0;
  // Left its baseline: so many spreads away from the baseline's median, on either side. Healthy runs that still learn
  // go about 10 spreads away, ill ones soon beyond 20: docs/verdicts.md.
  double baseline_spreads_warning = 10.0;
  double baseline_spreads_critical = 20.0;
  // Growing logits: max_logit above. At 100 QK-Clip begins to rescale queries and keys (Kimi K2, arXiv 2507.20534).
  double max_logit_warning = 100.0;
  double max_logit_critical = 500.0;
};

// One finding.
struct Verdict {
  Pathology pathology = Pathology::kOneHotCollapse;
  Severity severity = Severity::kWarning;
  int64_t layer = 0;
  int64_t head = -1;                 // -1: the layer as a whole
  Metric metric = Metric::kEntropy;  // the metric that crossed its bound
  // Of counts of rows that are bounded by a share, that share; NaN where NaN was given.
  double value = 0.0;
  double bound = 0.0;
  double baseline = std::numeric_limits<double>::quiet_NaN();  // of what has left it, its median; else NaN
  // For people: names pathology, severity, metric, value, bound, layer and head.
  std::string message;
};

// A pathology that a layer or head could not be judged by.
struct Unjudged {
  Pathology pathology = Pathology::kOneHotCollapse;
  int64_t layer = 0;
  int64_t head = -1;  // -1: the layer as a whole
  // Why, for people, without the place: "sink_mass is missing", "needs 16 rows, has 4".
  std::string reason;
};

// What a layer, or a report, is.
enum class Outcome : uint8_t {
  kHealthy,    // something was judged, and no verdict was given
  kIll,        // there are verdicts
  kNotJudged,  // nothing could be judged: neither of the layer nor of one of its heads
};
// "healthy", "ill", "not judged"
ATTNSCOPE_EXPORT std::string_view NameOf(Outcome outcome);

// What can be said of a report.
struct Diagnosis {
  // What a report says of one of its layers, heads included.
  struct Layer {
    int64_t layer = 0;
    Outcome outcome = Outcome::kNotJudged;
    bool is_judged = false;  // by something else than the input: an ill layer need not be, whose numbers are all bad
  };

  std::vector<Verdict> verdicts;  // worst first: critical before warning, then by how far the value is beyond its bound
                                  // (relative to the bound), then by layer, head and pathology
  std::vector<Verdict> as_in_baseline;    // what would be verdicts, but that the baseline has them as well; as sorted
  std::vector<Unjudged> unjudged;         // by layer, head and pathology
  std::vector<Layer> layers;              // those of the report, in its order
  Outcome outcome = Outcome::kNotJudged;  // of the report: ill if a layer is, not judged if all are
  bool is_judged = false;                 // as of a layer: whether any is
};

// Judges every layer and head of a report by every pathology. At most one verdict for each pathology and each layer or
// head: the most severe, and of its metrics the one furthest beyond its bound. A bound is crossed strictly: a value
// that equals it is healthy. A pathology without a verdict has been judged if one of its metrics with a warning's bound
// was measured, is within its range, and there was enough of it (Thresholds::min_rows and what follows it); else it is
// among the unjudged, with the reason. Bad numbers, no distributions and no attention are about the input, so that a
// layer that only these can be said of is not judged; what they find is a verdict all the same. `sink_mass` that is
// missing is max_col_sum over the queries of a matrix: over `rows` / `matrices`, or else `keys`.
//
// With a baseline (attnscope/baseline.h) each layer and head is compared with its own past too. What is far from it in
// some metric is a verdict, kLeftBaseline, also where no bound is crossed; and what the baseline's median has of a
// pathology is none, up to the severity that it has: a head that was always sharp. The median counts as ill from a
// tenth before a bound on, so that a head that wavers around one is no finding. Bad numbers are never usual. Layers and
// heads that the baseline does not have, and those of layers with other heads (CheckBaseline tells before), are judged
// as without it, and are among the unjudged by kLeftBaseline.
//
// Throws std::bad_alloc where memory is refused, and nothing else. Thread-safe. O(layers * heads), of the baseline too.
ATTNSCOPE_EXPORT Diagnosis Judge(const Report& report, const Thresholds& thresholds = {},
                                 const Baseline* baseline = nullptr);

// The verdicts of Judge alone: none of them does not mean that anything was judged. Throws and costs as Judge.
ATTNSCOPE_EXPORT std::vector<Verdict> Diagnose(const Report& report, const Thresholds& thresholds = {},
                                               const Baseline* baseline = nullptr);

// What was not judged, in few lines for people: "sink collapse: sink_mass is missing (layers 0 to 7)", heads with their
// layers. Throws std::bad_alloc where memory is refused, and nothing else.
ATTNSCOPE_EXPORT std::vector<std::string> SummarizeUnjudged(const Diagnosis& diagnosis);

// ReportToJson, and behind it what was found: "outcome", "verdicts", "as_in_baseline" if there is any, and
// "not_judged". They are for readers of the file:
// ReportFromJson passes over them, and the same numbers are judged anew. Throws as ReportToJson.
ATTNSCOPE_EXPORT std::string ReportToJson(const Report& report, const Diagnosis& diagnosis);

// The worst severity among the verdicts; kHealthy if there are none.
ATTNSCOPE_EXPORT Severity WorstSeverity(std::span<const Verdict> verdicts);

}  // namespace attnscope

#endif  // ATTNSCOPE_DIAGNOSIS_H_
