// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/query_key_plan.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/limits.h"
#include "tools/analysis/tensor_choice.h"
#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

// A shape as [layers, batch, heads, tokens, head_dim], where what it lacks is 1.
struct Sizes {
  size_t layers = 0;  // 0: no such dimension
  size_t batch = 1;
  size_t heads = 1;
  size_t tokens = 0;
  size_t head_dim = 0;
};

Sizes SizesOf(const TensorInfo& info, QueryKeyLayout layout) {
  const std::vector<size_t>& shape = info.shape;
  const size_t rank = shape.size();
  Sizes sizes;
  sizes.head_dim = shape[rank - 1];
  sizes.tokens = shape[rank - 2];
  if (rank >= 3) {
    sizes.heads = shape[rank - 3];
    if (layout == QueryKeyLayout::kTokenMajor) std::swap(sizes.heads, sizes.tokens);
  }
  if (rank >= 4) sizes.batch = shape[rank - 4];
  if (rank == 5) sizes.layers = shape[0];
  return sizes;
}

std::string QueryKeyMisfit(const TensorInfo& info) {
  if (!info.problem.empty()) return info.problem;
  return Misfit(info, 2, 5,
                "[n, head_dim], [heads, n, head_dim], [batch, heads, n, head_dim] or "
                "[layers, batch, heads, n, head_dim]");
}

// Takes the heads of a projection's output [tokens, heads * head_dim] or [batch, tokens, heads * head_dim] apart.
Status SplitHeads(const TensorRef& source, size_t heads, const char* option, Sizes* sizes) {
  const std::vector<size_t>& shape = source.info().shape;
  const size_t rank = shape.size();
  if (rank > 3 || shape.back() % heads != 0) {
    return Invalid(source.Describe() + " is not [n, " + option + " * head_dim] or [batch, n, " + option +
                   " * head_dim] of " + std::to_string(heads) + " heads");
  }
  *sizes = {
      .batch = rank == 3 ? shape[0] : 1, .heads = heads, .tokens = shape[rank - 2], .head_dim = shape.back() / heads};
  return {};
}

// The sizes of both, and the layout they are in.
Status SizesOfPair(const PlanInputs& inputs, const TensorRef& queries, const TensorRef& keys, Sizes* q, Sizes* k,
                   QueryKeyLayout* layout) {
  *q = SizesOf(queries.info(), inputs.layout);
  *k = SizesOf(keys.info(), inputs.layout);
  *layout = inputs.layout;
  if (inputs.query_heads != 0) {
    *layout = QueryKeyLayout::kTokenMajor;
    Status status = SplitHeads(queries, inputs.query_heads, "--q-heads", q);
    const size_t kv_heads = inputs.kv_heads != 0 ? inputs.kv_heads : inputs.query_heads;
    return status.ok() ? SplitHeads(keys, kv_heads, "--kv-heads", k) : status;
  }
  if (keys.info().shape.size() != 2 || inputs.kv_heads <= 1 || k->head_dim != inputs.kv_heads * q->head_dim) return {};
  // [tokens, kv_heads * head_dim]. Queries with one head dimension are the same in both layouts.
  if (queries.info().shape.size() != 2 && inputs.layout != QueryKeyLayout::kTokenMajor) {
    return Invalid(keys.Describe() + " has its heads within each token: " + queries.Describe() +
                   " must be token-major too; give --token-major");
  }
  *layout = QueryKeyLayout::kTokenMajor;
  k->heads = inputs.kv_heads;
  k->head_dim = q->head_dim;
  return {};
}

Status CheckPair(const PlanInputs& inputs, const TensorRef& queries, const TensorRef& keys, const Sizes& q,
                 const Sizes& k) {
  const std::string pair = queries.Describe() + " and " + keys.Describe();
  const bool may_be_projections = inputs.query_heads == 0 && queries.info().shape.size() <= 3;
  const char* const advice = may_be_projections ? "; of outputs of projections, [batch, n, heads * head_dim], "
                                                  "--q-heads and --kv-heads say how many heads they have"
                             : inputs.query_heads != 0 && inputs.kv_heads == 0
                                 ? "; keys of fewer heads than --q-heads need --kv-heads"
                                 : "";
  if (inputs.kv_heads != 0 && k.heads != inputs.kv_heads) {
    return Invalid(keys.Describe() + " has " + std::to_string(k.heads) + " heads, but --kv-heads says " +
                   std::to_string(inputs.kv_heads) + advice);
  }
  if (q.head_dim != k.head_dim || q.batch != k.batch || q.layers != k.layers || q.heads % k.heads != 0) {
    return Invalid("--qk: " + pair +
                   " do not fit: head_dim, batch and layers must be the same, and the heads of keys divide those of "
                   "queries" +
                   advice);
  }
  if (q.head_dim > kMaxHeadDim) {
    return Invalid("--qk: " + pair + " have head_dim " + std::to_string(q.head_dim) + ", more than " +
                   std::to_string(kMaxHeadDim) + "; of an archive, --q-tensor and --k-tensor measure others" + advice);
  }
  return {};
}

