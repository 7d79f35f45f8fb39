// SPDX-License-Identifier: Apache-2.0
//
// Which states belong together, and whether all are there.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "kernels/accumulator/state_layout.h"
#include "kernels/top_k/top_k_checks.h"
#include "tools/analysis/tensor_choice.h"
#include "tools/state/saved_state.h"

namespace attnscope::tools {
namespace {

std::string Text(bool value) { return value ? "yes" : "no"; }
std::string Text(double value) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}
std::string Text(const std::string& value) { return value.empty() ? "none" : value; }
std::string Text(const std::optional<int64_t>& value) { return value.has_value() ? std::to_string(*value) : "none"; }

std::string Text(const TopKValues& top_k) { return TextOf(top_k); }

std::string Text(const std::vector<OpenSequence>& open) {
  std::string text = std::to_string(open.size()) + " open sequences";
  for (size_t i = 0; i < std::min<size_t>(open.size(), 4); ++i) {
    text += (i == 0 ? " of " : ", ") + std::to_string(open[i].queries) + " x " + std::to_string(open[i].keys);
  }
  return text;
}

Status Differ(const std::string& what, const std::string& name_a, const std::string& a, const std::string& name_b,
              const std::string& b) {
  return Invalid("cannot merge " + name_a + " and " + name_b + ": " + what + " is " + a + " in the first and " + b +
                 " in the second");
}

void AddUp(const std::vector<double>& from, std::vector<double>* to) {
  if (to->size() < from.size()) to->resize(from.size(), 0.0);
  for (size_t i = 0; i < from.size(); ++i) (*to)[i] += from[i];
}

// Both lists are ascending; so is the result.
std::vector<OpenMatrix> MergeMatrices(std::vector<OpenMatrix> a, std::vector<OpenMatrix> b) {
  const auto place = [](const OpenMatrix& matrix) { return std::pair(matrix.sequence, matrix.head); };
  std::vector<OpenMatrix> merged;
  size_t next = 0;
  for (OpenMatrix& matrix : a) {
    while (next < b.size() && place(b[next]) < place(matrix)) merged.push_back(std::move(b[next++]));
    if (next < b.size() && place(b[next]) == place(matrix)) {
      const OpenMatrix& other = b[next++];
      AddUp(other.row_sums, &matrix.row_sums);
      AddUp(other.columns, &matrix.columns);
      AddUp(other.partial, &matrix.partial);
      for (size_t i = 0; i < kNumOpenMaxima; ++i) matrix.maxima[i] = std::max(matrix.maxima[i], other.maxima[i]);
    }
    merged.push_back(std::move(matrix));
  }
  for (; next < b.size(); ++next) merged.push_back(std::move(b[next]));
  return merged;
}

std::string KindText(const std::optional<AttentionKind>& kind) {
  if (!kind.has_value()) return "no attention";
  return *kind == AttentionKind::kWeights ? "weights" : *kind == AttentionKind::kLogits ? "logits" : "queries and keys";
}

// "3, 5 and 1 more"; at most a few.
std::string ListText(const std::vector<size_t>& numbers) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(numbers.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  }
  return numbers.size() > kShown ? text + " and " + std::to_string(numbers.size() - kShown) + " more" : text;
}

// Rows that open sequences still lack, or nothing.
std::string MissingRows(const SavedLayer& layer) {
  auto matrix = layer.matrices.begin();
  for (size_t sequence = 0; sequence < layer.open.size(); ++sequence) {
    for (size_t head = 0; head < layer.heads; ++head) {
      double rows = 0.0;
      if (matrix != layer.matrices.end() && matrix->sequence == sequence && matrix->head == head) {
        rows = NumRows(matrix->row_sums.data());
        ++matrix;
      }
      if (rows < static_cast<double>(layer.open[sequence].queries)) {
        return "layer " + std::to_string(layer.layer) + ", sequence " + std::to_string(sequence) + ", head " +
               std::to_string(head) + " has " + std::to_string(static_cast<size_t>(rows)) + " of " +
               std::to_string(layer.open[sequence].queries) + " rows";
      }
    }
  }
  return "";
}

// Every tensor has all heads of its layer, unless files are pieces of heads: then they must have the same rows.
std::string MissingHeads(const SavedLayer& layer) {
  const StateLayout layout(layer.heads, 1, 0);
  const auto rows = [&](size_t head) { return NumRows(layer.sums.data() + layout.HeadSums(head)); };
  for (size_t head = 1; head < layer.heads; ++head) {
    if (rows(head) == rows(0)) continue;
    return "layer " + std::to_string(layer.layer) + " has " + std::to_string(static_cast<size_t>(rows(0))) +
           " rows of head 0, but " + std::to_string(static_cast<size_t>(rows(head))) + " of head " +
           std::to_string(head);
  }
  return "";
}

}  // namespace

Status StateMerger::CheckSettings(const std::string& name, const StateSettings& settings) const {
  const StateSettings& ours = state_.settings;
  const auto differ = [&](const std::string& what, const auto& a, const auto& b) {
    return a == b ? Status() : Differ(what, first_, Text(a), name, Text(b));
  };
  Status status = differ("--causal", ours.causal, settings.causal);
  if (status.ok()) status = differ("what is said of rows", ours.row_options, settings.row_options);
  if (status.ok()) status = differ("--mean-matrix", ours.mean_matrix, settings.mean_matrix);
  if (status.ok()) status = differ("--scale", ours.scale, settings.scale);
  if (status.ok()) status = differ("--soft-cap", ours.soft_cap, settings.soft_cap);
  if (status.ok()) status = differ("float32 tolerance", ours.tolerance_float32, settings.tolerance_float32);
  if (status.ok()) status = differ("half tolerance", ours.tolerance_half, settings.tolerance_half);
  if (status.ok()) status = differ("saturation bound", ours.saturation_bound, settings.saturation_bound);
  if (status.ok()) status = differ("--top-k", ours.top_k, settings.top_k);
  if (status.ok()) status = differ("--epoch", ours.epoch, settings.epoch);
  if (status.ok()) status = differ("--stage", ours.stage, settings.stage);
  return status;
}

