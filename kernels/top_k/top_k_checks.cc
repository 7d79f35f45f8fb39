// SPDX-License-Identifier: Apache-2.0
#include "kernels/top_k/top_k_checks.h"

#include <cstddef>
#include <utility>

#include "attnscope/limits.h"

namespace attnscope {
namespace {

Status Wrong(const std::string& name, std::string what) {
  return {StatusCode::kInvalidArgument, name + " " + std::move(what)};
}

}  // namespace

std::string TextOf(const TopKValues& top_k) {
  std::string text;
  for (const uint32_t k : top_k) {
    if (!text.empty()) text += ", ";
    text += std::to_string(k);
  }
  return text;
}

Status CheckTopK(const std::string& name, const TopKValues& top_k) {
  const size_t count = top_k.num_given();
  if (count == 0 || count > kMaxTopMasses) {
    return Wrong(name, "has " + std::to_string(count) + " values, expected 1 to " + std::to_string(kMaxTopMasses));
  }
  for (size_t i = 0; i < count; ++i) {
    if (top_k[i] < 1 || top_k[i] > kMaxTopK) {
      return Wrong(name, "has the value " + std::to_string(top_k[i]) + ", expected 1 to " + std::to_string(kMaxTopK));
    }
    if (i > 0 && top_k[i] <= top_k[i - 1]) {
      return Wrong(name, "is " + TextOf(top_k) + ", which does not ascend");
    }
  }
  return {};
}

}  // namespace attnscope
