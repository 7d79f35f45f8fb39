// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/measure_options.h"

#include <map>
#include <string>
#include <utility>

#include "attnscope/limits.h"

namespace attnscope::tools {
namespace {

// A number that the softmax can take: the default, or one that is not out of all proportion.
CLI::Validator FactorRange() { return CLI::Range(0x1p-96, 0x1p96).description(""); }

// Logits, and queries and keys.
void AddLogitOptions(CLI::App* app, MeasureOptions* options) {
  app->add_option("--logits", options->inputs.logit_files, "Files of logits instead of weights")->type_name("FILE");
  app->add_option("--qk", options->inputs.query_key_files,
                  "Files of queries and keys instead of weights, or one archive of both.\nMay be repeated, see below")
      ->type_name("Q_FILE K_FILE")
      ->expected(1, 2)
      ->take_all();
  app->add_option("--q-tensor", options->inputs.query_globs, "Of archives, which tensors are queries. May be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--k-tensor", options->inputs.key_globs, "Of archives, which tensors are keys. May be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--kv-heads", options->inputs.kv_heads,
                  "Heads of the keys: checked, and needed for keys [n, kv_heads * head_dim]")
      ->check(CLI::Range(size_t{1}, kMaxHeads).description(""))
      ->type_name("N");
  app->add_flag("--token-major", options->token_major, "Queries and keys are [..., n, heads, head_dim]");
  app->add_option("--scale", options->scale,
                  "Multiply logits, or products of queries and keys, by this.\n"
                  "Default: 1 for logits, 1 / sqrt(head_dim) for queries and keys")
      ->check(FactorRange())
      ->type_name("X");
  app->add_option("--soft-cap", options->soft_cap, "Then cap them softly: X * tanh(logit / X)")
      ->check(FactorRange())
      ->type_name("X");
}

}  // namespace

void AddMeasureOptions(CLI::App* app, MeasureOptions* options) {
  constexpr int64_t kMaxLayer = 999'999'999;
  app->add_option("FILE", options->inputs.files, "Files of attention weights, see below")->type_name("");
  app->add_option("--residual", options->inputs.residuals,
                  "Residual stream before and after a block, [tokens, channels] or\n"
                  "[batch, tokens, channels]. Once for each layer, the last number in IN's name")
      ->type_name("IN OUT")
      ->allow_extra_args(false);
  app->add_option("--tensor", options->inputs.tensor_globs,
                  "Of archives, measure only tensors whose names match this shell pattern.\nMay be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--layer", options->inputs.layer, "The layer of all files, whatever their names say")
      ->check(CLI::Range(int64_t{0}, kMaxLayer).description(""))
      ->type_name("N");
  AddLogitOptions(app, options);
  app->add_flag("--causal", options->causal, "Ignore the keys after each query; the last query sees all keys");
  app->add_flag("--mean-matrix", options->mean_matrix,
                "First average over batch and heads, then measure, as many training loops do.\n"
                "It hides collapsed heads");
  app->add_option("--threads", options->threads, "Threads of this process; 0: one for each processor")
      ->check(CLI::Range(size_t{0}, kMaxThreads).description(""))
      ->type_name("N")
      ->capture_default_str();
  const std::map<std::string, ShareBy> names = {
      {"auto", ShareBy::kAuto}, {"files", ShareBy::kFiles}, {"layers", ShareBy::kLayers}, {"rows", ShareBy::kRows}};
  app->add_option("--share-by", options->share_by,
                  "What shares do not take apart: files, layers, or, with rows, nothing.\n"
                  "Default: the first that deals the work out evenly enough")
      ->transform(CLI::CheckedTransformer(names).description(""))
      ->type_name("auto|files|layers|rows");
}

std::vector<std::string> InputPaths(const MeasureOptions& options) {
  std::vector<std::string> paths = options.inputs.files;
  const auto add = [&paths](const std::vector<std::string>& more) {
    paths.insert(paths.end(), more.begin(), more.end());
  };
  add(options.inputs.logit_files);
  for (const std::vector<std::string>& both : options.inputs.query_key_files) add(both);
  for (const auto& [before, after] : options.inputs.residuals) add({before, after});
  return paths;
}

Status PlanOf(const MeasureOptions& options, Plan* plan) {
  PlanInputs inputs = options.inputs;
  if (inputs.files.empty() && inputs.logit_files.empty() && inputs.query_key_files.empty() &&
      inputs.residuals.empty()) {
    return {StatusCode::kInvalidArgument, "nothing to measure: name a FILE, --logits, --qk or --residual; see --help"};
  }
  if (options.token_major) inputs.layout = QueryKeyLayout::kTokenMajor;
  return MakePlan(inputs, plan);
}

AnalysisOptions AnalysisOf(const MeasureOptions& options) {
  AnalysisOptions analysis;
  analysis.causal = options.causal;
  analysis.mean_matrix = options.mean_matrix;
  analysis.scale = options.scale;
  analysis.soft_cap = options.soft_cap;
  return analysis;
}

SavedState EmptyState(const MeasureOptions& options) {
  SavedState state;
  state.settings.causal = options.causal;
  state.settings.mean_matrix = options.mean_matrix;
  state.settings.scale = options.scale;
  state.settings.soft_cap = options.soft_cap;
  return state;
}

}  // namespace attnscope::tools
