// SPDX-License-Identifier: Apache-2.0
//
// The work of a call is cut into bands: some heads, and rows that no other band shares a cell with.
#include "attnscope/attention_map.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "attnscope/layer_accumulator.h"
#include "attnscope/limits.h"
#include "kernels/accumulator/logit_blocks.h"
#include "kernels/accumulator/run_tasks.h"
#include "kernels/accumulator/view_checks.h"
#include "kernels/maps/pool_row.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/view_rows.h"

namespace attnscope {
namespace {

// Rows [first_row, end_row) of heads [first_head, end_head) of a view.
struct Band {
  size_t first_head = 0;
  size_t end_head = 0;
  size_t first_row = 0;
  size_t end_row = 0;
};

// The cells of all heads of a call.
class Cells {
 public:
  Cells(std::span<AttentionMap> maps, size_t first_query) : maps_(maps), first_query_(first_query) {}

  // Where a row of the view belongs.
  CellRow RowOf(size_t head, size_t row) const {
    AttentionMap& map = maps_[head];
    const size_t of_cells = CellOf(first_query_ + row, map.rows, map.queries);
    return {map.cells.data() + of_cells * map.columns, map.columns, map.keys};
  }

  // The work of `heads` heads, `heads_each` of which stay together, and `queries` rows, for so many tasks at once. Each
  // of the bands has the rows of some rows of cells.
  std::vector<Band> BandsOf(size_t queries, size_t heads_each, size_t tasks) const {
    const AttentionMap& map = maps_[0];
    const size_t groups = maps_.size() / heads_each;
    const size_t first = CellOf(first_query_, map.rows, map.queries);
    const size_t end = CellOf(first_query_ + queries - 1, map.rows, map.queries) + 1;
    const size_t of_group = std::min(end - first, (tasks + groups - 1) / groups);
    const auto row_of = [&](size_t cell) {
      const size_t row = std::max(FirstOfCell(cell, map.rows, map.queries), first_query_) - first_query_;
      return std::min(row, queries);
    };
    std::vector<Band> bands;
    for (size_t group = 0; group < groups; ++group) {
      for (size_t i = 0; i < of_group; ++i) {
        bands.push_back({group * heads_each, (group + 1) * heads_each,
                         row_of(first + FirstOfCell(i, of_group, end - first)),
                         row_of(first + FirstOfCell(i + 1, of_group, end - first))});
      }
    }
    return bands;
  }

