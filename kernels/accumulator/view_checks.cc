// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/view_checks.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "attnscope/limits.h"
#include "kernels/accumulator/visibility_checks.h"
#include "kernels/dimension_checks.h"
#include "kernels/top_k/top_k_checks.h"

namespace attnscope {
namespace {

std::string TypeText(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kFloat16:
      return "float16";
    case ElementType::kBFloat16:
      return "bfloat16";
  }
  return "element type " + std::to_string(static_cast<int>(type));
}

Status OutOfRange(std::string message) { return {StatusCode::kOutOfRange, std::move(message)}; }

Status CheckSize(const char* name, size_t value, size_t least, size_t most) {
  if (value >= least && value <= most) return {};
  return Invalid(std::string(name) + " is " + std::to_string(value) + ", expected " + std::to_string(least) + " to " +
                 std::to_string(most));
}

Status CheckType(const char* name, ElementType type) {
  if (type == ElementType::kFloat32 || type == ElementType::kFloat16 || type == ElementType::kBFloat16) return {};
  return Invalid(std::string(name) + ".type is " + std::to_string(static_cast<int>(type)) + ", not an ElementType");
}

Status CheckBound(const char* name, double value) {
  if (value >= 0.0 && std::isfinite(value)) return {};
  return Invalid(std::string(name) + " is " + std::to_string(value) + ", expected a finite number >= 0");
}

Status CheckPlace(const char* view, const char* name, size_t first, size_t count, size_t capacity) {
  if (first <= capacity && count <= capacity - first) return {};
  return OutOfRange(std::string(view) + " hold " + std::to_string(count) + " " + name + " from " +
                    std::to_string(first) + " on, there is room for " + std::to_string(capacity));
}

// Where a view's matrices go: `View` is AttentionView or QueryKeyView.
template <class View>
Status CheckPlaces(const LayerConfig& config, const char* name, const View& view) {
  if (Status status = CheckPlace(name, "heads", view.first_head, view.heads, config.heads); !status.ok()) return status;
  if (Status status = CheckPlace(name, "sequences", view.first_sequence, view.batch, config.max_batch); !status.ok()) {
    return status;
  }
  if (view.keys <= config.max_keys) return {};
  return OutOfRange(std::string(name) + " have " + std::to_string(view.keys) + " keys, max_keys is " +
                    std::to_string(config.max_keys));
}

template <class View>
Status CheckMeanMatrix(const LayerConfig& config, const View& view) {
  if (!config.mean_matrix) return {};
  if (view.first_head != 0 || view.heads != config.heads) {
    return Invalid("mean-matrix mode needs all " + std::to_string(config.heads) + " heads in one call, not heads " +
                   std::to_string(view.first_head) + " to " + std::to_string(view.first_head + view.heads));
  }
  if (view.first_sequence != 0) {
    return Invalid("mean-matrix mode needs the whole batch in one call, but first_sequence is " +
                   std::to_string(view.first_sequence));
  }
  return {};
}

Status CheckMatrices(const LayerConfig& config, const char* name, const AttentionView& view,
                     const Visibility& visibility) {
  if (Status status = CheckType(name, view.type); !status.ok()) return status;
  if (Status status = CheckPlaces(config, name, view); !status.ok()) return status;
  if (Status status = CheckDimensions(name, view.data,
                                      {{"keys", view.keys, 1},
                                       {"queries", view.queries, view.query_stride},
                                       {"heads", view.heads, view.head_stride},
                                       {"batch", view.batch, view.batch_stride}});
      !status.ok()) {
    return status;
  }
  if (Status status = CheckSize("queries", view.queries, 0, kMaxQueries); !status.ok()) return status;
  if (Status status = CheckVisibility(config, ShapeOf(view), visibility); !status.ok()) return status;
  return CheckMeanMatrix(config, view);
}

// One block of keys of each head and, without pages, of each sequence.
Status CheckKeyBlock(const std::string& name, const QueryKeyView& view, const void* data, size_t keys) {
  return CheckDimensions(name, data,
                         {{"head_dim", view.head_dim, view.key_dim_stride},
                          {"keys", keys, view.key_stride},
                          {"kv_heads", view.kv_heads, view.key_head_stride},
                          {"batch", view.batch, view.pages == nullptr ? view.key_batch_stride : 0}});
}

Status CheckKeys(const QueryKeyView& view) {
  if (view.key_loader.load != nullptr) return {};
  if (view.pages == nullptr) return CheckKeyBlock("keys", view, view.key_data, view.keys);
  if (view.batch > 1) return Invalid("batch is " + std::to_string(view.batch) + ", but pages need a batch of 1");
  size_t keys = 0;
  for (size_t i = 0; i < view.num_pages; ++i) {
    const KeyPage& page = view.pages[i];
    const std::string name = "pages[" + std::to_string(i) + "]";
    if (Status status = CheckKeyBlock(name, view, page.data, page.keys); !status.ok()) return status;
    if (page.keys > view.keys - keys) {
      return Invalid(name + ".keys is " + std::to_string(page.keys) + ", but only " + std::to_string(view.keys - keys) +
                     " of " + std::to_string(view.keys) + " keys are left");
    }
    keys += page.keys;
  }
  if (keys == view.keys) return {};
  return Invalid("the pages hold " + std::to_string(keys) + " keys, expected " + std::to_string(view.keys));
}

// Zero, or a number whose products with float32 numbers of ordinary size neither overflow nor vanish.
Status CheckFactor(const char* name, double value) {
  if (value == 0.0 || (value >= 0x1p-96 && value <= 0x1p96)) return {};
  return Invalid(std::string(name) + " is " + std::to_string(value) + ", expected 0 or 2^-96 to 2^96");
}

Status CheckSoftmax(const SoftmaxParams& params, size_t batch, size_t heads, size_t queries, size_t keys) {
  if (Status status = CheckFactor("scale", params.scale); !status.ok()) return status;
  if (Status status = CheckFactor("soft_cap", params.soft_cap); !status.ok()) return status;
  if (std::isnan(params.masked_below) || params.masked_below == HUGE_VAL) {
    return Invalid("masked_below is " + std::to_string(params.masked_below) + ", expected a number or -infinity");
  }
  for (size_t head = 0; params.sinks != nullptr && head < heads; ++head) {
    if (params.sinks[head] < HUGE_VALF) continue;
    return Invalid("sinks[" + std::to_string(head) + "] is " + std::to_string(params.sinks[head]) +
                   ", expected a number or -infinity");
  }
  if (params.bias.data == nullptr) return {};
  if (Status status = CheckType("bias", params.bias.type); !status.ok()) return status;
  for (size_t head = 0; params.bias.head_factors != nullptr && head < heads; ++head) {
    if (std::isfinite(params.bias.head_factors[head])) continue;
    return Invalid("bias.head_factors[" + std::to_string(head) + "] is " +
                   std::to_string(params.bias.head_factors[head]) + ", expected a finite number");
  }
  return CheckDimensions("bias", params.bias.data,
                         {{"keys", keys, 1},
                          {"queries", queries, params.bias.query_stride},
                          {"heads", heads, params.bias.head_stride},
                          {"batch", batch, params.bias.batch_stride}});
}

}  // namespace