// Two files whose names say something else: the other role, or another layer.
Status CheckNamesOfPair(const PlanInputs& inputs, const TensorRef& queries, const TensorRef& keys) {
  const bool is_reversed =
      RoleOf(queries.info().name) == QueryKeyRole::kKeys && RoleOf(keys.info().name) == QueryKeyRole::kQueries;
  if (is_reversed) {
    return Invalid("--qk takes queries before keys, but " + queries.Describe() + " and " + keys.Describe() +
                   " are the other way round by their names");
  }
  const std::optional<int64_t> of_queries = LayerOf(queries, inputs);
  const std::optional<int64_t> of_keys = LayerOf(keys, inputs);
  if (!of_queries.has_value() || !of_keys.has_value() || of_queries == of_keys) return {};
  return Invalid("--qk: " + queries.Describe() + " is of layer " + std::to_string(*of_queries) + ", but " +
                 keys.Describe() + " of layer " + std::to_string(*of_keys) + " by their names; --layer says otherwise");
}

Status PlacePair(const PlanInputs& inputs, const TensorRef& queries, const TensorRef& keys, bool is_alone, Plan* plan) {
  for (const TensorRef& source : {queries, keys}) {
    const std::string misfit = QueryKeyMisfit(source.info());
    if (!misfit.empty()) return Invalid(source.file->Describe(source.tensor) + ": " + misfit);
  }
  AttentionPart part = {.kind = AttentionKind::kQueriesKeys, .source = queries};
  Sizes q;
  Sizes k;
  Status status = SizesOfPair(inputs, queries, keys, &q, &k, &part.layout);
  if (status.ok()) status = CheckPair(inputs, queries, keys, q, k);
  if (!status.ok()) return status;
  part.key_source = keys;
  part.batch = q.batch;
  part.heads = q.heads;
  part.queries = q.tokens;
  part.keys = k.tokens;
  part.kv_heads = k.heads;
  part.head_dim = q.head_dim;
  part.layers = std::max<size_t>(q.layers, 1);
  return PlacePart(inputs, part, q.layers != 0, is_alone, plan);
}

// Says, of the first that is so, where a shape could mean something else.
void NoteAmbiguousShapes(const PlanInputs& inputs, Plan* plan) {
  if (inputs.query_heads != 0 || inputs.layout == QueryKeyLayout::kTokenMajor) return;
  for (const auto& [index, layer] : plan->layers) {
    for (const AttentionPart& part : layer.attention) {
      if (part.kind != AttentionKind::kQueriesKeys) continue;
      const bool is_projection = part.source.info().shape.size() == 3 && part.layout == QueryKeyLayout::kHeadMajor;
      if (is_projection) {
        plan->notes.push_back(part.source.Describe() + " is read as [heads, n, head_dim]; if it is the output of a " +
                              "projection, [batch, n, heads * head_dim], give --q-heads");
        return;
      }
      if (part.heads > part.keys) {
        plan->notes.push_back(part.source.Describe() +
                              " is read as [batch, heads, n, head_dim], with more heads than " +
                              "keys; if n is before heads, give --token-major");
        return;
      }
    }
  }
}

// One file's tensors of one role.
std::vector<TensorRef> TensorsOf(const TensorFile& file, QueryKeyRole role, const std::vector<std::string>& globs) {
  std::vector<TensorRef> tensors;
  for (size_t t = 0; t < file.tensors().size(); ++t) {
    const std::string& name = file.tensors()[t].name;
    const bool is_one = globs.empty() ? RoleOf(name) == role : MatchesAny(name, globs);
    if (is_one) tensors.push_back({.file = &file, .tensor = t});
  }
  return tensors;
}

// By layer, in the order of the file.
std::map<std::optional<int64_t>, std::vector<TensorRef>> ByLayer(const std::vector<TensorRef>& tensors,
                                                                 const PlanInputs& inputs) {
  std::map<std::optional<int64_t>, std::vector<TensorRef>> layers;
  for (const TensorRef& tensor : tensors) layers[LayerOf(tensor, inputs)].push_back(tensor);
  return layers;
}

