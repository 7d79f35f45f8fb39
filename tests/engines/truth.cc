// SPDX-License-Identifier: Apache-2.0
#include "tests/engines/truth.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>

namespace attnscope::test {
namespace {

constexpr long double kHidden = -std::numeric_limits<long double>::infinity();

// All elements of a tensor as float32, [i3][i2][i1][i0], from a copy of its memory.
class Values {
 public:
  explicit Values(const ggml_tensor& tensor) : bytes_(ggml_nbytes(&tensor)), tensor_(tensor) {
    ggml_backend_tensor_get(&tensor, bytes_.data(), 0, bytes_.size());
  }

  std::vector<float> Row(int64_t i1, int64_t i2, int64_t i3) const {
    std::vector<float> row(static_cast<size_t>(tensor_.ne[0]));
    const char* at = bytes_.data() + static_cast<size_t>(i1) * tensor_.nb[1] + static_cast<size_t>(i2) * tensor_.nb[2] +
                     static_cast<size_t>(i3) * tensor_.nb[3];
    if (tensor_.type == GGML_TYPE_F32) {
      std::memcpy(row.data(), at, row.size() * sizeof(float));
    } else {
      ggml_get_type_traits(tensor_.type)->to_float(at, row.data(), tensor_.ne[0]);
    }
    return row;
  }
  const ggml_tensor& tensor() const { return tensor_; }

