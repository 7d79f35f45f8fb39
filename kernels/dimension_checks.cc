// SPDX-License-Identifier: Apache-2.0
#include "kernels/dimension_checks.h"

#include <utility>

#include "attnscope/limits.h"

namespace attnscope {

Status Invalid(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }

Status CheckDimensions(const std::string& name, const void* data, std::initializer_list<Dimension> dimensions) {
  size_t elements = 1;
  size_t span = 0;
  bool empty = false;
  for (const Dimension& dimension : dimensions) {
    if (dimension.size == 0) {
      empty = true;
      continue;
    }
    const size_t stride = dimension.stride < 0 ? size_t{0} - static_cast<size_t>(dimension.stride)
                                               : static_cast<size_t>(dimension.stride);
    const size_t steps = dimension.size - 1;
    if (elements > kMaxViewElements / dimension.size || (steps != 0 && stride > (kMaxViewElements - span) / steps)) {
      return Invalid(name + " overflows: " + dimension.name + " is " + std::to_string(dimension.size) +
                     " with stride " + std::to_string(dimension.stride));
    }
    elements *= dimension.size;
    span += steps * stride;
  }
  if (data != nullptr || empty) return {};
  return Invalid(name + ".data is null, but there are " + std::to_string(elements) + " elements");
}

}  // namespace attnscope