Status CheckConfig(const LayerConfig& config) {
  if (Status status = CheckSize("heads", config.heads, 1, kMaxHeads); !status.ok()) return status;
  if (Status status = CheckSize("max_batch", config.max_batch, 1, kMaxBatch); !status.ok()) return status;
  if (Status status = CheckSize("max_keys", config.max_keys, 0, kMaxKeys); !status.ok()) return status;
  if (Status status = CheckBound("tolerance_float32", config.tolerance_float32); !status.ok()) return status;
  if (Status status = CheckBound("tolerance_half", config.tolerance_half); !status.ok()) return status;
  if (Status status = CheckBound("saturation_bound", config.saturation_bound); !status.ok()) return status;
  return CheckTopK("top_k", config.top_k);
}

Status CheckAttention(const LayerConfig& config, const AttentionView& view, const Visibility& visibility) {
  return CheckMatrices(config, "weights", view, visibility);
}

Status CheckLogits(const LayerConfig& config, const AttentionView& view, const SoftmaxParams& params) {
  if (Status status = CheckMatrices(config, "logits", view, params.mask); !status.ok()) return status;
  return CheckSoftmax(params, view.batch, view.heads, view.queries, view.keys);
}

Status CheckQueriesKeys(const LayerConfig& config, const QueryKeyView& view, const SoftmaxParams& params) {
  if (Status status = CheckType("queries", view.query_type); !status.ok()) return status;
  if (Status status = CheckType("keys", view.key_type); !status.ok()) return status;
  if (Status status = CheckSize("head_dim", view.head_dim, 1, kMaxHeadDim); !status.ok()) return status;
  if (view.kv_heads == 0 ? view.heads != 0 : view.heads % view.kv_heads != 0) {
    return Invalid("kv_heads is " + std::to_string(view.kv_heads) + ", expected a divisor of heads, which is " +
                   std::to_string(view.heads));
  }
  if (Status status = CheckPlaces(config, "queries", view); !status.ok()) return status;
  if (Status status = CheckDimensions("queries", view.query_data,
                                      {{"head_dim", view.head_dim, view.query_dim_stride},
                                       {"queries", view.queries, view.query_stride},
                                       {"heads", view.heads, view.query_head_stride},
                                       {"batch", view.batch, view.query_batch_stride}});
      !status.ok()) {
    return status;
  }
  if (Status status = CheckSize("queries", view.queries, 0, kMaxQueries); !status.ok()) return status;
  if (Status status = CheckKeys(view); !status.ok()) return status;
  if (Status status = CheckVisibility(config, ShapeOf(view), params.mask); !status.ok()) return status;
  if (Status status = CheckMeanMatrix(config, view); !status.ok()) return status;
  return CheckSoftmax(params, view.batch, view.heads, view.queries, view.keys);
}

Status CheckActivations(const ActivationView& before, const ActivationView& after) {
  if (before.batch != after.batch || before.tokens != after.tokens || before.channels != after.channels) {
    const auto shape = [](const ActivationView& view) {
      std::string text = "[";
      text += std::to_string(view.batch) + ", " + std::to_string(view.tokens) + ", " + std::to_string(view.channels);
      return text + "]";
    };
    return Invalid("the residual stream has shape " + shape(before) + " before the block and " + shape(after) +
                   " after it");
  }
  if (before.type != after.type) {
    return Invalid("the residual stream is of " + TypeText(before.type) + " before the block and of " +
                   TypeText(after.type) + " after it");
  }
  for (const ActivationView* view : {&before, &after}) {
    const char* name = view == &before ? "before" : "after";
    if (Status status = CheckType(name, view->type); !status.ok()) return status;
    if (Status status = CheckDimensions(name, view->data,
                                        {{"channels", view->channels, 1},
                                         {"tokens", view->tokens, view->token_stride},
                                         {"batch", view->batch, view->batch_stride}});
        !status.ok()) {
      return status;
    }
  }
  return {};
}

Status CheckBuffer(const BufferView& buffer) {
  if (Status status = CheckType("gradient", buffer.type); !status.ok()) return status;
  return CheckDimensions("gradient", buffer.data, {{"size", buffer.size, 1}});
}

}  // namespace attnscope