Status PlaceArchive(const PlanInputs& inputs, const TensorFile& file, Plan* plan) {
  const std::vector<TensorRef> queries = TensorsOf(file, QueryKeyRole::kQueries, inputs.query_globs);
  const std::vector<TensorRef> keys = TensorsOf(file, QueryKeyRole::kKeys, inputs.key_globs);
  if (queries.empty() || keys.empty()) {
    std::vector<std::string> names;
    for (const TensorInfo& info : file.tensors()) names.push_back(info.name);
    return {StatusCode::kNotFound, file.path() + ": no tensor of " + (queries.empty() ? "queries" : "keys") +
                                       " by its name; give --q-tensor and --k-tensor; it has " + Names(names)};
  }
  const auto query_layers = ByLayer(queries, inputs);
  auto key_layers = ByLayer(keys, inputs);
  for (const auto& [layer, of_layer] : query_layers) {
    const std::vector<TensorRef>& partners = key_layers[layer];
    if (partners.size() != of_layer.size()) {
      return Invalid(file.path() + ": " + of_layer[0].Describe() + " is one of " + std::to_string(of_layer.size()) +
                     " tensors of queries of its layer, which has " + std::to_string(partners.size()) +
                     " of keys; choose with --q-tensor and --k-tensor");
    }
    for (size_t i = 0; i < of_layer.size(); ++i) {
      Status status = PlacePair(inputs, of_layer[i], partners[i], queries.size() == 1, plan);
      if (!status.ok()) return status;
    }
    key_layers.erase(layer);
  }
  if (key_layers.empty()) return {};
  return Invalid(file.path() + ": no queries for " + key_layers.begin()->second[0].Describe());
}

}  // namespace

QueryKeyRole RoleOf(std::string_view name) {
  QueryKeyRole role = QueryKeyRole::kNeither;
  std::string word;
  for (size_t i = 0; i <= name.size(); ++i) {
    if (i < name.size() && std::isalnum(static_cast<unsigned char>(name[i])) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
      continue;
    }
    if (word == "weight" || word == "bias" || word == "norm") return QueryKeyRole::kNeither;
    if (word == "q" || word == "query" || word == "queries") role = QueryKeyRole::kQueries;
    if (word == "k" || word == "key" || word == "keys") role = QueryKeyRole::kKeys;
    word.clear();
  }
  return role;
}

Status PlaceQueriesKeys(const PlanInputs& inputs, Plan* plan) {
  const bool has_archive = std::any_of(inputs.query_key_files.begin(), inputs.query_key_files.end(),
                                       [](const std::vector<std::string>& paths) { return paths.size() == 1; });
  for (const auto& [option, globs] :
       {std::pair("--q-tensor", &inputs.query_globs), {"--k-tensor", &inputs.key_globs}}) {
    if (globs->empty() || has_archive || inputs.query_key_files.empty()) continue;
    return Invalid(std::string(option) + " chooses tensors of one archive of --qk, and there is none");
  }
  for (const std::vector<std::string>& paths : inputs.query_key_files) {
    const TensorFile* query_file = nullptr;
    Status status = OpenInPlan(inputs, paths[0], plan, &query_file);
    if (!status.ok()) return status;
    if (paths.size() == 1) {
      if (!query_file->is_archive()) return Invalid("--qk " + paths[0] + ": one file must be an archive of both");
      status = PlaceArchive(inputs, *query_file, plan);
      if (!status.ok()) return status;
      continue;
    }
    const TensorFile* key_file = nullptr;
    status = OpenInPlan(inputs, paths[1], plan, &key_file);
    if (!status.ok()) return status;
    if (query_file->tensors().size() != 1 || key_file->tensors().size() != 1) {
      return Invalid("--qk " + paths[0] + " " + paths[1] + ": two files must hold one tensor each");
    }
    const TensorRef queries = {.file = query_file, .tensor = 0};
    const TensorRef keys = {.file = key_file, .tensor = 0};
    status = CheckNamesOfPair(inputs, queries, keys);
    if (status.ok()) status = PlacePair(inputs, queries, keys, inputs.query_key_files.size() == 1, plan);
    if (!status.ok()) return status;
  }
  NoteAmbiguousShapes(inputs, plan);
  return {};
}

}  // namespace attnscope::tools
