// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/share.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "attnscope/limits.h"
#include "tools/analysis/tensor_choice.h"

namespace attnscope::tools {
namespace {

constexpr double kEvenEnough = 1.25;  // most work of one share over the mean, for whole files or layers
constexpr double kSnap = 1.0 / 16;    // of a share
// Cuts between such blocks of rows leave every sum as one process has it, but for the order of adding float64.
constexpr auto kRowBlock = static_cast<double>(kRowsPerBlock);

// What the dealing may not take apart, or only by rows: a sequence of a part, a mean matrix, or a residual stream.
struct Unit {
  int64_t layer;
  bool is_residual;
  size_t part;      // of the layer's attention or residuals
  size_t sequence;  // the first
  size_t sequences;
  size_t rows;
  double cost;  // elements to read
  bool can_cut;
  size_t file;  // index into the plan's files
};

std::vector<Unit> UnitsOf(const Plan& plan, bool mean_matrix) {
  std::map<const TensorFile*, size_t> files;
  for (size_t i = 0; i < plan.files.size(); ++i) files[plan.files[i].get()] = i;
  std::vector<Unit> units;
  for (const auto& [index, layer] : plan.layers) {
    for (size_t p = 0; p < layer.attention.size(); ++p) {
      const AttentionPart& part = layer.attention[p];
      const size_t step = mean_matrix ? part.batch : 1;
      const bool can_cut = !mean_matrix || layer.attention.size() == 1;
      const size_t file = files[part.source.file];
      for (size_t sequence = 0; sequence < part.batch; sequence += step) {
        const auto cost =
            static_cast<double>(part.size()) * static_cast<double>(step) / static_cast<double>(part.batch);
        units.push_back({index, false, p, sequence, step, part.queries, cost, can_cut, file});
      }
    }
    for (size_t p = 0; p < layer.residuals.size(); ++p) {
      const ResidualPart& part = layer.residuals[p];
      const auto cost = static_cast<double>(part.size());
      units.push_back({index, true, p, 0, part.batch, 1, cost, false, files[part.before.file]});
    }
  }
  return units;
}

// Appends rows of a unit to a share; whole sequences that follow one another become one item.
void Take(const Unit& unit, size_t first_row, size_t rows, std::optional<size_t> open, LayerShare* layer) {
  if (unit.is_residual) {
    layer->residuals.push_back(unit.part);
    return;
  }
  if (!layer->items.empty() && !open.has_value()) {
    ShareItem& last = layer->items.back();
    if (!last.open.has_value() && last.part == unit.part && last.first_sequence + last.sequences == unit.sequence) {
      last.sequences += unit.sequences;
      return;
    }
  }
  layer->items.push_back({unit.part, unit.sequence, unit.sequences, first_row, rows, open});
}

// The share of each group of units (a file, a layer), and the most that a share has to do.
struct Dealt {
  std::vector<size_t> owners;  // of each unit
  double most = 0.0;
};

Dealt DealGroups(const std::vector<Unit>& units, const std::vector<size_t>& groups, size_t count) {
  std::map<size_t, double> costs;
  for (size_t i = 0; i < units.size(); ++i) costs[groups[i]] += units[i].cost;
  std::vector<std::pair<size_t, double>> sorted(costs.begin(), costs.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::map<size_t, size_t> owner_of;
  std::multimap<double, size_t> loads = {{0.0, 0}};  // those with the same load in the order of their index
  for (size_t i = 1; i < std::min(count, sorted.size()); ++i) loads.emplace(0.0, i);
  Dealt dealt;
  for (const auto& [group, cost] : sorted) {
    const auto [load, owner] = *loads.begin();
    loads.erase(loads.begin());
    loads.emplace(load + cost, owner);
    owner_of[group] = owner;
    dealt.most = std::max(dealt.most, load + cost);
  }
  for (const size_t group : groups) dealt.owners.push_back(owner_of[group]);
  return dealt;
}

std::vector<size_t> GroupsOf(const std::vector<Unit>& units, ShareBy by) {
  std::vector<size_t> groups;
  groups.reserve(units.size());
  for (const Unit& unit : units) groups.push_back(by == ShareBy::kFiles ? unit.file : static_cast<size_t>(unit.layer));
  return groups;
}

// Where a share begins: at a row of a unit.
struct Border {
  size_t unit = 0;
  size_t row = 0;
};

// The borders of all shares, the end of the last one included.
std::vector<Border> BordersOf(const std::vector<Unit>& units, double total, size_t count) {
  const double share = total / static_cast<double>(count);
  std::vector<Border> borders = {{0, 0}};
  size_t unit = 0;
  double begin = 0.0;
  for (size_t i = 1; i < count; ++i) {
    const double target = share * static_cast<double>(i);
    while (unit < units.size() && begin + units[unit].cost <= target) begin += units[unit++].cost;
    if (unit == units.size()) {
      borders.push_back({unit, 0});
      continue;
    }
    const Unit& cut = units[unit];
    const double before = target - begin;
    const double after = cut.cost - before;
    if (!cut.can_cut || std::min(before, after) <= kSnap * share) {
      borders.push_back({before <= after ? unit : unit + 1, 0});
      continue;
    }
    const double row_cost = cut.cost / static_cast<double>(cut.rows);
    const auto row = static_cast<size_t>(std::floor(before / row_cost / kRowBlock + 0.5) * kRowBlock);
    borders.push_back(row < cut.rows ? Border{unit, row} : Border{unit + 1, 0});
  }
  borders.push_back({units.size(), 0});
  return borders;
}

void DealRows(const Plan& plan, const std::vector<Unit>& units, double total, const ShareOptions& options, Share* out) {
  const std::vector<Border> borders = BordersOf(units, total, options.count);
  std::vector<bool> is_cut(units.size(), false);
  for (const Border& border : borders) {
    if (border.row > 0) is_cut[border.unit] = true;
  }
  const Border first = borders[options.index];
  const Border last = borders[options.index + 1];
  for (size_t i = 0; i < units.size(); ++i) {
    const Unit& unit = units[i];
    LayerShare& layer = out->layers[unit.layer];
    std::optional<size_t> open;
    if (is_cut[i]) {
      open = layer.open.size();
      layer.open.push_back({unit.rows, plan.layers.at(unit.layer).attention[unit.part].keys});
    } else if (!unit.is_residual) {
      layer.has_whole = true;
    }
    const size_t begin = i < first.unit ? unit.rows : i == first.unit ? first.row : 0;
    const size_t end = i < last.unit ? unit.rows : i == last.unit ? last.row : 0;
    if (begin < end) Take(unit, begin, end - begin, open, &layer);
  }
}

void DealWhole(const std::vector<Unit>& units, const std::vector<size_t>& owners, size_t index, Share* out) {
  for (size_t i = 0; i < units.size(); ++i) {
    LayerShare& layer = out->layers[units[i].layer];
    layer.has_whole |= !units[i].is_residual;
    if (owners[i] == index) Take(units[i], 0, units[i].rows, std::nullopt, &layer);
  }
}

// Files that are pieces of rows: every sequence is open.
void OpenAll(const Plan& plan, const std::vector<Unit>& units, const Pieces& pieces, Share* out) {
  for (const Unit& unit : units) {
    LayerShare& layer = out->layers[unit.layer];
    std::optional<size_t> open;
    if (!unit.is_residual) {
      open = layer.open.size();
      layer.open.push_back({pieces.all_rows, plan.layers.at(unit.layer).attention[unit.part].keys});
    }
    Take(unit, 0, unit.rows, open, &layer);
  }
}

std::string RangeText(size_t first, size_t size, size_t all) {
  return std::to_string(first) + " to " + std::to_string(first + size - 1) + " of " + std::to_string(all);
}

Status CheckPieces(const Plan& plan, const ShareOptions& options) {
  const Pieces& pieces = options.pieces;
  for (const auto& [index, layer] : plan.layers) {
    for (const AttentionPart& part : layer.attention) {
      if (pieces.all_rows != 0 && pieces.first_row + part.queries > pieces.all_rows) {
        return Invalid("--rows: " + part.source.Describe() + " would be rows " +
                       RangeText(pieces.first_row, part.queries, pieces.all_rows));
      }
      if (pieces.all_heads != 0 && pieces.first_head + part.heads > pieces.all_heads) {
        return Invalid("--heads: " + part.source.Describe() + " would be heads " +
                       RangeText(pieces.first_head, part.heads, pieces.all_heads));
      }
    }
    if (pieces.all_rows != 0 && options.mean_matrix && layer.attention.size() > 1) {
      return Invalid("--rows with --mean-matrix: layer " + std::to_string(index) + " has " +
                     std::to_string(layer.attention.size()) + " tensors, but only one mean matrix can be open");
    }
  }
  return {};
}

}  // namespace

std::string_view NameOf(ShareBy by) {
  constexpr std::string_view kNames[] = {"auto", "files", "layers", "rows"};
  return kNames[static_cast<size_t>(by)];
}

Status MakeShare(const Plan& plan, const ShareOptions& options, Share* out) {
  if (Status status = CheckPieces(plan, options); !status.ok()) return status;
  Share share;
  const std::vector<Unit> units = UnitsOf(plan, options.mean_matrix);
  if (options.pieces.all_rows != 0) {
    share.by = ShareBy::kRows;
    OpenAll(plan, units, options.pieces, &share);
    *out = std::move(share);
    return {};
  }
  const double total =
      std::accumulate(units.begin(), units.end(), 0.0, [](double sum, const Unit& unit) { return sum + unit.cost; });
  share.by = ShareBy::kRows;
  for (const ShareBy by : {ShareBy::kFiles, ShareBy::kLayers}) {
    if (options.by != by && options.by != ShareBy::kAuto) continue;
    const Dealt dealt = DealGroups(units, GroupsOf(units, by), options.count);
    if (options.by == ShareBy::kAuto && dealt.most > kEvenEnough * total / static_cast<double>(options.count)) continue;
    share.by = by;
    DealWhole(units, dealt.owners, options.index, &share);
    break;
  }
  if (share.by == ShareBy::kRows) DealRows(plan, units, total, options, &share);
  *out = std::move(share);
  return {};
}

size_t ShareSize(const Plan& plan, const Share& share) {
  size_t size = 0;
  for (const auto& [index, layer] : share.layers) {
    const LayerPlan& planned = plan.layers.at(index);
    for (const ShareItem& item : layer.items) {
      const AttentionPart& part = planned.attention[item.part];
      size += item.sequences * part.heads * item.rows * part.keys;
    }
    for (const size_t residual : layer.residuals) size += planned.residuals[residual].size();
  }
  return size;
}

}  // namespace attnscope::tools
