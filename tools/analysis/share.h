// SPDX-License-Identifier: Apache-2.0
//
// Who measures what: the work of a plan, dealt out to several processes. Each makes the same plan of the same files and
// takes its own share; nobody needs to talk to anybody.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_SHARE_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_SHARE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/status.h"
#include "tools/analysis/plan.h"

namespace attnscope::tools {

// What is not taken apart. Values are those of state files.
enum class ShareBy : uint8_t { kAuto = 0, kFiles = 1, kLayers = 2, kRows = 3 };

// "auto", "files", "layers", "rows".
std::string_view NameOf(ShareBy by);

// Files that hold only some of the rows, or of the heads, of their matrices: a rank's dump. Zero totals: all of them.
struct Pieces {
  size_t first_row = 0;  // of the matrix, that is the first of the file
  size_t all_rows = 0;
  size_t first_head = 0;
  size_t all_heads = 0;

  size_t RowsOf(const AttentionPart& part) const { return all_rows == 0 ? part.queries : all_rows; }
  size_t HeadsOf(const AttentionPart& part) const { return all_heads == 0 ? part.heads : all_heads; }
};

struct ShareOptions {
  size_t index = 0;  // of `count`
  size_t count = 1;
  ShareBy by = ShareBy::kAuto;
  bool mean_matrix = false;
  Pieces pieces = {};  // only for one share
};

// A sequence whose rows several processes have: it stays open until they are merged.
struct OpenSequence {
  size_t queries = 0;  // rows of each of its matrices, in all processes
  size_t keys = 0;

  bool operator==(const OpenSequence&) const = default;
};

// Rows of some sequences of a part.
struct ShareItem {
  size_t part = 0;  // of LayerPlan::attention
  size_t first_sequence = 0;
  size_t sequences = 0;
  size_t first_row = 0;  // of the file's
  size_t rows = 0;
  std::optional<size_t> open = {};  // index into LayerShare::open; such an item is one sequence (or one mean matrix)
};

struct LayerShare {
  std::vector<OpenSequence> open;  // the same in every share, as is:
  bool has_whole = false;          // whether some sequence of the layer is not open
  // This share's part, in the order of the plan.
  std::vector<ShareItem> items;
  std::vector<size_t> residuals;  // of LayerPlan::residuals
};

struct Share {
  ShareBy by = ShareBy::kFiles;  // never kAuto
  std::map<int64_t, LayerShare> layers;
};

// Deals out whole files or whole layers (the largest first, each to the share that has least), or contiguous rows: then
// each border is moved to the end of a sequence if that is within 1/16 of a share, else to the next multiple of 16
// rows, and a sequence that is cut is open. The numbers of all shares together are those of one process within 1e-12.
// kAuto takes files, else layers, if no share gets more than 1.25 times the mean, else rows. All shares of the same
// plan and options cover it without overlap. Sequences whose files are pieces of rows are all open. A mean matrix is
// cut only if it is the only one of its layer. Deterministic. O(sequences + count). Errors: kInvalidArgument for pieces
// that do not fit a part, naming it.
Status MakeShare(const Plan& plan, const ShareOptions& options, Share* out);

// Elements that a share has to read.
size_t ShareSize(const Plan& plan, const Share& share);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_SHARE_H_
