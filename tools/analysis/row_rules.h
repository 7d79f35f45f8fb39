// SPDX-License-Identifier: Apache-2.0
//
// What a user says of the rows of all layers: which keys they see, and what their softmax does. It is read from the
// texts of options and from the files that they name, compared with a plan, and becomes the Visibility and
// SoftmaxParams of each block of rows (block_rows.h).
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_ROW_RULES_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_ROW_RULES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "attnscope/visibility.h"
#include "tools/analysis/layer_set.h"
#include "tools/analysis/plan.h"
#include "tools/analysis/share.h"
#include "tools/files/number_file.h"

namespace attnscope::tools {

// Options as they are given; an empty text is none.
struct RowOptions {
  bool causal = false;
  std::optional<int64_t> causal_offset = {};
  std::vector<std::string> windows = {};  // "[LAYERS:]N"
  std::vector<std::string> chunks = {};   // the same
  std::optional<int64_t> window_after = {};
  std::string key_lengths = {};  // "N,N,..." or a file
  std::string first_keys = {};
  std::string query_lengths = {};
  std::string segments = {};  // a file, as the next two
  std::string mask = {};
  std::string sinks = {};
  double masked_below = SoftmaxParams().masked_below;
  bool null_mass = false;
  bool void_is_bfloat16 = false;  // of the files: two bytes of no type, which is how numpy writes bfloat16
};

// A window of some layers, 0 for none.
struct LayerWindow {
  std::vector<LayerSet> layers = {};
  WindowKind kind = WindowKind::kSliding;
  int64_t window = 0;
};

// Whole numbers, one for each sequence of a layer, and the option that gave them; none: no such option.
struct SequenceLengths {
  std::string option = {};
  std::vector<int64_t> values = {};
};

// [batch, heads, queries, keys], each 1 where one serves all. None of both: no mask.
struct RowMask {
  std::string option = {};
  std::vector<size_t> shape = {};
  std::vector<uint8_t> shown = {};  // not 0: is seen
  std::vector<float> added = {};    // to logits; `shown` then says what is left for weights
};

// [layers, heads], layers 1 where one serves all; none: no sinks.
struct HeadSinks {
  std::string option = {};
  size_t layers = 1;
  size_t heads = 0;
  std::vector<float> values = {};
};

struct RowRules {
  bool causal = false;
  std::optional<int64_t> causal_offset = {};  // none: the last query of a matrix sees its last key
  std::vector<LayerWindow> windows = {};      // of each kind, the last one that has a layer counts
  int64_t window_after = -1;                  // in layers with a window
  SequenceLengths key_lengths = {};
  SequenceLengths first_keys = {};
  SequenceLengths query_lengths = {};
  SequenceLengths first_queries = {};  // rows before see nothing: padding on the left, see FitRowRules
  std::vector<int64_t> segments = {};
  RowMask mask = {};
  HeadSinks sinks = {};
  double masked_below = SoftmaxParams().masked_below;
  bool null_mass = false;  // of weights
  // The options, in one order and with what their files hold, but for `causal`: for states, which must agree in them.
  std::string text = {};

  // Of either kind, or of 0: none.
  LayerWindow WindowOf(int64_t layer) const;
};

// Reads the options and their files. A window without window_after makes attention causal. Errors: kInvalidArgument,
// naming the option and what is wrong in it, and those of reading.
Status ReadRowRules(const RowOptions& options, RowRules* out);

// Whether the rules fit the plan: lengths for each sequence of each layer, shapes that broadcast, heads. Fills in what
// only the plan can tell: where keys are as many as queries, key lengths and first keys are those of the queries too,
// unless query lengths are given, which a note of the plan says. Errors: kInvalidArgument, naming the option, the
// tensor and both sizes.
Status FitRowRules(const Pieces& pieces, Plan* plan, RowRules* rules);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_ROW_RULES_H_