 private:
  std::span<AttentionMap> maps_;
  size_t first_query_;
};

Status NoMemory() { return {StatusCode::kOutOfMemory, "no memory for the scratch of maps"}; }

std::string SizeText(const AttentionMap& map) {
  return std::to_string(map.rows) + " x " + std::to_string(map.columns) + " of " + std::to_string(map.queries) +
         " queries and " + std::to_string(map.keys) + " keys";
}

Status CheckMap(const AttentionMap& map, const std::string& name) {
  const bool fits = map.rows <= map.queries && map.columns <= map.keys && (map.rows == 0) == (map.queries == 0) &&
                    (map.columns == 0) == (map.keys == 0) && map.rows <= kMaxMapCells && map.columns <= kMaxMapCells &&
                    map.queries <= kMaxQueries && map.keys <= kMaxKeys;
  if (!fits) return {StatusCode::kInvalidArgument, name + " is " + SizeText(map) + ", which is no map"};
  if (map.cells.size() == map.rows * map.columns) return {};
  return {StatusCode::kInvalidArgument,
          name + " is " + SizeText(map) + ", but has " + std::to_string(map.cells.size()) + " cells"};
}

template <typename View>
Status CheckMaps(const View& view, size_t first_query, std::span<const AttentionMap> maps) {
  if (maps.size() != view.heads) {
    return {StatusCode::kInvalidArgument,
            "maps are " + std::to_string(maps.size()) + ", for a view of " + std::to_string(view.heads) + " heads"};
  }
  for (size_t i = 0; i < maps.size(); ++i) {
    const std::string name = "maps[" + std::to_string(i) + "]";
    if (Status status = CheckMap(maps[i], name); !status.ok()) return status;
    if (SizeText(maps[i]) == SizeText(maps[0])) continue;
    return {StatusCode::kInvalidArgument, name + " is " + SizeText(maps[i]) + ", but maps[0] is " + SizeText(maps[0])};
  }
  if (maps.empty()) return {};
  if (first_query > maps[0].queries || view.queries > maps[0].queries - first_query) {
    return {StatusCode::kOutOfRange, "queries " + std::to_string(first_query) + " to " + std::to_string(first_query) +
                                         " + " + std::to_string(view.queries) + " are beyond the " +
                                         std::to_string(maps[0].queries) + " of the maps"};
  }
  if (view.keys <= maps[0].keys) return {};
  return {StatusCode::kOutOfRange,
          "keys are " + std::to_string(view.keys) + ", more than the " + std::to_string(maps[0].keys) + " of the maps"};
}

// Anything that a view may be: what follows from an accumulator's size is no concern here.
LayerConfig AnyConfig() {
  LayerConfig config;
  config.heads = kMaxHeads;
  config.max_batch = kMaxBatch;
  config.max_keys = kMaxKeys;
  return config;
}

template <typename View>
View AtOrigin(const View& view) {
  View moved = view;
  moved.first_head = moved.first_sequence = 0;
  return moved;
}

template <typename View>
bool IsEmpty(const View& view) {
  return view.batch == 0 || view.heads == 0 || view.queries == 0 || view.keys == 0;
}

// Runs `work(band, task)` for all bands, of which one task does several.
template <typename Work>
void RunBands(const std::vector<Band>& bands, size_t tasks, const Runner& runner, const Work& work) {
  auto run = [&](size_t task) {
    for (size_t i = task; i < bands.size(); i += tasks) work(bands[i], task);
  };
  RunTasks(runner, tasks, run);
}

// One band of rows of logits, or of queries and keys.
class LogitPooler {
 public:
  static bool Allocate(size_t keys, LogitPooler* out) {
    out->seen_ = AllocateUnsetBuffer<uint8_t>(keys);
    return out->seen_ != nullptr && out->scratch_.Allocate(keys);
  }

  void Pool(const LogitSource& source, const Band& band, const Cells& cells) {
    for (size_t sequence = 0; sequence < source.shape().batch; ++sequence) {
      const RowChunks chunks({sequence, band.first_head, band.end_head, band.first_row, band.end_row},
                             source.RowsAtOnce(LogitScratch::Rows(source.shape().keys)));
      for (size_t i = 0; i < chunks.size(); ++i) {
        const RowChunk chunk = chunks[i];
        const PreparedChunk prepared(source, chunk, scratch_);
        for (size_t head = 0; head < chunk.num_heads; ++head) {
          for (size_t row = 0; row < chunk.num_rows; row += kRowsPerBlock) PoolBlock(prepared, head, row, cells);
        }
      }
    }
  }

 private:
  void PoolBlock(const PreparedChunk& prepared, size_t head, size_t first, const Cells& cells) {
    const RowChunk& chunk = prepared.chunk;
    const RowRange range = MakeWeights(prepared, head, first, kAnyRules);
    for (size_t row = 0; row < range.rows; ++row) {
      const KeyRange keys = range.visible.Range(row);
      if (keys.empty()) continue;
      std::memset(seen_.get() + keys.begin, 0, keys.size());
      const bool by_value = MarkSeen(prepared, head, first, range, row, seen_.get());
      const bool all_seen = !range.visible.by_key() && !by_value;
      auto* weights = const_cast<float*>(static_cast<const float*>(range.Element(row, keys.begin)));
      // Every key of such a row has no weight that could be told.
      if (!range.softmax[row].valid) std::fill_n(weights, keys.size(), std::numeric_limits<float>::quiet_NaN());
      PoolRow(weights, ElementType::kFloat32, keys, all_seen ? nullptr : seen_.get() + keys.begin,
              cells.RowOf(chunk.first_head + head, chunk.first_row + first + row));
    }
  }

  static constexpr RowRules kAnyRules = {};  // rows are not measured

