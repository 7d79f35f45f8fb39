// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/weight_notes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/row_visibility.h"
#include "tools/files/float32.h"

namespace attnscope::tools {
namespace {

// Elements of a layer that one question may look at.
constexpr int64_t kBudget = int64_t{1} << 24;
// Keys behind the diagonal that must be zero to be a triangle.
constexpr size_t kLeastTriangle = 3;

// One row of one head.
class WeightRow {
 public:
  WeightRow(const AttentionView& view, size_t sequence, size_t head, size_t row)
      : bytes_(ElementBytes(view.type)),
        data_(static_cast<const uint8_t*>(view.data) +
              (static_cast<int64_t>(sequence) * view.batch_stride + static_cast<int64_t>(head) * view.head_stride +
               static_cast<int64_t>(row) * view.query_stride) *
                  static_cast<int64_t>(bytes_)) {}

  // Not zero of either sign.
  bool HasWeight(size_t key) const {
    if (bytes_ == sizeof(uint16_t)) return (Bits<uint16_t>(key) & 0x7FFF) != 0;
    return (Bits<uint32_t>(key) & 0x7FFFFFFF) != 0;
  }
  float At(ElementType type, size_t key) const {
    if (type == ElementType::kFloat32) return Bits<float>(key);
    return type == ElementType::kFloat16 ? WidenHalf(Bits<uint16_t>(key)) : WidenBFloat(Bits<uint16_t>(key));
  }
  // The first of keys [begin, end) that has weight, or end.
  size_t First(size_t begin, size_t end) const {
    while (begin < end && !HasWeight(begin)) ++begin;
    return begin;
  }
  // Behind the last of keys [begin, end) that has weight, or begin.
  size_t EndOfLast(size_t begin, size_t end) const {
    while (end > begin && !HasWeight(end - 1)) --end;
    return end;
  }

 private:
  template <typename T>
  T Bits(size_t key) const {
    T bits;
    std::memcpy(&bits, data_ + key * bytes_, sizeof(bits));
    return bits;
  }

