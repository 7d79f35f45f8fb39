// SPDX-License-Identifier: Apache-2.0
//
// Pairs tensors of queries with tensors of keys.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_QUERY_KEY_PLAN_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_QUERY_KEY_PLAN_H_

#include <cstdint>
#include <string_view>

#include "attnscope/status.h"
#include "tools/analysis/plan.h"

namespace attnscope::tools {

enum class QueryKeyRole : uint8_t { kNeither, kQueries, kKeys };

// What a tensor is by its name, whose words are parted by anything but letters and digits: queries have the word "q",
// "query" or "queries", keys "k", "key" or "keys", whatever the case ("layers.3.q_proj", "L3_query"). Names with the
// words "weight", "bias" or "norm" are parameters of the model, and neither.
QueryKeyRole RoleOf(std::string_view name);

// Places all of inputs.query_key_files. Two files hold one tensor each; of one archive, the n-th
// tensor of queries of a layer goes with the n-th of keys. Shapes: [tokens, head_dim], [heads, tokens, head_dim],
// [batch, heads, tokens, head_dim] or [layers, batch, heads, tokens, head_dim], token-major ones with tokens before
// heads; keys may have fewer heads and other tokens. Keys [tokens, kv_heads * head_dim] need inputs.kv_heads; outputs
// of projections, [batch, tokens, heads * head_dim], inputs.query_heads.
Status PlaceQueriesKeys(const PlanInputs& inputs, Plan* plan);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_QUERY_KEY_PLAN_H_
