// SPDX-License-Identifier: Apache-2.0
//
// Which tensors of which files belong to which layer: everything that can be decided, and refused, from names and
// shapes, before an element is read. Included by the analyze command and by analysis.cc.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_PLAN_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/status.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {

struct PlanInputs {
  std::vector<std::string> files = {};                              // of attention
  std::vector<std::pair<std::string, std::string>> residuals = {};  // files: before and after a block
  std::vector<std::string> tensor_globs = {};                       // which tensors of archives; none: all that fit
  std::optional<int64_t> layer = {};                                // instead of the numbers in names
};

struct TensorRef {
  const TensorFile* file = nullptr;
  size_t tensor = 0;  // of file->tensors()

  const TensorInfo& info() const { return file->tensors()[tensor]; }
  std::string Describe() const { return file->Describe(tensor) + " " + ShapeText(info().shape); }
};

// Attention of one layer: [batch, heads, queries, keys].
struct AttentionPart {
  TensorRef source;
  size_t outer = 0;  // which of the tensor's layers, if it has five dimensions
  size_t batch = 1;
  size_t heads = 1;
  size_t queries = 0;
  size_t keys = 0;

  size_t size() const { return batch * heads * queries * keys; }
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

// The layer of a tensor is `inputs.layer`, else the last number in its name, else (of an archive) in the file's name; a
// tensor without a number that is alone is layer 0. Five dimensions are layers of their own, from `inputs.layer` or 0.
// Tensors of archives that cannot be attention (rank, element type) are left out, with a note, unless a glob asks for
// them. Errors: as TensorFile::Open; kInvalidArgument and kNotFound name file, tensor and shape.
Status MakePlan(const PlanInputs& inputs, Plan* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_PLAN_H_
