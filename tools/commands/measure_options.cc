// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/measure_options.h"

#include <string>
#include <utility>

#include "attnscope/limits.h"
#include "tools/analysis/reading.h"
#include "tools/analysis/residual_plan.h"
#include "tools/analysis/row_rules_text.h"
#include "tools/analysis/top_k_text.h"
#include "tools/commands/option_uses.h"
#include "tools/commands/output_check.h"
#include "tools/commands/row_options.h"
#include "tools/output/terminal.h"
#include "tools/state/state_file.h"

namespace attnscope::tools {
namespace {

// A number that the softmax can take: the default, or one that is not out of all proportion.
constexpr double kLeastFactor = 0x1p-96;
constexpr double kMostFactor = 0x1p96;

static_assert(kMaxRulesText <= kMaxRowOptionsBytes, "states hold what was said of rows");

// Logits, and queries and keys.
void AddLogitOptions(CommandLine* line, MeasureOptions* options) {
  line->AddOption("--logits", &options->inputs.logit_files, "Files of logits instead of weights").Placeholder("FILE");
  line->AddOption("--qk", &options->inputs.query_key_files,
                  "Files of queries and keys instead of weights, or one archive of both.\nMay be repeated, see below")
      .Placeholder("Q_FILE K_FILE");
  line->AddOption("--q-tensor", &options->inputs.query_globs, "Of archives, which tensors are queries. May be repeated")
      .Placeholder("GLOB")
      .OneForEachMention();
  line->AddOption("--k-tensor", &options->inputs.key_globs, "Of archives, which tensors are keys. May be repeated")
      .Placeholder("GLOB")
      .OneForEachMention();
  line->AddOption("--q-heads,--heads-of-q", &options->inputs.query_heads,
                  "Queries and keys are outputs of projections, [n, heads * head_dim] or [batch, n,\n"
                  "heads * head_dim], with so many heads of queries; of keys with as many, or --kv-heads")
      .Between(size_t{1}, kMaxHeads)
      .Placeholder("N");
  line->AddOption("--kv-heads", &options->inputs.kv_heads,
                  "Heads of the keys: checked, and needed for keys [n, kv_heads * head_dim]")
      .Between(size_t{1}, kMaxHeads)
      .Placeholder("N");
  line->AddFlag("--token-major", &options->token_major, "Queries and keys are [..., n, heads, head_dim]");
  line->AddOption("--scale", &options->scale,
                  "Multiply logits, or products of queries and keys, by this.\n"
                  "Default: 1 for logits, 1 / sqrt(head_dim) for queries and keys")
      .Between(kLeastFactor, kMostFactor)
      .Placeholder("X");
  line->AddOption("--soft-cap", &options->soft_cap, "Then cap them softly: X * tanh(logit / X)")
      .Between(kLeastFactor, kMostFactor)
      .Placeholder("X");
}

}  // namespace

void AddMeasureOptions(CommandLine* line, MeasureOptions* options) {
  constexpr size_t kMaxLayer = 999'999'999;
  line->AddOption("FILE", &options->inputs.files, "Files of attention weights, see below").Placeholder("");
  line->AddOption("--residual", &options->inputs.residuals,
                  "Residual streams before and after blocks, [tokens, channels] or [batch, tokens,\n"
                  "channels]: two files, or two archives or quoted patterns, paired by layer, or one\n"
                  "of both. May be repeated, see below")
      .Placeholder("IN OUT");
  line->AddOption("--tensor", &options->inputs.tensor_globs,
                  "Of archives of weights or logits, measure only tensors whose names match this shell\npattern. May "
                  "be repeated")
      .Placeholder("GLOB")
      .OneForEachMention();
  line->AddOption("--layer", &options->inputs.layer, "The layer of all files, whatever their names say")
      .Between(size_t{0}, kMaxLayer)
      .Placeholder("N");
  line->AddOption("--layer-pattern", &options->inputs.layer_pattern,
                  "The layer is the first group of this regular expression, in the name of\n"
                  "the tensor or of the file")
      .NotEmpty()
      .Placeholder("REGEX");
  line->AddOption("--axes", &options->inputs.axes,
                  "What the dimensions of weights and logits are, such as layers,heads,queries,keys\n"
                  "or batch,queries,keys. Default: the last of layers,batch,heads,queries,keys")
      .NotEmpty()
      .Placeholder("NAMES");
  line->AddOption(
          "--dtype",
          [options](const std::string&) { options->inputs.void_is_bfloat16 = options->rows.void_is_bfloat16 = true; },
          "What elements of type V2 in .npy and .npz are: numpy so writes bfloat16")
      .OneOf({"bfloat16"})
      .Placeholder("bfloat16");
  AddLogitOptions(line, options);
  AddRowOptions(line, &options->rows);
  line->AddFlag("--mean-matrix", &options->mean_matrix,
                "First average over batch and heads, then measure, as many training loops do.\n"
                "It hides collapsed heads");
  line->AddOption("--top-k", &options->top_k,
                  "The top-k masses: the sums of each row's K largest weights, up to 8 values of K from 1\n"
                  "to 1024, ascending. Without 5, no layer is said to be critically uniform. Default: 5,10,50")
      .NotEmpty()
      .Placeholder("K,K,...");
  line->AddOption("--threads", &options->threads, "Threads of this process; 0: one for each processor")
      .Between(size_t{0}, kMaxThreads)
      .Placeholder("N")
      .ShowDefault();
  const auto take_share_by = [options](const std::string& name) {
    for (const ShareBy by : {ShareBy::kAuto, ShareBy::kFiles, ShareBy::kLayers, ShareBy::kRows}) {
      if (NameOf(by) == name) options->share_by = by;
    }
  };
  line->AddOption("--share-by", take_share_by,
                  "What shares do not take apart: files, layers, or, with rows, nothing.\n"
                  "Default: the first that deals the work out evenly enough")
      .OneOf({"auto", "files", "layers", "rows"})
      .Placeholder("auto|files|layers|rows");
}

std::vector<std::string> InputPaths(const MeasureOptions& options) {
  std::vector<std::string> paths = options.inputs.files;
  const auto add = [&paths](const std::vector<std::string>& more) {
    paths.insert(paths.end(), more.begin(), more.end());
  };
  add(options.inputs.logit_files);
  for (const std::vector<std::string>& both : options.inputs.query_key_files) add(both);
  for (const std::vector<std::string>& names : options.inputs.residuals) {
    for (const std::string& name : names) add(ExpandPattern(name));
  }
  const RowOptions& rows = options.rows;
  for (const std::string& path :
       {rows.key_lengths, rows.first_keys, rows.query_lengths, rows.segments, rows.mask, rows.sinks}) {
    if (!path.empty()) paths.push_back(path);
  }
  return paths;
}

Status PlanOf(const MeasureOptions& options, Plan* plan) {
  PlanInputs inputs = options.inputs;
  if (inputs.files.empty() && inputs.logit_files.empty() && inputs.query_key_files.empty() &&
      inputs.residuals.empty()) {
    return {StatusCode::kInvalidArgument, "nothing to measure: name a FILE, --logits, --qk or --residual; see --help"};
  }
  if (Status status = CheckOptionUses(options); !status.ok()) return status;
  std::vector<std::string> matrices = inputs.files;
  matrices.insert(matrices.end(), inputs.logit_files.begin(), inputs.logit_files.end());
  if (Status status = CheckOnce(matrices); !status.ok()) return status;
  if (options.token_major) inputs.layout = QueryKeyLayout::kTokenMajor;
  return MakePlan(inputs, plan);
}

void PrintReadings(const Plan& plan) {
  for (const std::string& reading : ReadingsOf(plan)) PrintError(reading);
  for (const std::string& note : plan.notes) PrintError("note: " + note);
}

Status AnalysisOf(const MeasureOptions& options, const Pieces& pieces, Plan* plan, AnalysisOptions* out) {
  AnalysisOptions analysis;
  Status status = ReadRowRules(options.rows, &analysis.rows);
  if (status.ok()) status = FitRowRules(pieces, plan, &analysis.rows);
  if (!status.ok()) return status;
  analysis.pieces = pieces;
  if (!options.top_k.empty()) status = ReadTopK(options.top_k, &analysis.top_k);
  if (!status.ok()) return status;
  analysis.mean_matrix = options.mean_matrix;
  analysis.scale = options.scale;
  analysis.soft_cap = options.soft_cap;
  *out = std::move(analysis);
  return {};
}

SavedState EmptyState(const AnalysisOptions& analysis) {
  SavedState state;
  state.settings.causal = analysis.rows.causal;
  state.settings.row_options = analysis.rows.text;
  state.settings.mean_matrix = analysis.mean_matrix;
  state.settings.scale = analysis.scale;
  state.settings.soft_cap = analysis.soft_cap;
  state.settings.top_k = analysis.top_k;
  state.contents = StateContents(analysis.top_k);
  return state;
}

}  // namespace attnscope::tools