  size_t bytes_;
  const uint8_t* data_;
};

// Whether `shown`, which is null or of the keys of the range, leaves nothing of it.
bool SeesNothing(const KeyRange& range, const uint8_t* shown) {
  return range.empty() ||
         (shown != nullptr && std::all_of(shown, shown + range.size(), [](uint8_t is_shown) { return is_shown == 0; }));
}

// The first of `keys` keys that has weight and is not seen, or `keys`.
size_t FirstUnseen(const WeightRow& row, size_t keys, const KeyRange& range, const uint8_t* shown) {
  const size_t before = row.First(0, range.begin);
  if (before < range.begin) return before;
  for (size_t i = 0; shown != nullptr && i < range.size(); ++i) {
    if (shown[i] == 0 && row.HasWeight(range.begin + i)) return range.begin + i;
  }
  return row.First(range.end, keys);
}

RowVisibility VisibilityOf(const NotedBlock& block, size_t sequence) {
  return {*block.visibility, block.weights->queries, block.weights->keys, sequence, 0};
}

std::string Place(const NotedBlock& block, size_t sequence) {
  return "layer " + std::to_string(block.layer) + ", sequence " + std::to_string(block.first_sequence + sequence);
}

std::string KeysText(size_t begin, size_t end) {
  return end - begin == 1 ? "key " + std::to_string(begin)
                          : "keys " + std::to_string(begin) + " to " + std::to_string(end - 1);
}

// Whether anything but lengths was said.
bool HasShape(const Visibility& visibility) {
  return visibility.causal || visibility.window > 0 || visibility.segments != nullptr;
}

// The options that limit what rows see, for a message.
std::string OptionsText(const Visibility& visibility) {
  std::string text;
  const auto add = [&text](bool is_set, const char* option) {
    if (is_set) text += (text.empty() ? "" : ", ") + std::string(option);
  };
  add(visibility.causal, "--causal");
  add(visibility.window > 0, visibility.window_kind == WindowKind::kChunked ? "--chunked" : "--window");
  add(visibility.key_lengths != nullptr, "--key-lengths");
  add(visibility.first_keys != nullptr, "--first-keys");
  add(visibility.segments != nullptr, "--segments");
  add(visibility.key_mask.data != nullptr && visibility.key_mask.key_stride != 0, "--mask");
  return text;
}

}  // namespace

void WeightNotes::BeginLayer(int64_t layer) {
  if (layer == layer_) return;
  EndLayer();
  layer_ = layer;
  padding_budget_ = behind_budget_ = outside_budget_ = window_budget_ = logit_budget_ = kBudget;
}

void WeightNotes::Look(const NotedBlock& block) {
  BeginLayer(block.layer);
  for (size_t sequence = 0; sequence < block.weights->batch; ++sequence) {
    LookForPadding(block, sequence);
    if (!HasShape(*block.visibility)) LookBehindDiagonal(block, sequence);
    LookForWindow(block, sequence);
    LookOutside(block, sequence);
  }
}

std::vector<std::string> WeightNotes::Finish() {
  EndLayer();
  std::vector<std::string> lines;
  for (const Finding& finding : {padding_, triangle_, window_, documents_, outside_, probabilities_}) {
    if (finding.layers == 0) continue;
    const size_t more = finding.layers - 1;
    lines.push_back(finding.first);
    if (more > 0) lines.back() += " (and " + std::to_string(more) + (more == 1 ? " more layer)" : " more layers)");
  }
  return lines;
}

void WeightNotes::EndLayer() {
  if (has_weight_ && !has_behind_ && behind_ >= kLeastTriangle) {
    Add(layer_,
        "layer " + std::to_string(layer_) +
            ": no query gives any weight to the keys behind it; if it may not see them, --causal says so",
        &triangle_);
  }
  EndWindow();
  constexpr size_t kLeastRows = 8;
  if (!has_logits_ && probability_rows_ >= kLeastRows) {
    Add(layer_,
        "layer " + std::to_string(layer_) +
            ": the logits of each row are from 0 to 1 and sum to 1; if these are weights, they are a FILE, without "
            "--logits",
        &probabilities_);
  }
  has_logits_ = false;
  probability_rows_ = 0;
  has_weight_ = has_behind_ = is_whole_ = false;
  behind_ = 0;
}

void WeightNotes::Reach::Add(size_t reach, size_t possible) {
  if (reach > most) at_most = 0;
  most = std::max(most, reach);
  if (reach == possible) return;
  ++cut;
  if (reach == most) ++at_most;
}

// Padding, chunks and rows that are sharp by themselves end at other distances.
bool WeightNotes::Reach::IsOfWindow() const {
  constexpr size_t kLeastRows = 16;
  return most >= 1 && cut >= kLeastRows && at_most >= cut - cut / 16;
}

void WeightNotes::Blocks::Add(size_t own, size_t begin) {
  if (rows++ == 0) first = begin;
  if (begin == first) return;
  fits = fits && begin == own && own > first;
  first = begin;
  if (fits) borders.push_back(own);
}

// Rows that are sharp begin anywhere, and those of a window of one key at each row.
bool WeightNotes::Blocks::IsOfBlocks() const {
  return is_known && fits && !borders.empty() && rows >= 3 * (borders.size() + 1);
}

bool WeightNotes::Blocks::AreChunks() const {
  for (size_t i = 0; i < borders.size(); ++i) {
    if (borders[i] != (i + 1) * borders[0]) return false;
  }
  return rows <= (borders.size() + 1) * borders[0];
}

void WeightNotes::EndBlocks(size_t sequence) {
  if (!blocks_.IsOfBlocks()) return;
  std::string borders = std::to_string(blocks_.borders[0]);
  if (blocks_.borders.size() > 1) borders += ", " + std::to_string(blocks_.borders[1]);
  if (blocks_.borders.size() > 2) borders += ", ...";
  std::string text = "layer " + std::to_string(layer_) + ", sequence " + std::to_string(sequence) + ": queries from " +
                     borders + " on give no weight to keys before these; if documents begin " +
                     "there, --segments says so";
  if (blocks_.AreChunks()) text += ", if chunks, --chunked " + std::to_string(blocks_.borders[0]);
  Add(layer_, text, &documents_);
}

void WeightNotes::LookAtLogits(const NotedBlock& block) {
  BeginLayer(block.layer);
  const AttentionView& logits = *block.weights;
  constexpr double kRounding = 2e-2;
  for (size_t sequence = 0; sequence < logits.batch; ++sequence) {
    for (size_t head = 0; head < logits.heads; ++head) {
      for (size_t row = 0; row < logits.queries; ++row) {
        if (has_logits_ || logit_budget_ <= 0) return;
        const WeightRow of_head(logits, sequence, head, row);
        double sum = 0.0;
        for (size_t key = 0; key < logits.keys && !has_logits_; ++key) {
          const float value = of_head.At(logits.type, key);
          sum += value;
          has_logits_ = !(value >= 0.0f && value <= 1.0f);
        }
        logit_budget_ -= static_cast<int64_t>(logits.keys);
        has_logits_ = has_logits_ || std::abs(sum - 1.0) > kRounding;
        ++probability_rows_;
      }
    }
  }
}

void WeightNotes::EndWindow() {
  const bool is_band = before_.IsOfWindow() && window_budget_ > 0;
  const bool has_behind = behind_reach_.most > 0;
  if (is_band && (!has_behind || behind_reach_.IsOfWindow())) {
    std::string text = "layer " + std::to_string(layer_) + ": no query gives any weight to keys more than " +
                       std::to_string(before_.most) + " before its own";
    if (has_behind) text += ", or " + std::to_string(behind_reach_.most) + " behind it";
    text += "; if attention has a window, --window " + std::to_string(before_.most + 1);
    if (has_behind) text += " --window-after " + std::to_string(behind_reach_.most);
    Add(layer_, text + " says so", &window_);
  }
  before_ = behind_reach_ = {};
}

void WeightNotes::LookForPadding(const NotedBlock& block, size_t sequence) {
  const AttentionView& weights = *block.weights;
  if (block.first_row == 0) {
    is_whole_ = true;
    weighted_ = visible_ = {};
  }
  if (!is_whole_) return;
  const RowVisibility visibility = VisibilityOf(block, sequence);
  if (visibility.by_key()) {
    is_whole_ = false;
    return;
  }
  // Later rows see later keys: the last one mostly answers for all.
  for (size_t row = weights.queries; row-- > 0;) {
    const KeyRange range = visibility.Range(row);
    if (range.empty()) continue;
    visible_.Add(range.begin, range.end);
    for (size_t head = 0; head < weights.heads && padding_budget_ > 0; ++head) {
      const WeightRow of_head(weights, sequence, head, row);
      const size_t from = std::clamp(weighted_.end, range.begin, range.end);
      const size_t to = std::clamp(weighted_.begin, range.begin, range.end);
      const size_t end = of_head.EndOfLast(from, range.end);
      const size_t begin = of_head.First(range.begin, to);
      padding_budget_ -= static_cast<int64_t>(range.end - end + begin - range.begin + 1);
      if (end > from) weighted_.Add(end - 1, end);
      if (begin < to) weighted_.Add(begin, begin + 1);
    }
  }
  has_weight_ |= weighted_.end > 0;
  if (padding_budget_ <= 0) is_whole_ = false;
  // One row, as of a decode step, tells nothing.
  if (!is_whole_ || block.first_row + weights.queries < block.all_rows || block.all_rows < 2) return;
  if (weighted_.end == 0) return;
  if (weighted_.end < visible_.end) {
    Add(block.layer,
        Place(block, sequence) + ": no query gives " + KeysText(weighted_.end, visible_.end) +
            " any weight; if this is padding, --key-lengths says so",
        &padding_);
  } else if (weighted_.begin > visible_.begin) {
    Add(block.layer,
        Place(block, sequence) + ": no query gives " + KeysText(visible_.begin, weighted_.begin) +
            " any weight; if this is padding, --first-keys says so",
        &padding_);
  }
}

void WeightNotes::LookBehindDiagonal(const NotedBlock& block, size_t sequence) {
  const AttentionView& weights = *block.weights;
  const RowVisibility visibility = VisibilityOf(block, sequence);
  if (visibility.by_key()) return;
  for (size_t row = 0; row < weights.queries; ++row) {
    const KeyRange range = visibility.Range(row);
    // The last query stands at the last key.
    const size_t behind = weights.keys + block.first_row + row + 1;
    const size_t first = std::max(behind - std::min(behind, block.all_rows), range.begin);
    for (size_t head = 0; head < weights.heads; ++head) {
      if (has_behind_ || behind_budget_ <= 0 || first >= range.end) break;
      const WeightRow of_head(weights, sequence, head, row);
      const size_t found = of_head.First(first, range.end);
      has_behind_ = found < range.end;
      behind_ += range.end - first;
      behind_budget_ -= static_cast<int64_t>(found - first) + 1;
    }
  }
}

void WeightNotes::LookForWindow(const NotedBlock& block, size_t sequence) {
  const AttentionView& weights = *block.weights;
  const Visibility& said = *block.visibility;
  if ((said.window > 0 && said.window_kind == WindowKind::kChunked) || said.segments != nullptr) return;
  if (!said.causal && weights.keys != block.all_rows) return;  // no query has a key of its own
  const RowVisibility visibility = VisibilityOf(block, sequence);
  if (visibility.by_key()) return;
  const bool is_begin = block.first_row == 0;
  if (is_begin || weights.batch > 1) blocks_ = {.is_known = is_begin && said.window == 0};
  for (size_t row = 0; row < weights.queries; ++row) {
    const KeyRange range = visibility.Range(row);
    size_t begin = range.end;
    // Of causal rows the last key that they see.
    const size_t own = said.causal ? range.end - 1 : block.first_row + row;
    if (range.empty() || own < range.begin || own >= range.end) continue;
    for (size_t head = 0; head < weights.heads && window_budget_ > 0; ++head) {
      const WeightRow of_head(weights, sequence, head, row);
      const size_t first = of_head.First(range.begin, range.end);
      window_budget_ -= static_cast<int64_t>(first - range.begin) + 1;
      if (first == range.end) continue;
      before_.Add(own - std::min(first, own), own - range.begin);
      begin = std::min(begin, first);
      if (said.causal) continue;
      const size_t end = of_head.EndOfLast(own + 1, range.end);
      window_budget_ -= static_cast<int64_t>(range.end - end) + 1;
      behind_reach_.Add(end - (own + 1), range.end - (own + 1));
    }
    if (begin < range.end) blocks_.Add(own, begin);
  }
  blocks_.is_known = blocks_.is_known && window_budget_ > 0;
  if (block.first_row + weights.queries == block.all_rows) EndBlocks(block.first_sequence + sequence);
}

void WeightNotes::LookOutside(const NotedBlock& block, size_t sequence) {
  const AttentionView& weights = *block.weights;
  RowVisibility visibility = VisibilityOf(block, sequence);
  for (size_t row = 0; row < weights.queries; ++row) {
    const KeyRange range = visibility.Range(row);
    for (size_t head = 0; head < weights.heads; ++head) {
      if (outside_.layer == block.layer || outside_budget_ <= 0) return;
      const uint8_t* shown = nullptr;
      if (visibility.by_key()) {
        visibility.SelectHead(head);
        shown_.resize(weights.keys);
        shown = visibility.Show(row, range, shown_.data());
        outside_budget_ -= static_cast<int64_t>(range.size());
      }
      if (SeesNothing(range, shown)) continue;  // padding may hold anything
      outside_budget_ -= static_cast<int64_t>(weights.keys - range.size()) + 1;
      const size_t key = FirstUnseen({weights, sequence, head, row}, weights.keys, range, shown);
      if (key == weights.keys) continue;
      Add(block.layer,
          Place(block, sequence) + ", head " + std::to_string(head) + ": query " +
              std::to_string(block.first_row + row) + " gives weight to key " + std::to_string(key) +
              ", which it does not see by " + OptionsText(*block.visibility) + "; such weights are left out",
          &outside_);
    }
  }
}

void WeightNotes::Add(int64_t layer, const std::string& text, Finding* finding) {
  if (finding->layer == layer) return;
  if (finding->layers == 0) finding->first = text;
  finding->layer = layer;
  ++finding->layers;
}

}  // namespace attnscope::tools