Status StateMerger::AddShares(const std::string& name, const SavedState& state) {
  if (state.share_count == 0) return {};
  if (first_share_.empty()) {
    first_share_ = name;
    state_.share_count = state.share_count;
    state_.share_by = state.share_by;
  }
  if (state.share_count != state_.share_count) {
    return Differ("the number of shares", first_share_, std::to_string(state_.share_count), name,
                  std::to_string(state.share_count));
  }
  if (state.share_by != state_.share_by) {
    return Differ("the manner of sharing", first_share_, std::string(NameOf(state_.share_by)), name,
                  std::string(NameOf(state.share_by)));
  }
  for (const size_t share : state.shares) {
    const auto [entry, is_new] = share_of_.emplace(share, name);
    if (!is_new) {
      return Invalid("cannot merge " + entry->second + " and " + name + ": share " + std::to_string(share) + " of " +
                     std::to_string(state.share_count) + " is in both");
    }
  }
  state_.shares.clear();
  for (const auto& [share, path] : share_of_) state_.shares.push_back(share);
  return {};
}

Status StateMerger::AddLayer(const std::string& name, SavedLayer layer) {
  const auto place = std::lower_bound(state_.layers.begin(), state_.layers.end(), layer.layer,
                                      [](const SavedLayer& a, int64_t index) { return a.layer < index; });
  if (place == state_.layers.end() || place->layer != layer.layer) {
    layer_of_[layer.layer] = name;
    state_.layers.insert(place, std::move(layer));
    return {};
  }
  const std::string& other = layer_of_[layer.layer];
  const std::string of_layer = " of layer " + std::to_string(layer.layer);
  if (layer.kind.has_value() && place->kind.has_value()) {
    if (layer.model_heads != place->model_heads) {
      return Differ("the number of heads" + of_layer, other, std::to_string(place->model_heads), name,
                    std::to_string(layer.model_heads));
    }
    if (layer.kind != place->kind) {
      return Differ("what was measured" + of_layer, other, KindText(place->kind), name, KindText(layer.kind));
    }
  }
  if (!layer.open.empty() && !place->open.empty() && layer.open != place->open) {
    return Differ("the shape" + of_layer, other, Text(place->open), name, Text(layer.open));
  }
  if (!place->kind.has_value()) {  // residual streams alone have one head, which is empty
    std::swap(*place, layer);
  }
  if (place->open.empty()) place->open = layer.open;
  for (size_t i = 0; i < std::min(layer.sums.size(), place->sums.size()); ++i) place->sums[i] += layer.sums[i];
  for (size_t i = 0; i < std::min(layer.maxima.size(), place->maxima.size()); ++i) {
    place->maxima[i] = std::max(place->maxima[i], layer.maxima[i]);
  }
  place->matrices = MergeMatrices(std::move(place->matrices), std::move(layer.matrices));
  for (const OpenMatrix& matrix : place->matrices) {
    const double rows = NumRows(matrix.row_sums.data());
    if (rows <= static_cast<double>(place->open[matrix.sequence].queries)) continue;
    std::string message = "cannot merge ";
    message.append(other).append(" and ").append(name).append(": sequence ").append(std::to_string(matrix.sequence));
    message.append(of_layer).append(" would have ").append(std::to_string(static_cast<size_t>(rows))).append(" of ");
    message.append(std::to_string(place->open[matrix.sequence].queries)).append(" rows: some are in both");
    return Invalid(message);
  }
  return {};
}

Status StateMerger::Add(const std::string& name, SavedState state) {
  if (first_.empty()) {
    first_ = name;
    state_.settings = state.settings;
    state_.contents = state.contents;
  }
  Status status = CheckSettings(name, state.settings);
  if (status.ok()) status = AddShares(name, state);
  state_.contents.KeepCommon(state.contents);
  for (SavedLayer& layer : state.layers) {
    if (status.ok()) status = AddLayer(name, std::move(layer));
  }
  return status;
}

std::string StateMerger::Missing() const {
  std::vector<size_t> shares;
  for (size_t share = 0; share < state_.share_count; ++share) {
    if (!share_of_.contains(share)) shares.push_back(share);
  }
  if (!shares.empty()) {
    return (shares.size() == 1 ? "share " : "shares ") + ListText(shares) + " of " + std::to_string(state_.share_count);
  }
  for (const SavedLayer& layer : state_.layers) {
    std::string missing = MissingRows(layer);
    if (missing.empty()) missing = MissingHeads(layer);
    if (!missing.empty()) return missing;
  }
  return "";
}

Status StateMerger::Take(SavedState* out) {
  if (Missing().empty()) {
    for (SavedLayer& layer : state_.layers) {
      if (Status status = EndSequences(&layer); !status.ok()) return status;
    }
    state_.share_count = 0;
    state_.share_by = ShareBy::kAuto;
    state_.shares.clear();
  }
  *out = std::move(state_);
  return {};
}

}  // namespace attnscope::tools
