// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/option_uses.h"

#include <string>
#include <vector>

#include "attnscope/softmax_params.h"

namespace attnscope::tools {
namespace {

struct OptionUse {
  const char* option;
  bool is_given;
  bool is_used;
  const char* needs;
};

// Of queries and keys alone.
void AddQueryKeyUses(const PlanInputs& inputs, bool is_token_major, std::vector<OptionUse>* uses) {
  const bool has_qk = !inputs.query_key_files.empty();
  for (const OptionUse& use : {OptionUse{"--q-tensor", !inputs.query_globs.empty(), has_qk, "--qk"},
                               {"--k-tensor", !inputs.key_globs.empty(), has_qk, "--qk"},
                               {"--q-heads", inputs.query_heads != 0, has_qk, "--qk"},
                               {"--kv-heads", inputs.kv_heads != 0, has_qk, "--qk"},
                               {"--token-major", is_token_major, has_qk, "--qk"}}) {
    uses->push_back(use);
  }
}

// Of rows of attention, whichever they are made of.
void AddRowUses(const MeasureOptions& options, bool has_attention, std::vector<OptionUse>* uses) {
  constexpr const char* kNeeds = "a FILE, --logits or --qk: it is of attention";
  const RowOptions& rows = options.rows;
  for (const auto& [option, is_given] : {std::pair("--causal", rows.causal),
                                         {"--causal-offset", rows.causal_offset.has_value()},
                                         {"--window", !rows.windows.empty()},
                                         {"--window-after", rows.window_after.has_value()},
                                         {"--chunked", !rows.chunks.empty()},
                                         {"--key-lengths", !rows.key_lengths.empty()},
                                         {"--first-keys", !rows.first_keys.empty()},
                                         {"--query-lengths", !rows.query_lengths.empty()},
                                         {"--segments", !rows.segments.empty()},
                                         {"--mask", !rows.mask.empty()},
                                         {"--sinks", !rows.sinks.empty()},
                                         {"--mean-matrix", options.mean_matrix},
                                         {"--top-k", !options.top_k.empty()}}) {
    uses->push_back({option, is_given, has_attention, kNeeds});
  }
}

// The parser takes all names up to the next option.
Status CheckPairs(const char* option, const std::vector<std::vector<std::string>>& mentions) {
  for (const std::vector<std::string>& names : mentions) {
    if (names.size() <= 2) continue;
    std::string text;
    for (size_t i = 0; i < 3; ++i) text += " " + names[i];
    return {StatusCode::kInvalidArgument, option + text + (names.size() > 3 ? " ..." : "") +
                                              ": takes one or two names, and not " + std::to_string(names.size()) +
                                              "; quote patterns, and name FILEs before it"};
  }
  return {};
}

}  // namespace

Status CheckOptionUses(const MeasureOptions& options) {
  const PlanInputs& inputs = options.inputs;
  Status status = CheckPairs("--qk", inputs.query_key_files);
  if (status.ok()) status = CheckPairs("--residual", inputs.residuals);
  if (!status.ok()) return status;
  const bool has_weights = !inputs.files.empty();
  const bool has_logits = !inputs.logit_files.empty() || !inputs.query_key_files.empty();
  const bool has_matrices = has_weights || !inputs.logit_files.empty();
  const double masked_below = options.rows.masked_below;
  const bool moves_masked_below = masked_below < 0.0 && masked_below != SoftmaxParams().masked_below;
  const bool has_sums = has_weights || !options.rows.sinks.empty();
  std::vector<OptionUse> uses = {
      {"--scale", options.scale != 0.0, has_logits, "--logits or --qk: weights are behind their softmax"},
      {"--soft-cap", options.soft_cap != 0.0, has_logits, "--logits or --qk: weights are behind their softmax"},
      {"--masked-below", moves_masked_below, has_logits || !options.rows.mask.empty(), "--logits, --qk or --mask"},
      {"--null-mass", options.rows.null_mass, has_sums, "a FILE of weights; of logits it is --sinks"},
      {"--axes", !inputs.axes.empty(), has_matrices, "a FILE of weights or --logits"},
      {"--tensor", !inputs.tensor_globs.empty(), has_matrices,
       "a FILE of weights or --logits; of --qk it is --q-tensor and --k-tensor"},
      {"--layer-pattern", !inputs.layer_pattern.empty(), !inputs.layer.has_value(),
       "names to look into, but --layer says the layer"}};
  AddQueryKeyUses(inputs, options.token_major, &uses);
  AddRowUses(options, has_matrices || !inputs.query_key_files.empty(), &uses);
  for (const OptionUse& use : uses) {
    if (!use.is_given || use.is_used) continue;
    return {StatusCode::kInvalidArgument, std::string(use.option) + " needs " + use.needs};
  }
  return {};
}

}  // namespace attnscope::tools
