// SPDX-License-Identifier: Apache-2.0
//
// Which tensors of which files belong to which layer: everything that can be decided, and refused, from names and
// shapes, before an element is read.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_PLAN_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {

// How the keys and queries of --qk lie in their tensors.
enum class QueryKeyLayout : uint8_t {
  kHeadMajor,   // [..., heads, tokens, head_dim]
  kTokenMajor,  // [..., tokens, heads, head_dim]
};

struct PlanInputs {
  std::vector<std::string> files = {};                         // of attention weights
  std::vector<std::string> logit_files = {};                   // of logits
  std::vector<std::vector<std::string>> query_key_files = {};  // each: queries and keys, or one archive of both
  std::vector<std::string> query_globs = {};                   // which tensors of archives; none: by their words
  std::vector<std::string> key_globs = {};
  QueryKeyLayout layout = QueryKeyLayout::kHeadMajor;
  size_t query_heads = 0;  // of outputs of projections, whose heads are within each token; zero: no such
  size_t kv_heads = 0;     // zero: what the shape of the keys says
  std::vector<std::vector<std::string>> residuals = {};  // each: before and after blocks, or both; see residual_plan.h
  std::vector<std::string> tensor_globs = {};            // which tensors of archives; none: all that fit
  std::optional<int64_t> layer = {};                     // instead of the numbers in names
  std::string layer_pattern = {};  // a regular expression, of which the first group is the layer; none: see MakePlan
  bool void_is_bfloat16 = false;   // two bytes of no type, which is how numpy writes bfloat16
  std::string axes = {};           // of weights and logits, as ParseAxes; none: by their number
};

struct TensorRef {
  const TensorFile* file = nullptr;
  size_t tensor = 0;  // of file->tensors()

  const TensorInfo& info() const { return file->tensors()[tensor]; }
  std::string Describe() const { return file->Describe(tensor) + " " + ShapeText(info().shape); }
};

enum class AttentionKind : uint8_t { kWeights, kLogits, kQueriesKeys };

// Attention of one layer: [batch, heads, queries, keys], or the queries and keys that it is made of.
struct AttentionPart {
  AttentionKind kind = AttentionKind::kWeights;
  TensorRef source;   // weights, logits or queries
  size_t layers = 1;  // in the tensor
  size_t outer = 0;   // which of them
  size_t batch = 1;
  size_t heads = 1;
  size_t queries = 0;
  size_t keys = 0;
  // Of weights and logits: elements from one layer, sequence, head or query to the next; keys follow one another.
  size_t layer_stride = 0;
  size_t batch_stride = 0;
  size_t head_stride = 0;
  size_t query_stride = 0;
  // Of queries [batch, heads, queries, head_dim] and keys [batch, kv_heads, keys, head_dim], or token-major.
  TensorRef key_source = {};
  size_t kv_heads = 0;
  size_t head_dim = 0;
  QueryKeyLayout layout = QueryKeyLayout::kHeadMajor;

  // Weights, given or implied: the work.
  size_t size() const { return batch * heads * queries * keys; }
  size_t query_elements() const { return batch * heads * queries * head_dim; }
  size_t key_elements() const { return batch * kv_heads * keys * head_dim; }
};

// The residual stream on both sides of one block: [batch, tokens, channels].
struct ResidualPart {
  TensorRef before;
  TensorRef after;
  size_t batch = 1;
  size_t tokens = 0;
  size_t channels = 0;

  size_t size() const { return batch * tokens * channels; }
};

struct LayerPlan {
  std::vector<AttentionPart> attention;  // further parts are further sequences; all have the same number of heads
  std::vector<ResidualPart> residuals;
};

struct Plan {
  std::vector<std::unique_ptr<TensorFile>> files;
  std::map<int64_t, LayerPlan> layers;
  std::vector<std::string> notes;  // what was left out, for people
};

// The layer of a tensor is `inputs.layer`, else what `inputs.layer_pattern` finds in its name or (of an archive) the
// file's, else what LayerInName does; a tensor without a number that is alone is layer 0. Axes of layers are layers of
// their own, from `inputs.layer` or 0. Tensors of one layer are further sequences; of one archive only if their names
// differ in numbers alone, or if `layer` or `layer_pattern` says that they are of one layer: else it is an error.
// Tensors of archives whose shape or whole numbers cannot be attention are left out, with a note, unless a glob asks
// for them; those of attention's shape whose element type cannot be read are an error. Of archives of queries and keys,
// see query_key_plan.h. Errors: as TensorFile::Open; kInvalidArgument and kNotFound name file, tensor and shape.
Status MakePlan(const PlanInputs& inputs, Plan* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_PLAN_H_