 private:
  std::vector<char> bytes_;
  ggml_tensor tensor_;
};

float Param(const ggml_tensor& node, size_t index) {
  float value;
  std::memcpy(&value, node.op_params + index, sizeof(value));
  return value;
}

bool IsCacheOfKeys(const ggml_tensor* tensor) {
  return tensor != nullptr && std::strncmp(tensor->name, "cache_k_l", 9) == 0;
}

// The cache behind keys: they are a view of it, or of such a view a copy in another type.
const ggml_tensor* CacheOf(const ggml_tensor* keys) {
  if (IsCacheOfKeys(keys->view_src)) return keys->view_src;
  const ggml_tensor* const from = keys->op == GGML_OP_CPY ? keys->src[0] : nullptr;
  return from != nullptr && IsCacheOfKeys(from->view_src) ? from->view_src : nullptr;
}

// What the softmax of these rows is made of.
struct Operands {
  const ggml_tensor* queries = nullptr;
  const ggml_tensor* keys = nullptr;
  const ggml_tensor* mask = nullptr;
  const ggml_tensor* sinks = nullptr;
  long double inner = 1.0L;  // s = outer * cap * tanh(inner * x / cap)
  long double outer = 1.0L;
  long double cap = 0.0L;
  float max_bias = 0.0f;
};

Operands OperandsOf(const ggml_tensor& node) {
  Operands read;
  read.max_bias = Param(node, 1);
  if (node.op == GGML_OP_FLASH_ATTN_EXT) {
    read.queries = node.src[0];
    read.keys = node.src[1];
    read.mask = node.src[3];
    read.sinks = node.src[4];
    read.inner = static_cast<long double>(Param(node, 0));
    read.cap = static_cast<long double>(Param(node, 2));
    return read;
  }
  read.mask = node.src[1];
  read.sinks = node.src[2];
  read.outer = static_cast<long double>(Param(node, 0));
  const ggml_tensor* product = node.src[0];
  if (product->op == GGML_OP_SCALE) {  // capped: scale, tanh, scale
    read.cap = static_cast<long double>(Param(*product, 0));
    read.inner = read.cap * static_cast<long double>(Param(*product->src[0]->src[0], 0));
    product = product->src[0]->src[0]->src[0];
  }
  read.keys = product->src[0];
  read.queries = product->src[1];
  return read;
}

// ALiBi's slopes for numbers of heads that are powers of two, which those of the test models are.
long double Slope(float max_bias, int64_t head, int64_t heads) {
  if (max_bias == 0.0f) return 1.0L;
  return std::pow(
      2.0L, -static_cast<long double>(max_bias) * static_cast<long double>(head + 1) / static_cast<long double>(heads));
}

int LayerOf(const ggml_tensor& node) {
  if (node.op == GGML_OP_SOFT_MAX) return std::atoi(node.name + std::strlen("kq_soft_max-"));
  const char* name = node.src[0]->name;  // "Qcur-3 (view) (permuted)"
  if (std::strncmp(name, "Qcur-", 5) == 0) return std::atoi(name + 5);
  const ggml_tensor* const cache = CacheOf(node.src[1]);
  return cache == nullptr ? -1 : std::atoi(cache->name + 9);
}

}  // namespace

void Truth::Shift(int sequence, int begin, int end, int delta) {
  for (auto& [name, cells] : cells_) {
    for (Cell& cell : cells) {
      if ((cell.sequences >> sequence & 1) != 0 && cell.position >= begin && cell.position < end)
        cell.position += delta;
    }
  }
}

void Truth::Copy(int from, int to) {
  for (auto& [name, cells] : cells_) {
    for (Cell& cell : cells) cell.sequences |= (cell.sequences >> from & 1) << to;
  }
}

bool Truth::OnNode(ggml_tensor* node, bool ask, void* opaque) {
  Truth& truth = *static_cast<Truth*>(opaque);
  const bool store = node->op == GGML_OP_SET_ROWS && IsCacheOfKeys(node->view_src);
  const bool attention = node->op == GGML_OP_FLASH_ATTN_EXT ||
                         (node->op == GGML_OP_SOFT_MAX && std::strncmp(node->name, "kq_soft_max", 11) == 0);
  if (ask) return store || attention;
  if (store) truth.OnStore(*node);
  if (attention) truth.OnAttention(*node);
  return true;
}

void Truth::OnStore(const ggml_tensor& node) {
  const int layer = std::atoi(node.view_src->name + 9);
  if (layer < last_layer_) ++ubatch_;
  last_layer_ = layer;
  const ggml_tensor& cache = *node.view_src;
  std::vector<Cell>& cells = cells_[cache.name];
  cells.resize(static_cast<size_t>(cache.ne[1] * cache.ne[2]));
  std::vector<int64_t> indices(static_cast<size_t>(ggml_nelements(node.src[1])));
  ggml_backend_tensor_get(node.src[1], indices.data(), 0, indices.size() * sizeof(int64_t));
  if (ubatch_ >= ubatches_.size() || indices.size() != ubatches_[ubatch_].size()) {
    error_ = "the test expected other ubatches";
    return;
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    const TruthRow& row = ubatches_[ubatch_][i];
    cells[static_cast<size_t>(indices[i])] = {1u << row.sequence, row.position};
  }
}

// Of the ubatch's rows [first, first + rows), which are a node's.
bool Truth::IsMeasured(size_t first, size_t rows, size_t row) const {
  const std::vector<TruthRow>& tokens = ubatches_[ubatch_];
  size_t before = 0, behind = 0;
  while (before < row && tokens[first + row - before - 1].sequence == tokens[first + row].sequence) ++before;
  while (row + behind + 1 < rows && tokens[first + row + behind + 1].sequence == tokens[first + row].sequence) ++behind;
  const size_t count = before + 1 + behind;
  if (count <= middle_rows_) return true;
  const size_t skipped = (count - middle_rows_) / 2;
  return before >= skipped && before < skipped + middle_rows_;
}

void Truth::OnAttention(const ggml_tensor& node) {
  const int layer = LayerOf(node);
  const Operands operands = OperandsOf(node);
  const ggml_tensor& queries = *operands.queries;
  std::vector<Cell> all;
  const ggml_tensor* const cache = CacheOf(operands.keys);
  if (cache != nullptr) {
    all = cells_[cache->name];
  } else {
    if (layer < last_layer_) ++ubatch_;
    last_layer_ = layer;
    for (const TruthRow& row : ubatches_[ubatch_]) all.push_back({1u << row.sequence, row.position});
    all.resize(static_cast<size_t>(operands.keys->ne[1]));  // padded
  }
  if (ubatch_ >= ubatches_.size() || static_cast<size_t>(queries.ne[1] * queries.ne[3]) != ubatches_[ubatch_].size()) {
    error_ = "the test expected other ubatches";
    return;
  }
  AddRows(node, layer, all, cache != nullptr ? static_cast<size_t>(cache->ne[1]) : all.size());
}

void Truth::AddNode(const ggml_tensor& node, int layer) {
  const Operands operands = OperandsOf(node);
  ubatches_.assign(1, std::vector<TruthRow>(static_cast<size_t>(operands.queries->ne[1])));
  ubatch_ = 0;
  std::vector<Cell> cells;
  for (int j = 0; j < operands.keys->ne[1]; ++j) cells.push_back({1u, j});
  AddRows(node, layer, cells, cells.size());
}

// Cells of all streams, `stream_cells` of each.
void Truth::AddRows(const ggml_tensor& node, int layer, const std::vector<Cell>& all, size_t stream_cells) {
  const Operands operands = OperandsOf(node);
  const Values queries(*operands.queries), keys(*operands.keys);
  std::vector<Values> mask;
  if (operands.mask != nullptr) mask.emplace_back(*operands.mask);
  const int64_t rows = queries.tensor().ne[1], heads = queries.tensor().ne[2], streams = queries.tensor().ne[3];
  const int64_t keys_here = keys.tensor().ne[1];
  std::vector<float> sinks;
  if (operands.sinks != nullptr) sinks = Values(*operands.sinks).Row(0, 0, 0);
  Layer& measured = layers_[layer];
  measured.heads.resize(static_cast<size_t>(heads));
  const bool soft_max = node.op == GGML_OP_SOFT_MAX;
  std::vector<Values> weights;
  if (soft_max) weights.emplace_back(node);
  for (int64_t s = 0; s < streams; ++s) {
    const TruthRow& first = ubatches_[ubatch_][static_cast<size_t>(s * rows)];
    const size_t stream = all.size() > stream_cells ? static_cast<size_t>(first.sequence) : 0;
    const std::vector<Cell> cells(all.begin() + static_cast<int64_t>(stream * stream_cells),
                                  all.begin() + static_cast<int64_t>((stream + 1) * stream_cells));
    for (int64_t h = 0; h < heads; ++h) {
      std::vector<std::vector<float>> k;
      for (int64_t j = 0; j < keys_here; ++j) k.push_back(keys.Row(j, h / (heads / keys.tensor().ne[2]), s));
      for (int64_t i = 0; i < rows; ++i) {
        if (!IsMeasured(static_cast<size_t>(s * rows), static_cast<size_t>(rows), static_cast<size_t>(i))) continue;
        const std::vector<float> q = queries.Row(i, h, s);
        std::vector<float> bias(static_cast<size_t>(keys_here));
        if (!mask.empty()) bias = mask[0].Row(i, 0, mask[0].tensor().ne[3] > 1 ? s : 0);
        std::vector<long double> logits(static_cast<size_t>(keys_here), kHidden);
        for (size_t j = 0; j < logits.size(); ++j) {
          if (std::isinf(bias[j])) continue;
          double product = 0.0;
          for (size_t d = 0; d < q.size(); ++d) product += static_cast<double>(q[d]) * static_cast<double>(k[j][d]);
          long double x = operands.inner * static_cast<long double>(product);
          if (operands.cap != 0.0L) x = operands.cap * std::tanh(x / operands.cap);
          logits[j] = operands.outer * x + Slope(operands.max_bias, h, heads) * static_cast<long double>(bias[j]);
        }
        std::vector<long double> given;
        if (soft_max) {
          for (const float weight : weights[0].Row(i, h, s)) given.push_back(static_cast<long double>(weight));
        }
        AddRow(&measured, static_cast<size_t>(h), ubatches_[ubatch_][static_cast<size_t>(s * rows + i)], cells, logits,
               soft_max ? &given : nullptr,
               sinks.empty() ? kHidden : static_cast<long double>(sinks[static_cast<size_t>(h)]));
      }
    }
  }
}

void Truth::AddRow(Layer* layer, size_t head, const TruthRow& row, const std::vector<Cell>& cells,
                   const std::vector<long double>& logits, const std::vector<long double>* weights, long double sink) {
  long double max = sink, max_logit = kHidden;
  for (const long double logit : logits) max = std::max(max, logit), max_logit = std::max(max_logit, logit);
  const auto exp_of = [](long double x) { return static_cast<long double>(std::exp(static_cast<double>(x))); };
  long double keys_z = 0.0L;
  std::vector<long double> shares(logits.size(), 0.0L);
  for (size_t j = 0; j < logits.size(); ++j) {
    if (logits[j] != kHidden) keys_z += shares[j] = exp_of(logits[j] - max_logit);
  }
  const long double lift = exp_of(max_logit - max), z = keys_z * lift + exp_of(sink - max);
  ExactWeights exact;
  exact.null_mass = sink != kHidden;
  LogitSums& sums = layer->heads[head].logits;
  long double largest = 0.0L;
  std::vector<std::pair<size_t, long double>> by_position;
  for (size_t j = 0; j < logits.size(); ++j) {
    if (logits[j] == kHidden) continue;
    const long double weight = shares[j] * lift / z;
    largest = std::max(largest, weight);
    if (weights != nullptr) {
      worst_weight_ = std::max(worst_weight_, static_cast<double>(std::abs((*weights)[j] - weight)));
    }
    if ((cells[j].sequences >> row.sequence & 1) == 0) error_ = "a row sees a cell that is not its sequence's";
    by_position.emplace_back(static_cast<size_t>(std::max(cells[j].position, 0)),
                             weights == nullptr ? weight : (*weights)[j]);
    sums.count += 1;
    sums.sum += logits[j];
    sums.squares += logits[j] * logits[j];
    sums.max_abs = std::max(sums.max_abs, std::abs(logits[j]));
  }
  // Columns in their order, whatever the order of the cells.
  std::sort(by_position.begin(), by_position.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [position, weight] : by_position) {
    if (position < exact.end) error_ = "a row sees two cells of one position";
    exact.columns.push_back(position);
    exact.weights.push_back(weight);
    exact.end = position + 1;
  }
  if (weights == nullptr) {
    sums.rows += 1;
    sums.saturated += largest >= 0.99L ? 1 : 0;
    sums.log_sum_exp += max_logit + std::log(keys_z);
    sums.max = std::max(sums.max, max_logit);
  } else {
    sums = {};
  }
  layer->heads[head].matrices[{row.sequence, parts_[row.sequence]}].push_back(std::move(exact));
}

LayerStats Truth::Stats(int layer) const {
  LayerStats stats;
  const auto at = layers_.find(layer);
  if (at == layers_.end()) return stats;
  std::vector<ExactMatrix> all;
  LogitSums total;
  double sink_heads = 0.0;
  const auto fill = [](const LogitSums& sums, MetricValues* values) {
    if (sums.rows == 0) return;
    (*values)[Metric::kLogitMean] = static_cast<double>(sums.sum / sums.count);
    (*values)[Metric::kLogitStd] =
        static_cast<double>(std::sqrt(sums.squares / sums.count - sums.sum / sums.count * (sums.sum / sums.count)));
    (*values)[Metric::kMaxAbsLogit] = static_cast<double>(sums.max_abs);
    (*values)[Metric::kMaxLogit] = static_cast<double>(sums.max);
    (*values)[Metric::kSaturationRatio] = static_cast<double>(sums.saturated / sums.rows);
    (*values)[Metric::kLogSumExp] = static_cast<double>(sums.log_sum_exp / sums.rows);
  };
  for (const Head& head : at->second.heads) {
    std::vector<ExactMatrix> matrices;
    for (const auto& [key, rows] : head.matrices) matrices.push_back(ExactMatrixOf(rows));
    stats.heads.push_back(ExactMetrics(matrices, 1e-3));
    fill(head.logits, &stats.heads.back());
    if (stats.heads.back()[Metric::kFirstTokenMass] > 0.3) sink_heads += 1.0;
    all.insert(all.end(), matrices.begin(), matrices.end());
    total.rows += head.logits.rows, total.saturated += head.logits.saturated;
    total.log_sum_exp += head.logits.log_sum_exp, total.count += head.logits.count;
    total.sum += head.logits.sum, total.squares += head.logits.squares;
    total.max_abs = std::max(total.max_abs, head.logits.max_abs);
    total.max = std::max(total.max, head.logits.max);
  }
  stats.layer = ExactMetrics(all, 1e-3);
  fill(total, &stats.layer);
  stats.layer[Metric::kSinkRate] = sink_heads / static_cast<double>(stats.heads.size());
  return stats;
}

}  // namespace attnscope::test
