// SPDX-License-Identifier: Apache-2.0
#include "attnscope/attention_map.h"

#include <algorithm>
#include <string>
#include <vector>

#include "c_interface/attention_maps.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

static_assert(kHiddenCell == ATTNSCOPE_HIDDEN_CELL && kMaxMapCells == ATTNSCOPE_MAX_MAP_CELLS);

// The maps of a call, in and out of the caller's memory.
class CallMaps {
 public:
  Status Read(AttnscopeAttentionMap* const* in, size_t count, size_t heads) {
    if (count != heads) {  // so that no more is read than may be there
      return {StatusCode::kInvalidArgument,
              "maps are " + std::to_string(count) + ", for a view of " + std::to_string(heads) + " heads"};
    }
    if (in == nullptr && count != 0) return NullArgument("maps");
    for (size_t i = 0; i < count; ++i) {
      Status status = ReadMap("maps[" + std::to_string(i) + "]", in[i], &maps.emplace_back());
      if (!status.ok()) return status;
    }
    return {};
  }

  void Write(AttnscopeAttentionMap* const* out) const {
    for (size_t i = 0; i < maps.size(); ++i) std::copy(maps[i].cells.begin(), maps[i].cells.end(), out[i]->cells);
  }

  std::vector<AttentionMap> maps;
};

template <typename Call, typename Pool>
Status PoolCall(const Call& call, uint64_t first_query, AttnscopeAttentionMap* const* maps, uint64_t num_maps,
                const Pool& pool) {
  if (!call.ok()) return call.status;
  CallMaps read;
  Status status = read.Read(maps, num_maps, call.view.heads);
  if (status.ok()) status = pool(call.view, first_query, call.params, read.maps, call.runner);
  if (status.ok()) read.Write(maps);
  return status;
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeMakeAttentionMap(int64_t layer, int64_t head, uint64_t queries, uint64_t keys,
                                          uint64_t most_cells, float* cells, AttnscopeAttentionMap* out) {
  return Guarded([&]() -> Status {
    if (most_cells < 1 || most_cells > kMaxMapCells) {
      return {StatusCode::kInvalidArgument,
              "most_cells is " + std::to_string(most_cells) + ", expected 1 to " + std::to_string(kMaxMapCells)};
    }
    if (cells == nullptr && queries != 0 && keys != 0) return NullArgument("cells");
    AttnscopeAttentionMap filled = {};
    filled.layer = layer;
    filled.head = head;
    filled.queries = queries;
    filled.keys = keys;
    filled.rows = std::min(queries, most_cells);
    filled.columns = std::min(keys, most_cells);
    filled.cells = cells;
    if (Status status = WriteStruct("out", filled, out); !status.ok()) return status;
    std::fill_n(cells, filled.rows * filled.columns, kHiddenCell);
    return {};
  });
}

AttnscopeStatus AttnscopePoolWeights(const AttnscopeAttentionView* weights, uint64_t first_query,
                                     const AttnscopeMask* mask, AttnscopeAttentionMap* const* maps, uint64_t num_maps,
                                     const AttnscopeRunner* runner) {
  return Guarded([&] {
    const CallOf<AttentionView, Mask> call("weights", weights, mask, runner);
    return PoolCall(call, first_query, maps, num_maps, &PoolWeights);
  });
}

AttnscopeStatus AttnscopePoolLogits(const AttnscopeAttentionView* logits, uint64_t first_query,
                                    const AttnscopeSoftmaxParams* params, AttnscopeAttentionMap* const* maps,
                                    uint64_t num_maps, const AttnscopeRunner* runner) {
  return Guarded([&] {
    const CallOf<AttentionView, SoftmaxParams> call("logits", logits, params, runner);
    return PoolCall(call, first_query, maps, num_maps, &PoolLogits);
  });
}

AttnscopeStatus AttnscopePoolQueriesKeys(const AttnscopeQueryKeyView* view, uint64_t first_query,
                                         const AttnscopeSoftmaxParams* params, AttnscopeAttentionMap* const* maps,
                                         uint64_t num_maps, const AttnscopeRunner* runner) {
  return Guarded([&] {
    const CallOf<QueryKeyView, SoftmaxParams> call("view", view, params, runner);
    return PoolCall(call, first_query, maps, num_maps, &PoolQueriesKeys);
  });
}