  LogitScratch scratch_;
  AlignedBuffer<uint8_t> seen_;  // [keys]
};

Status PoolSource(const LogitSource& source, size_t first_query, std::span<AttentionMap> maps, const Runner& runner) {
  try {
    const Cells cells(maps, first_query);
    const std::vector<Band> bands =
        cells.BandsOf(source.shape().queries, source.heads_per_group(), TasksAtOnce(runner));
    std::vector<LogitPooler> poolers(std::min(bands.size(), TasksAtOnce(runner)));
    for (LogitPooler& pooler : poolers) {
      if (!LogitPooler::Allocate(source.shape().keys, &pooler)) return NoMemory();
    }
    RunBands(bands, poolers.size(), runner,
             [&](const Band& band, size_t task) { poolers[task].Pool(source, band, cells); });
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  return {};
}

void PoolBand(const AttentionView& view, const Visibility& visibility, const Band& band, const Cells& cells,
              uint8_t* scratch) {
  for (size_t sequence = 0; sequence < view.batch; ++sequence) {
    for (size_t head = band.first_head; head < band.end_head; ++head) {
      const RowRange range = RowsOf(view, visibility, sequence, head);
      for (size_t row = band.first_row; row < band.end_row; ++row) {
        const KeyRange keys = range.visible.Range(row);
        if (keys.empty()) continue;
        const uint8_t* shown = range.visible.by_key() ? range.visible.Show(row, keys, scratch) : nullptr;
        PoolRow(range.Element(row, keys.begin), view.type, keys, shown, cells.RowOf(head, row));
      }
    }
  }
}

}  // namespace

AttentionMap MakeAttentionMap(int64_t layer, int64_t head, size_t queries, size_t keys, size_t most_cells) {
  AttentionMap map = {.layer = layer, .head = head, .queries = queries, .keys = keys, .cells = {}};
  const size_t most = std::clamp<size_t>(most_cells, 1, kMaxMapCells);
  map.rows = std::min(queries, most);
  map.columns = std::min(keys, most);
  map.cells.assign(map.rows * map.columns, kHiddenCell);
  return map;
}

Status PoolWeights(const AttentionView& weights, size_t first_query, const Visibility& visibility,
                   std::span<AttentionMap> maps, const Runner& runner) {
  const AttentionView view = AtOrigin(weights);
  Status status = CheckMaps(view, first_query, maps);
  if (status.ok()) status = CheckAttention(AnyConfig(), view, visibility);
  if (!status.ok() || IsEmpty(view)) return status;
  try {
    const Cells cells(maps, first_query);
    const std::vector<Band> bands = cells.BandsOf(view.queries, 1, TasksAtOnce(runner));
    const size_t tasks = std::min(bands.size(), TasksOfMatrices(runner));
    const bool by_key = visibility.key_mask.data != nullptr || visibility.key_positions != nullptr;
    std::vector<AlignedBuffer<uint8_t>> shown(tasks);
    for (AlignedBuffer<uint8_t>& buffer : shown) {
      if (by_key) buffer = AllocateUnsetBuffer<uint8_t>(view.keys);
      if (by_key && buffer == nullptr) return NoMemory();
    }
    RunBands(bands, tasks, runner,
             [&](const Band& band, size_t task) { PoolBand(view, visibility, band, cells, shown[task].get()); });
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  return {};
}

Status PoolLogits(const AttentionView& logits, size_t first_query, const SoftmaxParams& params,
                  std::span<AttentionMap> maps, const Runner& runner) {
  const AttentionView view = AtOrigin(logits);
  Status status = CheckMaps(view, first_query, maps);
  if (status.ok()) status = CheckLogits(AnyConfig(), view, params);
  if (!status.ok() || IsEmpty(view)) return status;
  return PoolSource(LogitViewSource(view, params), first_query, maps, runner);
}

Status PoolQueriesKeys(const QueryKeyView& view, size_t first_query, const SoftmaxParams& params,
                       std::span<AttentionMap> maps, const Runner& runner) {
  const QueryKeyView moved = AtOrigin(view);
  Status status = CheckMaps(moved, first_query, maps);
  if (status.ok()) status = CheckQueriesKeys(AnyConfig(), moved, params);
  if (!status.ok() || IsEmpty(moved)) return status;
  return PoolSource(QueryKeySource(moved, params), first_query, maps, runner);
}

}  // namespace attnscope
